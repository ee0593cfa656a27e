"""Print what every kernel takes on every GPU architecture: registers, stack and spills a thread.

NVRTC compiles the kernels; neither a GPU nor CuPy is needed:

    pip install nvidia-cuda-nvrtc-cu12
    python benchmarks/nvrtc_table.py [ARCHITECTURE ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")


def rows(architectures: tuple[str, ...] = ARCHITECTURES) -> list[dict]:
    """Compile every kernel for every scratch size; return what it takes by architecture, nothing without NVRTC."""
    tests = str(Path(__file__).parents[1] / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    from ptx import nvrtc

    from jwgpu.kernels.build import GROUP_SIZES, OPTIONS

    if nvrtc.library() is None:
        return []
    found: dict[str, dict] = {}
    for size in GROUP_SIZES:
        options = (*OPTIONS, f"-DJW_GROUPS={size}")
        for arch in architectures:
            for name, usage in nvrtc.usage('#include "all.h"\n', options, arch).items():
                found.setdefault(name, {"kernel": name})[arch] = vars(usage)
    return [found[name] for name in sorted(found, key=_by_name_and_size)]


def _by_name_and_size(name: str) -> tuple[str, int]:
    kernel, _, size = name.rpartition("_")
    return kernel, int(size)


def markdown(table: list[dict]) -> str:
    """Return the rows as a Markdown table."""
    if not table:
        return "NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12): registers and spills are not known.\n"
    architectures = [key for key in table[0] if key != "kernel"]
    head = " | ".join(f"{arch}: registers, stack, spilled (bytes)" for arch in architectures)
    lines = [f"| kernel | {head} |", "|---|" + "---:|" * len(architectures)]
    for row in table:
        cells = (row[arch] for arch in architectures)
        words = (f"{u['registers']}, {u['stack']}, {u['spill_stores'] + u['spill_loads']}" for u in cells)
        lines.append(f"| {row['kernel']} | {' | '.join(words)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compile and print."""
    table = rows(tuple(sys.argv[1:]) or ARCHITECTURES)
    print(markdown(table), end="")
    return 0 if table else 2


if __name__ == "__main__":
    sys.exit(main())
