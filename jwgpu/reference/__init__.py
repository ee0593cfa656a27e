"""Reference files: which ones an exposure needs, from where, cut to it and brought to its device."""

from jwgpu.reference.parameters import ParameterFile
from jwgpu.reference.references import References, Source, references

__all__ = ["ParameterFile", "References", "Source", "references"]
