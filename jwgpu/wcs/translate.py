"""A model tree of astropy and gwcs into stages."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, legendre

from jwgpu import backend
from jwgpu.wcs.simplify import beside, finish, simplify
from jwgpu.wcs.stages import Arithmetic, Linear, Polynomials, Projective, Table, ToCartesian, ToSpherical

_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow}
_RADIAN = 180 / np.pi


@dataclasses.dataclass(frozen=True, eq=False)
class Opaque:
    """A model that has no translation: it computes on the host."""

    model: Any

    def __call__(self, xp, columns):
        """Apply the stage."""
        kind = "gpu" if any(backend.is_device_array(c) for c in columns) else "cpu"
        columns = np.broadcast_arrays(*(backend.to_host(c) for c in columns))
        found = self.model(*columns, with_bounding_box=False)
        found = found if isinstance(found, tuple) else (found,)
        return tuple(backend.to(np.asarray(f, np.float64), kind) for f in found)


def translate(model) -> tuple[tuple, tuple[str, ...]]:
    """Return the stages that do what `model` does, and the names of the models that have no translation.

    A model with units is left as it is, since its numbers mean nothing without them.
    """
    if any(getattr(model, name).unit is not None for name in model.param_names):
        return (Opaque(model),), ("a model with units",)
    unknown: list[str] = []
    stages = finish(simplify(_stages(model, unknown)))
    return stages, tuple(dict.fromkeys(unknown))


def _stages(model, unknown: list[str]) -> list:
    if hasattr(model, "op"):
        return _compound(model, unknown)
    if type(model).__name__ == "FITSImagingWCSTransform":  # the grid of a mosaic
        return _stages(model.forward, unknown)
    make = _MODELS.get(type(model).__name__)
    stages = make(model) if make else None
    if stages is None:
        unknown.append(type(model).__name__)
        return [Opaque(model)]
    return stages


def _compound(model, unknown: list[str]) -> list:
    if model.op == "fix_inputs":
        return [_fixed(model), *_stages(model.left, unknown)]
    left, right = (simplify(_stages(part, unknown)) for part in (model.left, model.right))
    if model.op == "|":
        return [*left, *right]
    if model.op == "&":
        return beside(left, right, model.left.n_inputs, model.right.n_inputs)
    if model.op == "/" and (quotient := _quotient(left, right, model.n_inputs)):
        return [quotient]
    if model.op in _OPERATIONS:
        return [Arithmetic(_OPERATIONS[model.op], left, right)]
    unknown.append(f"operator {model.op}")
    return [Opaque(model)]


def _quotient(left: tuple, right: tuple, n_in: int) -> Projective | None:
    """Return the stage for a quotient of linear transforms that has one denominator, as the tangent plane has."""
    same = Linear(np.eye(n_in), np.zeros(n_in))
    (top, *more), (below, *rest) = left or (same,), right or (same,)
    if more or rest or not (isinstance(top, Linear) and isinstance(below, Linear)):
        return None
    if (below.matrix != below.matrix[0]).any() or (below.offset != below.offset[0]).any():
        return None
    return Projective(top.matrix, top.offset, below.matrix[0], float(below.offset[0]))


def _fixed(model) -> Linear:
    """Return the stage that puts the constants among the inputs that are left."""
    names = list(model.left.inputs)
    constants = {names.index(k) if isinstance(k, str) else k: float(v) for k, v in model.right.items()}
    free = [k for k in range(len(names)) if k not in constants]
    matrix, offset = np.zeros((len(names), len(free))), np.zeros(len(names))
    for column, row in enumerate(free):
        matrix[row, column] = 1
    for row, value in constants.items():
        offset[row] = value
    return Linear(matrix, offset)


def rotation(degrees, axes: str) -> np.ndarray:
    """Return the matrix of rotations of the coordinate axes, the first of them first.

    Parameters
    ----------
    degrees : sequence of float
    axes : str
        Of x, y and z.
    """
    matrix = np.eye(3)
    for angle, axis in zip(np.deg2rad(degrees), axes):
        first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = np.sin(angle), -np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _value(parameter) -> float:
    return float(np.ravel(parameter.value)[0])


def _linear(matrix, offset=None) -> list:
    matrix = np.asarray(matrix, float)
    return [Linear(matrix, np.zeros(len(matrix)) if offset is None else np.asarray(offset, float).ravel())]


def _on_sphere(matrix, wrap_at: int) -> list:
    return [ToCartesian(), *_linear(matrix), ToSpherical(wrap_at)]


def _sky_rotation(model) -> list:
    lon, lat, pole = _value(model.lon), _value(model.lat), _value(model.lon_pole)
    if type(model).__name__ == "RotateNative2Celestial":
        angles = pole - 90, lat - 90, -90 - lon
    else:
        angles = 90 + lon, 90 - lat, 90 - pole
    return _on_sphere(rotation(angles, "zxz"), 360)


def _to_window(domain, window) -> tuple[float, float]:
    """Return scale and shift from the domain of a polynomial to its window."""
    if domain is None or window is None or tuple(domain) == tuple(window):
        return 1.0, 0.0
    scale = (window[1] - window[0]) / (domain[1] - domain[0])
    return scale, window[0] - scale * domain[0]


_BASES = {"Chebyshev": chebyshev.cheb2poly, "Legendre": legendre.leg2poly}


def _powers(coefficients, family: str, axis: int) -> np.ndarray:
    """Return the coefficients of powers for those of another family of polynomials along an axis."""
    if family == "Polynomial":
        return coefficients
    convert = _BASES[family]
    columns = np.moveaxis(coefficients, axis, 0)
    made = np.zeros_like(columns)
    for k in range(len(columns)):  # the k-th polynomial of the family
        powers = convert(np.eye(len(columns))[k])
        made[: len(powers)] += np.multiply.outer(powers, columns[k])
    return np.moveaxis(made, 0, axis)


def _polynomial_1d(model) -> list:
    family = type(model).__name__.removesuffix("1D")
    c = np.array([_value(getattr(model, f"c{i}")) for i in range(model.degree + 1)])
    scale, shift = _to_window(model.domain, model.window)
    return [*_linear([[scale]], [shift]), Polynomials(((0, 0, _powers(c, family, 0)[:, None]),))]


def _polynomial_2d(model) -> list:
    family = type(model).__name__.removesuffix("2D")
    degrees = (model.degree,) * 2 if family == "Polynomial" else (model.x_degree, model.y_degree)
    c = np.zeros((degrees[0] + 1, degrees[1] + 1))
    for name in model.param_names:
        i, j = map(int, name[1:].split("_"))
        c[i, j] = _value(getattr(model, name))
    c = _powers(_powers(c, family, 0), family, 1)
    (sx, tx), (sy, ty) = _to_window(model.x_domain, model.x_window), _to_window(model.y_domain, model.y_window)
    return [*_linear([[sx, 0], [0, sy]], [tx, ty]), Polynomials(((0, 1, c),))]


def _table(model) -> list | None:
    points = model.points[0] if isinstance(model.points, (tuple, list)) else model.points
    points, values = np.asarray(points, float).ravel(), np.asarray(model.lookup_table, float)
    if model.method != "linear" or model.bounds_error or model.fill_value is None or (np.diff(points) <= 0).any():
        return None
    return [Table(points, values, float(model.fill_value))]


def _inclined(angle: float) -> list:
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return [[c, -s], [s, c]]


def _tangent_plane(model) -> list:
    return [ToCartesian(), Projective(np.array([[0, _RADIAN, 0], [-_RADIAN, 0, 0]]), np.zeros(2),
                                      np.array([0.0, 0, 1]), 0.0, front=True)]  # fmt: skip


_MODELS = {
    "Identity": lambda m: _linear(np.eye(m.n_inputs)),
    "Mapping": lambda m: [Linear.selection(m.mapping, m.n_inputs)],
    "Shift": lambda m: _linear([[1]], [_value(m.offset)]),
    "Scale": lambda m: _linear([[_value(m.factor)]]),
    "Multiply": lambda m: _linear([[_value(m.factor)]]),
    "Const1D": lambda m: _linear([[0]], [_value(m.amplitude)]),
    "Const2D": lambda m: _linear([[0, 0]], [_value(m.amplitude)]),
    "Linear1D": lambda m: _linear([[_value(m.slope)]], [_value(m.intercept)]),
    "AffineTransformation2D": lambda m: _linear(m.matrix.value, m.translation.value),
    "Rotation2D": lambda m: _linear(_inclined(_value(m.angle))),
    "RotationSequence3D": lambda m: _linear(rotation(np.ravel(m.angles.value), m.axes_order)),
    "SphericalRotationSequence": lambda m: _on_sphere(rotation(np.ravel(m.angles.value), m.axes_order), 180),
    "EulerAngleRotation": lambda m: _on_sphere(
        rotation([_value(m.phi), _value(m.theta), _value(m.psi)], m.axes_order), 180
    ),
    "RotateNative2Celestial": _sky_rotation,
    "RotateCelestial2Native": _sky_rotation,
    "SphericalToCartesian": lambda m: [ToCartesian()],
    "CartesianToSpherical": lambda m: [ToSpherical(m.wrap_lon_at)],
    "Pix2Sky_Gnomonic": lambda m: [*_linear([[0, -1], [1, 0], [0, 0]], [0, 0, _RADIAN]), ToSpherical(180)],
    "Sky2Pix_Gnomonic": _tangent_plane,
    "Polynomial1D": _polynomial_1d,
    "Chebyshev1D": _polynomial_1d,
    "Legendre1D": _polynomial_1d,
    "Polynomial2D": _polynomial_2d,
    "Chebyshev2D": _polynomial_2d,
    "Legendre2D": _polynomial_2d,
    "Tabular1D": _table,
}
