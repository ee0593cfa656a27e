"""Run the ten lines of README.md as they stand there, and draw the picture below them.

python notebooks/pictures/flow.py
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path

PICTURE = Path(__file__).with_name("flow.png")
README = Path(__file__).parents[2] / "README.md"


def lines() -> str:
    """Return the example of README.md that begins with raw files and ends with a mosaic."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return next(block for block in blocks if "write_raw" in block)


def run(folder: Path) -> dict:
    """Run the example in a folder; return its names."""
    names: dict = {}
    with contextlib.chdir(folder):
        exec(compile(lines(), str(README), "exec"), names)
    return names


def figure(names: dict):
    """Return one exposure as it was read, the same calibrated, and the mosaic with its sources."""
    import numpy as np
    from matplotlib.colors import AsinhNorm
    from matplotlib.figure import Figure

    ramp, image, mosaic, catalog = names["ramp"], names["images"][-1], names["run"].i2d, names["run"].catalog
    drawn = Figure(figsize=(13, 4.6), layout="constrained")
    panels = drawn.subplots(1, 3)
    planes = {
        f"one of {len(names['files'])} raw exposures: the last group (DN)": ramp.to("cpu").data[-1, -1],
        "the same, calibrated (MJy/sr)": image.to("cpu").data,
        f"the mosaic, with its {len(catalog)} sources (MJy/sr)": mosaic.to("cpu").data,
    }
    for axes, (title, plane) in zip(panels, planes.items()):
        low, middle, high = np.nanpercentile(plane, (16, 50, 99.7))
        noise = middle - low
        norm = AsinhNorm(6 * noise, vmin=middle - 3 * noise, vmax=max(high, middle + 10 * noise))
        axes.imshow(plane, origin="lower", norm=norm, cmap="magma")
        axes.set_title(title, fontsize=11)
        axes.set(xticks=[], yticks=[])
    for extended, mark, colour in ((False, "o", "#56b4e9"), (True, "s", "#f0e442")):
        of_kind = catalog["is_extended"] == extended
        panels[2].plot(catalog["xcentroid"][of_kind], catalog["ycentroid"][of_kind], mark, ms=9, mfc="none",
                       color=colour, mew=1.2, ls="none")  # fmt: skip
    return drawn


def save(drawn, path: Path) -> None:
    """Write a figure as a small PNG of 128 colours."""
    from PIL import Image

    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=80)
    Image.open(stream).convert("RGB").quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        save(figure(run(Path(folder))), PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")
