"""Print what every kernel takes on every GPU architecture: registers, stack and spills a thread.

NVRTC compiles the kernels; neither a GPU nor CuPy is needed:

    pip install nvidia-cuda-nvrtc-cu12
    python benchmarks/nvrtc_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ptx import nvrtc

from jwgpu.kernels.build import GROUP_SIZES, OPTIONS

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")


def main() -> int:
    """Compile and print."""
    if nvrtc.library() is None:
        print("NVRTC is not installed: pip install nvidia-cuda-nvrtc-cu12", file=sys.stderr)
        return 2
    print(f"{'kernel':<24} {'architecture':<13} {'registers':>9} {'stack':>7} {'spill stores':>13} {'spill loads':>12}")
    for size in GROUP_SIZES:
        table = {
            arch: nvrtc.usage('#include "all.h"\n', (*OPTIONS, f"-DJW_GROUPS={size}"), arch) for arch in ARCHITECTURES
        }
        for name in sorted(table[ARCHITECTURES[0]]):
            for arch in ARCHITECTURES:
                u = table[arch][name]
                print(f"{name:<24} {arch:<13} {u.registers:>9} {u.stack:>7} {u.spill_stores:>13} {u.spill_loads:>12}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
