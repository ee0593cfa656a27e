"""Compiled models give what astropy gives, in both directions, on every array library."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.modeling import fix_inputs
from astropy.modeling import models as m
from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

from jwgpu.wcs import compile
from jwgpu.wcs.stages import Linear, Polynomials, Projective, ToDirection, ToSpherical

P2 = dict(c0_0=3.0, c1_0=1.02, c0_1=0.01, c2_0=1e-4, c1_1=-2e-4, c0_2=3e-4, c3_0=1e-6, c1_2=-2e-6)
ATTITUDE = ([0.03, 0.14, 130.0, 52.9, -214.9], "zyxyz")


def near(offset=0.0):
    """A small field of angles in degrees."""
    rng = np.random.default_rng(4)
    return rng.uniform(-0.2, 0.2, 50) + offset, rng.uniform(-0.1, 0.1, 50)


def anywhere():
    """Directions all over the sphere, in degrees."""
    rng = np.random.default_rng(5)
    return rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))


def pixels():
    """Pixel coordinates."""
    return tuple(np.random.default_rng(6).uniform(-30, 60, (2, 70)))


def tree():
    """Pixels to sky as in JWST files: shifts, polynomials, scales, rotations, a correction in the tangent plane."""
    twice = m.Mapping((0, 1, 0, 1))
    onto = (
        m.RotationSequence3D([10.0, 20.0, 30.0], "zyx")
        | m.Mapping((0, 1, 2)) / m.Mapping((0, 0, 0), n_inputs=3)
        | m.Mapping((1, 2), n_inputs=3)
        | m.AffineTransformation2D([[1, 1e-3], [-1e-3, 1]], translation=[1e-6, 2e-6])
        | m.Mapping((0, 0, 1), n_inputs=2)
        | m.Const1D(1) & m.Identity(2)
        | m.RotationSequence3D([-30.0, -20.0, -10.0], "xyz")
    )
    return (
        (m.Shift(0.3) & m.Shift(-0.4))
        | (m.Shift(-15.0) & m.Shift(-16.0))
        | (twice | m.Polynomial2D(3, **P2) & m.Polynomial2D(3, c0_1=1.0, c2_0=3e-4))
        | (twice | m.Polynomial2D(1, c1_0=0.9, c0_1=0.2) & m.Polynomial2D(1, c1_0=-0.2, c0_1=0.9))
        | (m.Shift(120.6) & m.Shift(-527.5))
        | (
            m.Scale(1 / 3600) & m.Scale(1 / 3600)
            | SphericalToCartesian(wrap_lon_at=180)
            | onto
            | CartesianToSpherical()
        )
        | (SphericalToCartesian() | m.RotationSequence3D(*ATTITUDE) | CartesianToSpherical(wrap_lon_at=360))
    )


CASES = {
    "jwst": (tree(), pixels),
    "rotation": (m.Rotation2D(30.0) | m.Scale(2) & m.Multiply(3), pixels),
    "polynomial-1d": (m.Polynomial1D(3, c0=1, c1=2, c2=0.1, c3=0.01) & m.Linear1D(3, 4), pixels),
    "polynomial-domain": (
        m.Mapping((0, 1, 0)) | m.Polynomial2D(2, x_domain=(-50, 80), y_domain=(0, 9), c1_0=2, c1_1=3) &
        m.Polynomial1D(2, domain=(-40, 90), c0=1, c2=4), pixels,
    ),
    "chebyshev": (
        m.Mapping((0, 1, 0)) | m.Chebyshev2D(2, 3, x_domain=(-50, 80), y_domain=(-50, 80), c0_1=1, c2_3=0.5, c1_1=2) &
        m.Chebyshev1D(4, domain=(-40, 90), c1=1, c4=0.3), pixels,
    ),
    "legendre": (
        m.Mapping((0, 1, 0)) | m.Legendre2D(3, 2, x_domain=(-50, 80), y_domain=(-50, 80), c0_1=1, c3_2=0.5) &
        m.Legendre1D(3, domain=(-40, 90), c1=1, c3=0.3), pixels,
    ),
    "constant": (m.Mapping((0, 1, 0, 1)) | m.Polynomial2D(2, c0_0=7.0) & m.Polynomial2D(2, c0_2=1.0), pixels),
    "arithmetic": (m.Mapping((0, 1)) + m.Mapping((1, 0)) * m.Mapping((0, 0), n_inputs=2) | m.Identity(2), pixels),
    "power": ((m.Const1D(2.0) ** m.Scale(0.1)) & (m.Shift(100.0) / m.Shift(200.0) - m.Scale(2)), pixels),
    "fixed-inputs": (fix_inputs(m.Mapping((0, 1, 2)) | m.Mapping((2, 0, 1)), {1: 4.5}), pixels),
    "tan": (m.Scale(0.01) & m.Scale(0.01) | m.Pix2Sky_TAN() | m.RotateNative2Celestial(214.9, 52.8, 180.0), pixels),
    "untan": (m.RotateCelestial2Native(0.1, 20.0, 170.0) | m.Sky2Pix_TAN(), lambda: near(0.1)),
    "rotations": (m.SphericalRotationSequence(*ATTITUDE) | m.EulerAngleRotation(10, 20, 30, "xyx"), anywhere),
    "sphere": (SphericalToCartesian() | m.Scale(2) & m.Scale(2) & m.Scale(2) | CartesianToSpherical(), anywhere),
    "unit-vector": (m.RotateNative2Celestial(5, 80, 180) | SphericalToCartesian(), anywhere),
    "table": (
        m.Tabular1D(points=np.arange(9.0), lookup_table=np.arange(9.0) ** 2, bounds_error=False, fill_value=np.nan) &
        m.Tabular1D(points=np.arange(9.0), lookup_table=np.arange(9.0), bounds_error=False, fill_value=-1.0), pixels,
    ),
    "beside": (m.SphericalRotationSequence(*ATTITUDE) & m.Identity(1), lambda: (*anywhere(), np.arange(200.0))),
    "unknown": (m.Shift(1) & m.Gaussian1D(1.0, 20.0, 4.0) | m.Scale(3) & m.Scale(2), pixels),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gives_what_astropy_gives(name, device):
    model, points = CASES[name]
    columns = points()
    expected = model(*columns)
    found = compile(model)(*(device.array(c) for c in columns))
    for a, b in zip(found, expected if isinstance(expected, tuple) else (expected,)):
        assert a.dtype == np.float64
        np.testing.assert_allclose(device.host(a), b, rtol=1e-12, atol=3e-13 * max(np.nanmax(np.abs(b)), 1))


@pytest.mark.parametrize("name", ["rotation", "tan", "untan", "rotations"])
def test_inverses(name):
    model, points = CASES[name]
    columns = near(10.0) if name != "rotation" else points()
    expected = model.inverse(*columns)
    for a, b in zip(compile(model.inverse)(*columns), expected):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def test_the_chain_of_an_image_is_five_stages():
    """Shifts, scales, rotations and the tangent plane are multiplied out; no angle is computed in between."""
    transform = compile(tree())
    assert transform.fallbacks == ()
    assert list(map(type, transform.stages)) == [Linear, Polynomials, ToDirection, Projective, ToSpherical]


def test_what_cancels_is_gone():
    there_and_back = m.SphericalRotationSequence(*ATTITUDE) | m.SphericalRotationSequence(*ATTITUDE).inverse
    assert list(map(type, compile(there_and_back).stages)) == [ToDirection, ToSpherical]
    assert compile(m.Shift(3) | m.Shift(-3)).stages == ()


def test_behind_the_tangent_plane_is_nowhere():
    x, y = compile(m.Sky2Pix_TAN())(np.array([0.0, 0.0]), np.array([80.0, -80.0]))
    assert np.isfinite([x[0], y[0]]).all()
    assert np.isnan([x[1], y[1]]).all()


def test_what_is_not_translated_is_named():
    transform = compile(m.Shift(1) & m.Gaussian1D(1.0, 20.0, 4.0))
    assert transform.fallbacks == ("Gaussian1D",)
    assert "Gaussian1D" in repr(transform)
    strict = m.Tabular1D(points=np.arange(9.0), lookup_table=np.arange(9.0))
    assert compile(strict).fallbacks == ("Tabular1D",)
    np.testing.assert_array_equal(compile(strict)(np.array([1.5, 2.0]))[0], [1.5, 2.0])


def test_models_with_units_stay_whole():
    model = m.Shift(1 * units.pix) | m.Scale(2)
    assert compile(model).fallbacks == ("a model with units",)


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_a_frame_in_pieces(monkeypatch, device, piece):
    """Whole or in pieces, as full arrays, as one row and one column, as a list of points: the same numbers."""
    from jwgpu.wcs import evaluate

    monkeypatch.setattr(evaluate, "PIECE", piece)
    transform = compile(tree())
    y, x = np.mgrid[:37, :41].astype(float)
    expected = tree()(x, y)
    for columns in ((x, y), (x[:1], y[:, :1]), (x.ravel(), y.ravel()), (x.T, y.T), (x[None], y[None]), (x, y[:, :1])):
        found = transform(*(device.array(c) for c in columns))
        for a, b in zip(found, expected):
            a = device.host(a)
            b = b.T if columns[0].shape == (41, 37) else b
            assert a.size == b.size
            np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-13)


def test_numbers():
    assert compile(m.Shift(1) & m.Scale(2))(1, 2.5) == (2.0, 5.0)
    assert compile(m.Identity(1))(3) == (3.0,)
    with pytest.raises(TypeError, match="takes 2 columns, given 1"):
        compile(m.Identity(2))(1.0)


@pytest.mark.parametrize("model", [m.Identity(2), m.Mapping((1, 0)), m.Shift(1) & m.Identity(1)])
def test_results_are_new_arrays(model):
    """They can be written into, and the arguments stay as they are."""
    x, y = np.arange(3.0), np.arange(3.0) + 5
    for found in (*compile(model)(x, y), *compile(model)(x[None], y[:, None])):
        found += 1
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [5, 6, 7])


def test_nothing_is_nothing():
    found = compile(tree())(np.zeros(0), np.zeros(0))
    assert [f.shape for f in found] == [(0,), (0,)]


def test_hosts_and_devices_do_not_mix(fakecupy_installed):
    with pytest.raises(TypeError, match="mixed"):
        compile(m.Identity(2))(fakecupy_installed.zeros(3), np.zeros(3))
