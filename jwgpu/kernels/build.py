"""Compile the kernel source for a GPU: NVRTC options, one module per device and scratch size, readable errors."""

from __future__ import annotations

import functools
from pathlib import Path

SOURCE = Path(__file__).parent / "src"

GROUP_SIZES = (16, 64, 256, 1024)
"""Sizes of per-ramp scratch that kernels are compiled for; a ramp uses the smallest that holds it."""

# No fused multiply-adds and no flush to zero, so that the GPU gives the same bits as the CPU library.
OPTIONS = ("-std=c++17", "-fmad=false", f"-I{SOURCE}")


def group_size(n_groups: int) -> int | None:
    """Return the scratch size for ramps of `n_groups` groups, None where no compiled size is large enough."""
    return next((size for size in GROUP_SIZES if n_groups <= size), None)


def gpu_function(name: str, size: int):
    """Return the compiled CUDA function of kernel `name` for scratch of `size` groups, on the current device."""
    import cupy

    return _module(size, cupy.cuda.Device().id).get_function(f"{name}_{size}")


@functools.cache
def _module(size: int, device: int):
    import cupy

    module = cupy.RawModule(code='#include "all.h"\n', options=(*OPTIONS, f"-DJW_GROUPS={size}"), backend="nvrtc")
    try:
        module.compile()
    except Exception as error:
        raise RuntimeError(
            f"the kernels did not compile for this GPU ({error}); set JWGPU_DEVICE=cpu to go on without it"
        ) from error
    return module
