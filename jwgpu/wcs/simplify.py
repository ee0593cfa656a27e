"""Fewer stages that do the same: neighbours are joined until none can be."""

from __future__ import annotations

import numpy as np

from jwgpu.wcs.stages import Linear, Normalise, Parallel, Polynomials, Projective, ToCartesian, ToDirection, ToSpherical

_ROUNDING = 4 * np.finfo(float).eps


def simplify(stages) -> tuple:
    """Return stages that do what `stages` do, as few as can be."""
    stages = [_plainer(stage) for stage in stages]
    at = 0
    while at < len(stages):
        if _is_identity(stages[at]) or (isinstance(stages[at], Normalise) and _length_is_nothing(stages[at + 1 :])):
            del stages[at]
        elif at + 1 < len(stages) and (joined := _join(stages[at], stages[at + 1])) is not None:
            stages[at : at + 2] = [_plainer(stage) for stage in joined]
        else:
            at += 1
            continue
        at = max(at - 1, 0)
    return tuple(stages)


def finish(stages: tuple) -> tuple:
    """Return simplified stages with vectors that may be of any length where their length does not matter."""
    return tuple(
        ToDirection() if isinstance(stage, ToCartesian) and _length_is_nothing(stages[at + 1 :]) else stage
        for at, stage in enumerate(stages)
    )


def beside(left: tuple, right: tuple, n_left: int, n_right: int) -> list:
    """Return the stages of two transforms side by side."""
    left = left or (Linear(np.eye(n_left), np.zeros(n_left)),)
    right = right or (Linear(np.eye(n_right), np.zeros(n_right)),)
    if len(left) == len(right) == 1:
        a, b = left[0], right[0]
        if isinstance(a, Linear) and isinstance(b, Linear):
            matrix = np.zeros((a.n_out + b.n_out, n_left + n_right))
            matrix[: a.n_out, :n_left], matrix[a.n_out :, n_left:] = a.matrix, b.matrix
            return [Linear(matrix, np.concatenate([a.offset, b.offset]))]
        first, second = _as_terms(a), _as_terms(b)
        if first is not None and second is not None:
            moved = tuple((i + n_left, j + n_left, c) for i, j, c in second)
            return [Polynomials(first + moved)]
    return [Parallel(left, right, n_left)]


def _as_terms(stage) -> tuple | None:
    """Return the outputs of a stage as polynomials; None where they are not."""
    if isinstance(stage, Polynomials):
        return stage.terms
    if not isinstance(stage, Linear) or (np.count_nonzero(stage.matrix, axis=1) > 1).any():
        return None
    sources = [int(np.flatnonzero(row)[0]) if row.any() else 0 for row in stage.matrix]
    return tuple((k, k, np.array([[t], [row[k]]])) for k, row, t in zip(sources, stage.matrix, stage.offset))


def _plainer(stage):
    """Return a Linear stage for polynomials of the first degree."""
    if not isinstance(stage, Polynomials) or any(_degree(c) > 1 for _, _, c in stage.terms):
        return stage
    n_in = 1 + max(max(a, b) for a, b, _ in stage.terms)
    matrix, offset = np.zeros((len(stage.terms), n_in)), np.zeros(len(stage.terms))
    for row, (a, b, c) in enumerate(stage.terms):
        offset[row] = c[0, 0]
        matrix[row, a] += c[1, 0] if c.shape[0] > 1 else 0
        matrix[row, b] += c[0, 1] if c.shape[1] > 1 else 0
    return Linear(matrix, offset)


def _degree(coefficients) -> int:
    return max((int(i + j) for i, j in np.argwhere(coefficients)), default=0)


def _is_identity(stage) -> bool:
    return (
        isinstance(stage, Linear)
        and stage.n_in == stage.n_out
        and not stage.offset.any()
        and np.abs(stage.matrix - np.eye(stage.n_in)).max() <= _ROUNDING
    )


def _length_is_nothing(later) -> bool:
    """Say whether what follows gives the same for vectors of any length."""
    for stage in later:
        if isinstance(stage, Linear) and stage.homogeneous:
            continue
        return isinstance(stage, ToSpherical) or (isinstance(stage, Projective) and stage.homogeneous)
    return False


def _join(a, b) -> list | None:
    """Return what does the work of two neighbours, or None."""
    if isinstance(a, Linear) and isinstance(b, Linear):
        return [Linear(b.matrix @ a.matrix, b.matrix @ a.offset + b.offset)]
    if isinstance(a, Linear) and isinstance(b, Projective):
        return [Projective(b.matrix @ a.matrix, b.matrix @ a.offset + b.offset, b.below @ a.matrix,
                           float(b.below @ a.offset + b.constant), b.front)]  # fmt: skip
    if isinstance(a, Projective) and isinstance(b, Linear):
        matrix = b.matrix @ a.matrix + np.outer(b.offset, a.below)
        return [Projective(matrix, b.matrix @ a.offset + b.offset * a.constant, a.below, a.constant, a.front)]
    if isinstance(a, ToSpherical) and isinstance(b, ToCartesian):
        return [Normalise()]
    if isinstance(a, Linear) and isinstance(b, Polynomials):
        return _without_copies(a, b)
    if isinstance(a, Polynomials) and isinstance(b, Linear):
        return _combined(a, b)
    return None


def _without_copies(linear: Linear, polynomials: Polynomials) -> list | None:
    """Let polynomials share the columns that are the same, and do without those that no one looks at."""
    rows = np.column_stack([linear.matrix, linear.offset])
    used = sorted({k for a, b, _ in polynomials.terms for k in (a, b)})
    kept: list[int] = []
    place = {}
    for k in used:
        twin = next((n for n, other in enumerate(kept) if (rows[other] == rows[k]).all()), None)
        if twin is None:
            twin = len(kept)
            kept.append(k)
        place[k] = twin
    terms = tuple((place[a], place[b], c) for a, b, c in polynomials.terms)
    if len(kept) == len(rows):
        return None
    return [Linear(linear.matrix[kept], linear.offset[kept]), Polynomials(terms)]


def _combined(polynomials: Polynomials, linear: Linear) -> list | None:
    """Let polynomials give what a Linear stage would make of them, where they are polynomials of the same columns."""
    terms = []
    for row, constant in zip(linear.matrix, linear.offset):
        parts = [(w, *polynomials.terms[k]) for k, w in enumerate(row) if w] or [(0.0, *polynomials.terms[0])]
        if len({(a, b) for _, a, b, _ in parts}) > 1:
            return None
        shape = np.max([c.shape for *_, c in parts], axis=0)
        total = np.zeros(shape)
        for weight, _, _, c in parts:
            total[: c.shape[0], : c.shape[1]] += weight * c
        total[0, 0] += constant
        terms.append((parts[0][1], parts[0][2], total))
    return [Polynomials(tuple(terms))]
