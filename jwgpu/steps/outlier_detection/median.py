"""The median of the layers of all groups, pixel by pixel of the grid they share."""

from __future__ import annotations

import itertools

from jwgpu import backend
from jwgpu.backend import files, memory
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.medians import nan_median
from jwgpu.steps.outlier_detection.groups import Layer

_BYTES = 12
"""What a pixel of a layer takes while its median is found."""


def median(layers: list[Layer], target, kind: str) -> None:
    """Write the median of layers into `target`; NaN stays where there is none.

    It is found in blocks of rows that take no more memory than a tile may, and between the edges of layers, so that
    only those count that lie there: the time does not grow with layers elsewhere.

    Parameters
    ----------
    layers : list of Layer
    target : (y, x) float32 of NaN, an array in memory or in a file
    kind : {"cpu", "gpu"}
        Where to work.
    """
    for rows in _blocks(layers):
        held = [(layer, backend.to(layer.read(rows), kind)) for layer in layers if _covers(layer.rows, rows)]
        block = backend.to(files.read(target, rows=rows), kind)
        edges = sorted({edge for layer, _ in held for edge in (layer.columns.start, layer.columns.stop)})
        for left, right in itertools.pairwise(edges):
            planes = [
                plane[:, left - layer.origin[1] : right - layer.origin[1]]
                for layer, plane in held
                if _covers(layer.columns, slice(left, right))
            ]
            if planes:
                _fill(block[:, left:right], planes)
        files.write(target, backend.to_host(block) if isinstance(target, backend.FileArray) else block, rows=rows)


def _covers(one: slice, other: slice) -> bool:
    return one.start <= other.start and other.stop <= one.stop


def _blocks(layers: list[Layer]):
    """Yield blocks of rows between the edges of layers; those that no layer has are left out."""
    edges = sorted({edge for layer in layers for edge in (layer.rows.start, layer.rows.stop)})
    for first, last in itertools.pairwise(edges):
        row = sum(layer.shape[1] for layer in layers if _covers(layer.rows, slice(first, last)))
        step = max(1, memory.tile() // (_BYTES * max(row, 1)))
        for start in range(first, last if row else first, step):
            yield slice(start, min(start + step, last))


def _fill(target, planes: list) -> None:
    def work(rows):
        target[rows] = nan_median([plane[rows] for plane in planes])

    over_rows(work, target)
