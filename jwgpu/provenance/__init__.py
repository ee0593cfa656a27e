"""What was done to an exposure, and with what."""

from jwgpu.provenance.record import Record, state_path

__all__ = ["Record", "state_path"]
