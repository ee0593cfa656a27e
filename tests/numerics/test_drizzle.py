"""Drizzle: what is conserved, what comes back, and what it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_drizzle import affine

from jwgpu.errors import InputError
from jwgpu.numerics.drizzle import Canvas, Drop
from jwgpu.numerics.drops import lanczos

SHAPE = (30, 41)


def poured(device, drop, x, y, data, weight=None, shape=(90, 110), **more):
    """Drizzle one image."""
    weight = np.ones(data.shape) if weight is None else weight
    canvas = Canvas(device.xp, (0, 0), shape, **{k: more.pop(k) for k in ("variances", "planes", "flags") if k in more})
    arrays = [device.array(a, "f8") for a in (x, y)] + [device.array(a, "f4") for a in (data, weight)]
    canvas.add(drop, *arrays, **more)
    return canvas


def hosted(device, canvas):
    """Return science and weight on the host."""
    return device.host(canvas.science(0.0)).astype(float), device.host(canvas.weight).astype(float)


@pytest.mark.parametrize("kernel", ["square", "point", "turbo"])
@pytest.mark.parametrize("pixfrac", [1.0, 0.8, 0.3, 0.0])
@pytest.mark.parametrize(
    "angle, scale, flip", [(0.0, 1.0, False), (33.0, 1.0, True), (45.0, 1.7, False), (200.0, 0.6, False)]
)
def test_flux_and_weight_are_conserved(device, kernel, pixfrac, angle, scale, flip):
    """All light that falls on the output is there: sum of W I equals sum of w d."""
    x, y = affine(SHAPE, angle, scale, (45, 50), flip=flip, bend=0 if kernel == "turbo" else 2e-4)
    random = np.random.default_rng(1)
    data, weight = random.normal(100, 30, SHAPE), random.uniform(0.2, 3, SHAPE)
    canvas = poured(
        device, Drop(kernel, pixfrac, 1 / scale), x, y, data, weight, (220, 230) if scale > 1 else (110, 120)
    )
    inside = (x > 2) & (y > 2) & (x < canvas.shape[1] - 3) & (y < canvas.shape[0] - 3)
    assert inside.all()
    science, total = hosted(device, canvas)
    assert total.sum() == pytest.approx(weight.sum(), rel=1e-6)
    assert (science * total).sum() == pytest.approx((data * weight).sum(), rel=1e-6)


@pytest.mark.parametrize("kernel", ["square", "turbo", "gaussian", "lanczos2", "lanczos3", "point"])
def test_a_flat_sky_stays_flat(device, kernel):
    x, y = affine(SHAPE, 20, 1.0, (30, 40))
    science, total = hosted(device, poured(device, Drop(kernel), x, y, np.full(SHAPE, 7.0)))
    np.testing.assert_allclose(science[total > 0.01], 7, rtol=1e-5)


def test_a_whole_shift_changes_nothing(device):
    data = np.random.default_rng(0).normal(0, 1, SHAPE).astype("f4")
    for kernel in ("square", "turbo", "point"):
        science, total = hosted(device, poured(device, Drop(kernel), *affine(SHAPE, shift=(5, 9)), data))
        np.testing.assert_allclose(science[5:35, 9:50], data, atol=1e-6)
        np.testing.assert_allclose(total[5:35, 9:50], 1, atol=1e-6)


def test_parts_of_a_pixel_by_hand(device):
    """A pixel moved by (0.25, 0.5) gives 3/8, 1/8, 3/8, 1/8 of its light to four."""
    canvas = poured(device, Drop("square"), *affine((1, 1), shift=(3.5, 4.25)), np.array([[8.0]]), shape=(8, 8))
    expected = np.zeros((8, 8))
    expected[3:5, 4:6] = [[0.375, 0.125]] * 2
    np.testing.assert_allclose(hosted(device, canvas)[1], expected, atol=1e-7)
    turned = poured(device, Drop("square"), *affine((1, 1), 45, shift=(3, 4)), np.array([[8.0]]), shape=(8, 8))
    corner = (np.sqrt(0.5) - 0.5) ** 2  # of the diamond, beyond each side of the middle pixel
    assert hosted(device, turned)[1][3, 4] == pytest.approx(1 - 4 * corner, abs=1e-6)
    assert hosted(device, turned)[1][3, 5] == pytest.approx(corner, abs=1e-6)


def test_means_are_weighted_and_exposures_leave_their_bit(device):
    xp = device.xp
    canvas = Canvas(xp, (0, 0), (40, 50), planes=2)
    for index, value, weight in ((0, 1.0, 1.0), (31, 4.0, 2.0), (32, 9.0, 0.0)):
        x, y = (device.array(a) for a in affine(SHAPE, shift=(5, 5)))
        full = (device.array(np.full(SHAPE, v), "f4") for v in (value, weight))
        canvas.add(Drop(), x, y, *full, index=index)
    science, total = hosted(device, canvas)
    assert science[15, 20] == pytest.approx((1 + 8) / 3)
    assert total[15, 20] == pytest.approx(3)
    context = device.host(canvas.context)
    assert (context[0, 15, 20], context[1, 15, 20]) == (1 - 2**31, 0)
    assert np.isnan(device.host(canvas.science())[0, 0])
    assert context[:, 0, 0].tolist() == [0, 0]


def test_variances_of_a_mean(device):
    """Two exposures of errors 1 and 3: weights 1 and 1/9 of read noise, so 1 / (1 + 1/9) for it."""
    x, y = (device.array(a) for a in affine(SHAPE, shift=(5, 5)))
    for time, expected in ((0.0, (1 / (1 + 1 / 9), (1 + 4 / 81) / (10 / 9) ** 2)), (5.0, (10 / 4, 5 / 4))):
        canvas = Canvas(device.xp, (0, 0), (40, 50), variances=True)
        for error, other in ((1.0, 1.0), (3.0, 2.0)):
            full = [device.array(np.full(SHAPE, v), "f4") for v in (error**2, other**2)]
            one = device.array(np.ones(SHAPE), "f4")
            canvas.add(Drop(), x, y, one, one, variances=(*full, None), exposure_weight=time)
        found = [float(device.host(canvas.variance(k))[15, 20]) for k in (0, 1)]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert np.isnan(device.host(canvas.variance(2))).all()


def test_flags_of_what_gave_light(device):
    dq, weight = np.zeros(SHAPE, np.uint32), np.ones(SHAPE, "f4")
    dq[10, 10], dq[10, 11], dq[20, 20], weight[20, 20] = 4, 32, 1, 0
    canvas = poured(device, Drop("square"), *affine(SHAPE, shift=(5, 5.5)), np.ones(SHAPE), weight, flags=True,
                    dq=device.array(dq))  # fmt: skip
    flags = device.host(canvas.flags)
    assert flags[15, 15:18].tolist() == [4, 4 | 32, 32]
    assert np.count_nonzero(flags) == 3


def test_what_weighs_nothing_leaves_no_trace(device):
    """NaN, infinite values and a map that leads nowhere do not matter where the weight is 0."""
    x, y = affine(SHAPE, 3, shift=(5, 5))
    data, weight = np.ones(SHAPE), np.ones(SHAPE)
    data[4, 4], data[6, 6], weight[4, 4], weight[6, 6] = np.nan, np.inf, 0, 0
    x[20, 20] = np.nan
    science, _ = hosted(device, poured(device, Drop("square"), x, y, data, weight))
    assert np.isfinite(science).all()


@pytest.mark.parametrize("order", [2, 3])
def test_lanczos(order):
    table = lanczos(order)
    assert table[0] == 1
    assert abs(table[np.rint(np.arange(1, order + 1) / 0.003).astype(int)]).max() < 0.01
    assert len(table) == int(np.ceil(order / 0.003)) + 1


@pytest.mark.parametrize("bad", [{"kernel": "tophat"}, {"pixfrac": 1.2}, {"pixfrac": -0.1}, {"ratio": 0.0}])
def test_a_drop_that_cannot_be(bad):
    with pytest.raises(InputError):
        Drop(**bad)
