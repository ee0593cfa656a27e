"""Planes that even out the sky of exposures where it is tilted, too: an offset and two slopes for each group."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.numerics.medians import block_medians
from jwgpu.numerics.polygon import TangentPlane, directions
from jwgpu.steps.skymatch.regions import Outline

BLOCK = 16
"""Pixels along the side of a block whose median is taken."""

CELL = 4
"""Blocks along the side of a piece of sky in which exposures are compared."""

_NODE = 64
"""Pixels between points whose place on the sky is computed."""

_ROUNDS, _SIGMA = 5, 3.0


@dataclasses.dataclass(frozen=True)
class Sky:
    """The plane in which levels are compared, the length its coordinates are counted in, and the size of a piece."""

    plane: TangentPlane
    unit: float
    piece: float

    @classmethod
    def around(cls, outlines: list[Outline]) -> Sky:
        """Return the tangent plane in the middle of exposures; the unit is the size of the largest."""
        middles = [o.vectors.mean(axis=0) for o in outlines]
        unit = max(np.linalg.norm(o.vectors - m, axis=1).max() for o, m in zip(outlines, middles))
        sky = cls(TangentPlane(np.mean(middles, axis=0)), float(unit), 0.0)
        (x, y), side = ((n - 1) / 2 for n in outlines[0].shape[::-1]), CELL * BLOCK
        ends = sky.of(outlines[0], np.array([x, x + side, x]), np.array([y, y, y + side]))
        return dataclasses.replace(sky, piece=float(np.sqrt(abs(np.linalg.det(ends[1:] - ends[0])))))

    def of(self, outline: Outline, x, y) -> np.ndarray:
        """Return the coordinates (..., 2) of pixels."""
        return self.plane(directions(*outline.wcs(x, y, with_bounding_box=False))) / self.unit


@dataclasses.dataclass(frozen=True)
class Cells:
    """Levels of an exposure in pieces of sky.

    Attributes
    ----------
    number : (n, 2) int64
        Which piece.
    place : (n, 2) float64
        Its middle, as far as the exposure covers it.
    level, weight : (n,) float64
        Mean of the medians of blocks, and how many there are.
    """

    number: np.ndarray
    place: np.ndarray
    level: np.ndarray
    weight: np.ndarray


def cells(values, outline: Outline, sky: Sky) -> Cells:
    """Return the levels of an exposure, (y, x) float32 with infinity for what is not to be used."""
    medians = backend.to_host(block_medians(values, BLOCK))
    y, x = (np.arange(n) * BLOCK + (BLOCK - 1) / 2 for n in medians.shape)
    place = sky.of(outline, *np.meshgrid(x, y))
    known = np.isfinite(medians)
    number, which = np.unique(np.floor(place[known] / sky.piece).astype(np.int64), axis=0, return_inverse=True)
    which, n = which.ravel(), len(number)
    weight = np.bincount(which, minlength=n).astype(np.float64)
    mean = [np.bincount(which, v, n) / weight for v in (*place[known].T, medians[known].astype(np.float64))]
    full = weight > CELL * CELL / 2
    return Cells(number[full], np.stack(mean[:2], axis=1)[full], mean[2][full], weight[full])


def fit(found: list[Cells], groups: list[tuple[int, ...]]) -> np.ndarray:
    """Return offset and slopes of each group, (group, 3), by least squares.

    Each piece of sky that two groups have a level in says by how much their planes differ there; what is off by more
    than three standard deviations, as where a source lies on the edge of the piece, is left out. What is common to all
    planes shows nowhere: of all solutions it is the smallest.

    Returns
    -------
    (group, 3) float64
        NaN for a group that no other overlaps.
    """
    rows, right, weight = [], [], []
    pieces = [_by_number(found, group) for group in groups]
    for i, here in enumerate(pieces):
        for j in range(i + 1, len(pieces)):
            for number in here.keys() & pieces[j].keys():
                (place, level, n), (_, other, m) = here[number], pieces[j][number]
                row = np.zeros((len(groups), 3))
                row[i] = 1.0, *place
                row[j] = -row[i]
                rows.append(row.ravel())
                right.append(level - other)
                weight.append(min(n, m))
    planes = np.full((len(groups), 3), np.nan)
    if not rows:
        return planes
    rows, right, weight = np.array(rows), np.array(right), np.array(weight)
    kept = np.ones(len(right), bool)
    for _ in range(_ROUNDS):
        scale = np.sqrt(weight[kept])
        solved = np.linalg.lstsq(rows[kept] * scale[:, None], right[kept] * scale, rcond=1e-9)[0]
        off = right - rows @ solved
        spread = 1.4826 * np.median(abs(off[kept] - np.median(off[kept])))
        now = abs(off) <= max(_SIGMA * spread, 1e-12)
        if (now == kept).all() or now.sum() < 3 * len(groups):
            break
        kept = now
    joined = rows.reshape(len(right), -1, 3)[kept, :, 0].any(axis=0)
    planes[joined] = solved.reshape(-1, 3)[joined]
    return planes


def _by_number(found: list[Cells], group) -> dict:
    """Return place, level and weight of the pieces of sky that a group sees; of two exposures of one, the larger."""
    pieces: dict = {}
    for cell in (found[k] for k in group):
        for number, place, level, weight in zip(map(tuple, cell.number), cell.place, cell.level, cell.weight):
            if number not in pieces or pieces[number][2] < weight:
                pieces[number] = place, level, weight
    return pieces


def middle(plane: np.ndarray, outline: Outline, sky: Sky) -> float:
    """Return the value of a plane in the middle of an exposure."""
    x, y = ((n - 1) / 2 for n in outline.shape[::-1])
    return float(plane[0] + sky.of(outline, x, y) @ plane[1:])


def tilt(plane: np.ndarray, outline: Outline, sky: Sky, like):
    """Return what a plane adds to its value in the middle of an exposure, (y, x) float32, in the library of `like`."""
    xp = namespace(like)
    nodes, hats = [], []
    for n in outline.shape:
        at = np.linspace(0, n - 1, max(2, -(-n // _NODE) + 1))
        nodes.append(at)
        hats.append(np.clip(1 - abs(np.arange(n)[:, None] - at) / (at[1] - at[0]), 0, None))
    place = sky.of(outline, *np.meshgrid(nodes[1], nodes[0]))
    values = plane[0] + place @ plane[1:] - middle(plane, outline, sky)
    parts = [backend.to(a.astype(np.float32), "cpu" if xp is np else "gpu") for a in (hats[0] @ values, hats[1].T)]
    return parts[0] @ parts[1]
