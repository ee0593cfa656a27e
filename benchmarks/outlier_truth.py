"""Outliers held against the truth: cosmic rays found by brightness, and stars that lose their core by sharpness.

    python benchmarks/outlier_truth.py [--exposures N] [--size N] [--seeds N] [--balance B ...]

Dithered exposures of stars, narrow and broad, with cosmic rays that nobody has flagged are simulated and cleaned by
`outlier_detection`, with the guard of undersampled cores (`balance`) off and on. Printed are, for each width of the
stars (FWHM in pixels), the share of stars with an outlier in the 3 x 3 pixels of their core that no cosmic ray
explains, and the share of pixels hit that are found, by brightness in units of the error, on the sky and in cores.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
from scipy import ndimage

from jwgpu import simulate, steps
from jwgpu.data import PIXEL, Exposures

EDGES = (3, 5, 7, 10, 20, np.inf)
NEXT = np.ones((3, 3))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--exposures", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--balance", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.3])
    options = parser.parse_args()
    bins = [f"{a:g}-{b:g}" for a, b in itertools.pairwise(EDGES)]
    print("| FWHM | balance | stars with a spoilt core | found: " + " | ".join(bins) + " | in cores, above 7 |")
    print("|---|---|---|" + "---|" * (len(bins) + 1))
    for fwhm in (1.0, 1.3, 1.7, 2.5):
        sets = [made(options, fwhm, seed) for seed in range(1, options.seeds + 1)]
        for balance in options.balance:
            found = sum(judged(one, balance) for one in sets)
            shares = found[0] / np.maximum(found[1], 1)
            print(f"| {fwhm} | {balance:g} | " + " | ".join(f"{100 * s:.1f}%" for s in shares) + " |", flush=True)


def made(options, fwhm: float, seed: int):
    """Return a set of dithers of bright stars."""
    return simulate.dithers(
        options.exposures, size=options.size, fwhm=fwhm, n_stars=options.size**2 // 500, n_galaxies=0, snr=100.0,
        cosmic_rays=1e-3, pointing_error=0.003, seed=seed, siaf=False,
    )  # fmt: skip


def judged(dithers, balance: float) -> np.ndarray:
    """Return counts, (2, n): spoilt and found ones, and all; of stars, of rays by brightness, of those in cores."""
    counts = np.zeros((2, len(EDGES) + 1))
    for k, (image, cleaned) in enumerate(
        zip(dithers.images, steps.outlier_detection(Exposures.of(dithers.images), balance=balance))
    ):
        flagged = (cleaned.dq & PIXEL.OUTLIER) != 0
        rays = ndimage.binary_dilation(dithers.truth.mask(k), NEXT)
        x, y = (np.rint(c[np.isfinite(c)]).astype(int) for c in dithers.truth.positions(k))
        inside = (x > 4) & (y > 4) & (x < image.shape[1] - 5) & (y < image.shape[0] - 5)
        core = np.zeros(image.shape, bool)
        core[y[inside], x[inside]] = True
        core = ndimage.binary_dilation(core, NEXT)
        spoilt, hit = (ndimage.maximum_filter(mask, 3)[y[inside], x[inside]] for mask in (flagged & ~rays, rays))
        counts[:, 0] += spoilt[~hit].sum(), (~hit).sum()
        hits = dithers.truth.hits[k]
        brightness = np.zeros(image.shape)
        with np.errstate(invalid="ignore"):
            brightness[hits["y"], hits["x"]] = hits["brightness"] / image.err[hits["y"], hits["x"]]
        for b, (low, high) in enumerate(itertools.pairwise(EDGES)):
            some = (brightness > low) & (brightness <= high) & ~core
            counts[:, 1 + b] += (some & flagged).sum(), some.sum()
        some = (brightness > 7) & core
        counts[:, -1] += (some & flagged).sum(), some.sum()
    return counts


if __name__ == "__main__":
    main()
