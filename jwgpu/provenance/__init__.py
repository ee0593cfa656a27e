"""What was done to an exposure, and with what."""

from jwgpu.provenance.record import Record

__all__ = ["Record"]
