"""Kron apertures: of Gaussians their radius is known, and neighbours can be taken out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jwgpu.numerics import isophotes, kron


def scene(x0=60.0, y0=60.0, a=5.0, b=5.0, angle=0.0, shape=(121, 121)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    u = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    v = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    data = np.exp(-0.5 * ((u / a) ** 2 + (v / b) ** 2)).astype(np.float32)
    labels = (data > 1e-9).astype(np.int32)
    return kron.Scene(data, np.ones_like(data), labels), isophotes.measure(data, data, data, labels)


@pytest.mark.parametrize("a, b, angle", [(5, 5, 0), (7, 4, 0.6)])
def test_the_radius_of_a_gaussian(a, b, angle):
    """The mean of r under exp(-r**2 / 2) in the plane is sqrt(pi / 2)."""
    pixels, found = scene(a=a, b=b, angle=angle)
    where, radius = kron.ellipses(pixels, found, 2.5, 0.0, 0.0)
    assert radius[0] == pytest.approx(np.sqrt(np.pi / 2), rel=5e-3)
    assert where.a[0] == pytest.approx(2.5 * radius[0] * found.a[0])
    flux, error = kron.photometry(pixels, where, np.zeros(1))
    reach = 2.5 * radius[0]
    assert flux[0] == pytest.approx(2 * np.pi * a * b * (1 - np.exp(-(reach**2) / 2)), rel=2e-3)
    assert error[0] == pytest.approx(np.sqrt(where.area[0]))


def test_the_least_radius_and_the_circle():
    pixels, found = scene()
    _, radius = kron.ellipses(pixels, found, 2.5, 1.4, 0.0)
    assert radius[0] == 1.4
    where, radius = kron.ellipses(pixels, found, 2.5, 1.4, 30.0)
    assert (radius[0], where.a[0], where.b[0]) == (0, 30, 30)


def test_what_becomes_of_a_neighbour():
    pixels, found = scene(a=4, b=4)
    labels = np.where(pixels.labels & (np.hypot(*np.mgrid[-60:61, -60:61]) < 20), 1, 0).astype(np.int32)
    data = pixels.data.copy()
    neighbour = (slice(58, 63), slice(66, 70))
    data[neighbour] += 10
    labels[neighbour] = 2
    where, _ = kron.ellipses(pixels, found, 2.5, 1.4, 0.0)
    whole = kron.photometry(pixels, where, np.zeros(1))[0][0]
    seen = {
        kind: kron.photometry(
            dataclasses.replace(pixels, data=data, labels=labels, neighbours=kind), where, np.zeros(1)
        )[0][0]
        for kind in ("correct", "mask", "none")
    }
    assert seen["correct"] == pytest.approx(whole, rel=1e-6)
    assert seen["mask"] == pytest.approx(whole - pixels.data[neighbour].sum(), rel=1e-6)
    assert seen["none"] == pytest.approx(whole + 200, rel=1e-6)


def test_no_aperture_without_a_shape():
    pixels, found = scene()
    lost = dataclasses.replace(found, x=np.array([np.nan]))
    where, radius = kron.ellipses(pixels, lost, 2.5, 1.4, 0.0)
    assert np.isnan(radius[0])
    assert np.isnan(kron.photometry(pixels, where, np.zeros(1))[0][0])
