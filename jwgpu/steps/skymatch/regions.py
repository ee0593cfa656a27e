"""Where exposures overlap: their outlines on the sky, and the pixels of one that another one sees too."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.data import Image
from jwgpu.errors import InputError
from jwgpu.numerics import polygon

_ROWS = 64
"""Rows of a part on the host: a part, and what is computed from it, stay in the cache."""


@dataclasses.dataclass(frozen=True)
class Outline:
    """The outline of an exposure on the sky.

    Attributes
    ----------
    wcs : jwgpu.wcs.WCS
    shape : (int, int)
    vectors : (n, 3) float64
        Unit vectors of its vertices.
    """

    wcs: Any
    shape: tuple[int, int]
    vectors: np.ndarray

    @classmethod
    def of(cls, image: Image, step: int | None) -> Outline:
        """Return the outline of an image, with vertices `step` pixels apart, or in the corners alone.

        Raises
        ------
        InputError
            The image has no WCS, or more axes than two, or a corner of it is nowhere on the sky.
        """
        if image.wcs is None:
            raise InputError(f"{image.name} has no WCS; run assign_wcs on it")
        if len(image.shape) != 2:
            raise InputError(f"{image.name} has {len(image.shape)} axes {image.shape}; give images of one plane")
        vectors = polygon.directions(*image.wcs(*polygon.outline(image.shape, step), with_bounding_box=False))
        if not np.isfinite(vectors).all():
            raise InputError(f"the WCS of {image.name} gives no position for a point of its edge; assign another one")
        return cls(image.wcs, tuple(image.shape), vectors)

    def seen_by(self, other: Outline) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the pixels that lie in another outline, as first and after last pixel of each row, for each part."""
        found = []
        for part in polygon.overlap(self.vectors, other.vectors):
            x, y = self.wcs.invert(*polygon.sky(part), with_bounding_box=False)
            found.append(polygon.rows_inside(x, y, self.shape))
        return found


def whole(values) -> list:
    """Return an image (y, x) in parts; on a GPU as one."""
    rows = _ROWS if namespace(values) is np else len(values)
    return [values[k : k + rows] for k in range(0, len(values), rows)]


def inside(values, runs: list[tuple[np.ndarray, np.ndarray]]) -> list:
    """Return the pixels of an image that lie in any of some regions, in parts; infinity stands for those that do not.

    Parameters
    ----------
    values : (y, x) float32
    runs : list of (first, after)
        First and after last pixel of each row.
    """
    xp, kind = namespace(values), "gpu" if backend.is_device_array(values) else "cpu"
    size = _ROWS if xp is np else len(values)
    parts = []
    for top in range(0, len(values), size):
        rows = slice(top, top + size)
        here = [(first[rows], after[rows]) for first, after in runs]
        here = [(first, after) for first, after in here if (after > first).any()]
        if not here:
            continue
        left = min(int(first[after > first].min()) for first, after in here)
        right = max(int(after.max()) for _, after in here)
        part = values[rows, left:right]
        if len(here) > 1 or not ((here[0][0] == left) & (here[0][1] == right)).all():
            column = xp.arange(left, right)
            within = xp.zeros(part.shape, bool)
            for first, after in here:
                first, after = (backend.to(edge[:, None], kind) for edge in (first, after))
                within |= (column >= first) & (column < after)
            part = xp.where(within, part, np.float32(np.inf))
        parts.append(part)
    return parts
