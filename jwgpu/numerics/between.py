"""Values at every pixel from values at nodes some pixels apart: straight lines or cubics between nodes."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend, kernels


@dataclasses.dataclass(frozen=True)
class Nodes:
    """Positions along an axis at which values are known.

    Attributes
    ----------
    first : float
        Pixel of the first node.
    step : float
        Pixels from one node to the next.
    n : int
        Number of nodes, at least 4.
    """

    first: float
    step: float
    n: int

    @classmethod
    def around(cls, low: float, high: float, step: float) -> Nodes:
        """Return nodes such that pixels `low` to `high` have two on either side."""
        return cls(low - step, step, int(np.ceil((high - low) / step)) + 4)

    @property
    def at(self) -> np.ndarray:
        """Pixels of the nodes."""
        return self.first + self.step * np.arange(self.n)

    def weights(self, pixels, order: int) -> tuple[np.ndarray, np.ndarray]:
        """Return of which nodes, and how much of each, values at `pixels` are made.

        Parameters
        ----------
        pixels : (pixel,) float64
        order : 1 or 3
            Straight lines through two nodes, or cubics through four (Lagrange's polynomials).

        Returns
        -------
        weights : (pixel, 4) float64
        first : (pixel,) int32
            The first of the four nodes.
        """
        place = (np.asarray(pixels, float) - self.first) / self.step
        first = np.clip(np.floor(place).astype(np.int32) - 1, 0, self.n - 4)
        t = place - first - 1  # 0 at the second of the four nodes, 1 at the third
        if order == 1:
            none = np.zeros_like(t)
            return np.stack([none, 1 - t, t, none], axis=-1), first
        return np.stack([-t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2,
                         -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6], axis=-1), first  # fmt: skip


def interpolated(xp, values, rows: Nodes, columns: Nodes, at_rows, at_columns, order: int = 3):
    """Return two quantities at every pixel of some rows and columns.

    Parameters
    ----------
    xp : module
        Where the result is wanted.
    values : (2, node row, node column) float64, on the host
    rows, columns : Nodes
    at_rows, at_columns : (row,), (column,) float64
        Pixels.
    order : 1 or 3

    Returns
    -------
    (2, row, column) float64
    """
    (wy, fy), (wx, fx) = rows.weights(at_rows, order), columns.weights(at_columns, order)
    out = xp.empty((2, len(wy), len(wx)), np.float64)
    if not kernels.available(out):
        return interpolated_reference(xp.asarray(values), wy, fy, wx, fx)
    on_gpu = backend.is_device_array(out)
    side = 32 if on_gpu else len(wx)
    kind = "gpu" if on_gpu else "cpu"
    arrays = [backend.to(np.ascontiguousarray(a), kind) for a in (values, wy, fy, wx, fx)]
    n = len(wy) * -(-len(wx) // side)
    kernels.launch("pixmap", 16, n, *arrays, out, *(np.int32(v) for v in (*values.shape[1:], len(wy), len(wx), side)))
    return out


def interpolated_reference(values, wy, fy, wx, fx):
    """Return the same in array code, on the host."""

    def along(w, f, of):  # nodes of the last axis
        a, b, c, d = (w[:, m] * of[..., f + m] for m in range(4))
        return (a + b) + (c + d)

    rows = np.moveaxis(along(wy, fy, np.moveaxis(values, 1, -1)), -1, 1)
    return along(wx, fx, rows)
