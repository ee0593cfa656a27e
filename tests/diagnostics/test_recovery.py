"""Residuals by flux, and the picture of a rate."""

import numpy as np
import pytest

from jwgpu import Image
from jwgpu.data import PIXEL
from jwgpu.diagnostics import picture, recovery
from jwgpu.diagnostics.recovery import text


def rate_of(truth, *, scale=1.0, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.5 * scale, truth.shape)
    dq = np.zeros(truth.shape, np.uint32)
    dq[:5] = PIXEL.DO_NOT_USE
    data = (truth + noise).astype(np.float32)
    data[:5] = np.nan
    return Image(data=data, err=np.full(truth.shape, 0.5, np.float32), dq=dq, unit="DN/s")


def test_honest_errors_give_width_one_and_no_pull():
    truth = np.repeat([[0.1], [2.0], [50.0]], 20000, axis=0).reshape(300, 200)
    levels = recovery(rate_of(truth), truth)
    assert [level.low for level in levels] == [0.0, 1.0, 10.0]
    assert sum(level.pixels for level in levels) == truth[5:].size
    for level in levels:
        assert abs(level.pull) < 0.03
        assert level.width == pytest.approx(1, abs=0.02)


def test_errors_half_too_small_give_width_two():
    truth = np.full((300, 200), 2.0)
    (level,) = recovery(rate_of(truth, scale=2.0), truth)
    assert level.width == pytest.approx(2, abs=0.05)
    assert "1 to 3" in text([level])


def test_picture_is_drawn_with_and_without_the_truth(tmp_path):
    from jwgpu import pipelines, simulate

    made = simulate.tiny("nircam")
    rate = pipelines.detector1(made.ramp).run(made.ramp, made.references, progress=False).rate
    with_truth = picture(tmp_path / "a.png", made.ramp, rate, made.truth.rate)
    without = picture(tmp_path / "b.png", made.ramp, rate)
    assert with_truth.read_bytes()[:4] == without.read_bytes()[:4] == b"\x89PNG"
