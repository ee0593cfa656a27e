"""A CuPy that needs no GPU: NumPy inside, CuPy's rules outside.

`installed()` puts it into `sys.modules` as `cupy` and `cupyx`. Array code that passes under it makes no implicit
transfer, mixes no devices, uses no name or keyword that the real package lacks (`cupy_api.json`), casts no NaN to an
integer and scatters to no index twice. `RawModule` runs the real kernel source on the CPU.

What it cannot show: races between threads, streams, CuPy's own kernels, anything about speed.
"""

from __future__ import annotations

import contextlib
import sys

from fakecupy.arrays import ImplicitTransfer, ndarray
from fakecupy.library import MODULES
from fakecupy.state import Counts, State, counts, state

__all__ = ["Counts", "ImplicitTransfer", "State", "counts", "installed", "ndarray", "options", "state"]


def _forget() -> None:
    """Clear what jwgpu remembers about the GPU."""
    from jwgpu.backend import device
    from jwgpu.kernels import build

    device.probe.cache_clear()
    build._module.cache_clear()


@contextlib.contextmanager
def installed():
    """Let `import cupy` find the double inside the block; gives the module."""
    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in ("cupy", "cupyx")}
    for name in before:
        del sys.modules[name]
    sys.modules.update(MODULES)
    _forget()
    try:
        yield MODULES["cupy"]
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0] in ("cupy", "cupyx")]:
            del sys.modules[name]
        sys.modules.update(before)
        _forget()


@contextlib.contextmanager
def options(*, engine: str = "source", reverse: bool = False):
    """Choose how kernels run inside the block: from the `source` or from its `ptx`; threads in reverse order."""
    before = state.engine, state.reverse
    state.engine, state.reverse = engine, reverse
    _forget()
    try:
        yield
    finally:
        state.engine, state.reverse = before
        _forget()
