"""Time compiled transforms beside gwcs, for every pixel of a full frame, in both directions.

    python benchmarks/wcs.py [FILE ...]

FILE is a product with a WCS, or an ASDF file with a gwcs as `wcs`; without any, a simulated NIRCam detector is taken.
Both take the same arrays in turn, three times; the best counts. `grid` asks for the pixels as one row and one column.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np


def simulated():
    """Return the WCS of a simulated NIRCam full frame."""
    from jwgpu import simulate
    from jwgpu.simulate.distortion import model
    from jwgpu.simulate.instruments import detector
    from jwgpu.wcs import WCS
    from jwgpu.wcs.imaging import imaging

    meta = simulate.tiny("nircam").ramp.meta.set({"velocity_aberration.scale_factor": 0.99995})
    return WCS(imaging(meta, (2048, 2048), model(detector("NIRCAM", "NRCB1"), (2048, 2048)), (0.04, -0.15)))


def read(path: str):
    """Return the WCS in a file."""
    if not path.endswith(".asdf"):
        import jwgpu

        return jwgpu.open(path, device="cpu").wcs
    import asdf

    from jwgpu.wcs import WCS

    with asdf.open(path, lazy_load=False, memmap=False) as file:
        return WCS(file["wcs"])


def seconds(function, *arguments) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def measure(name: str, wcs) -> None:
    """Print times, ratios and the largest differences of one transform."""
    (x0, x1), (y0, y1) = wcs.bounding_box
    rows, columns = np.arange(np.ceil(y0), y1)[:, None], np.arange(np.ceil(x0), x1)[None]
    y, x = (np.ascontiguousarray(a) for a in np.broadcast_arrays(rows, columns))
    world = wcs.gwcs(x, y)
    wcs.invert(*wcs(x, y))  # compiled once
    calls = {
        "pixels to sky": (wcs.gwcs, wcs, (x, y), "degree"),
        "pixels to sky, grid": (wcs.gwcs, lambda *_: wcs(columns, rows), (x, y), "degree"),
        "sky to pixels": (wcs.gwcs.invert, wcs.invert, world, "pixel"),
    }
    print(f"\n{name}: {x.shape[1]} x {x.shape[0]} pixels\n")
    print("| | gwcs (s) | jwgpu (s) | ratio | differs by |\n|---|---:|---:|---:|---|")
    for label, (theirs, ours, arguments, unit) in calls.items():
        times = np.array([(seconds(theirs, *arguments), seconds(ours, *arguments)) for _ in range(3)]).min(axis=0)
        apart = max(np.nanmax(np.abs(a - b)) for a, b in zip(theirs(*arguments), ours(*arguments)))
        print(f"| {label} | {times[0]:.2f} | {times[1]:.3f} | {times[0] / times[1]:.0f} | {apart:.1e} {unit} |")


def main() -> None:
    """Measure every file that was named, or the simulated detector."""
    warnings.simplefilter("ignore")  # of standards that older files were written by
    for path in sys.argv[1:] or [None]:
        measure(path or "simulated NRCB1", read(path) if path else simulated())


if __name__ == "__main__":
    main()
