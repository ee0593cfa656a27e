"""Hot loops: one C++ source for the CPU (OpenMP) and the GPU (NVRTC), each beside a readable array reference."""

from jwgpu.kernels.launch import Rows, as_they_lie, available, launch, library_words

__all__ = ["Rows", "as_they_lie", "available", "launch", "library_words"]
