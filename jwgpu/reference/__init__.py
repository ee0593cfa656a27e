"""Reference files: which ones an exposure needs, from where, cut to it and brought to its device."""

from jwgpu.reference.references import References, Source, references

__all__ = ["References", "Source", "references"]
