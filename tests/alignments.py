"""Sets of dithered images to be aligned, and how far images lie from where they truly are."""

from __future__ import annotations

import numpy as np

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import Exposures
from jwgpu.steps.tweakreg.members import direction

CLOSE = dict(separation=0.3, tolerance=0.2)
ABSOLUTE = dict(abs_separation=0.3, abs_tolerance=0.2)
SET = dict(size=400, n_stars=120, separation=0.4, n_galaxies=4, snr=60.0, seed=3)
N = SET["size"]
BEST = dict(starfinder="dao", sharplo=0.2, sharphi=1.0, roundlo=-1.0, roundhi=1.0, refine=True)


def offsets(images, made, relative=True):
    """Return by how much (mas, along two axes) each image lies beside the truth, at points across it: (image, 2, n)."""
    rows, columns = images[0].shape
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, columns - 1, 6), np.linspace(0, rows - 1, 6)))
    middle = direction(*made.truth.wcs[0](columns / 2, rows / 2))
    # East and north; at the pole, whatever directions.
    east = np.cross([0, 0, 1], middle) if abs(middle[2]) < 0.99999999 else np.array([1.0, 0, 0])
    axes = np.array([east / np.linalg.norm(east), np.cross(middle, east / np.linalg.norm(east))])
    pairs = zip(images, made.truth.wcs)
    found = np.array([axes @ (direction(*i.wcs(x, y)) - direction(*t(x, y))) for i, t in pairs]) * 206264806.2
    return found - found[:1].mean(axis=2, keepdims=True) if relative else found


def align(images, **parameters):
    with jw.byproducts() as left:
        done = steps.tweakreg(Exposures.of(images, product_name="field"), **parameters)
    return done, left["tweakreg"]
