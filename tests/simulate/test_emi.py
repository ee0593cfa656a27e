"""Simulated interference: where its waves are, and that what is told of them is true."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import simulate, steps
from jwgpu.simulate.emi import FREQUENCIES, wave

QUIET = dict(instrument="MIRI", effects=simulate.IDEAL, read_noise=False, poisson=False, quantize=False, n_stars=0,
             n_galaxies=0, sky=0.0, n_groups=5, n_integrations=2)  # fmt: skip


@pytest.mark.parametrize("readpatt", ["FASTR1", "SLOWR1", "FAST"])
def test_waves_follow_the_clock(readpatt):
    options = dict(size=(8, 24), readpatt=readpatt, **QUIET)
    data = simulate.exposure(**options, emi=10.0).ramp.data - simulate.exposure(**options).ramp.data
    row, pixel, reset = (2333, 9, 2388992) if readpatt == "SLOWR1" else (271, 1, 277504 * (readpatt == "FASTR1"))
    frame = 8 * row + 1016 * 7
    ticks = np.arange(10).reshape(2, 5, 1, 1) * frame + np.arange(2).reshape(2, 1, 1, 1) * reset
    ticks = ticks + np.arange(8)[:, None] * row + np.arange(24) // 4 * pixel
    starts = np.arange(2000) / 2000

    def expected(start):
        return sum(10 * share * wave((ticks * 1e-5 * f + start) % 1) for f, share in FREQUENCIES.values())

    assert min(np.abs(data - expected(s)).max() for s in starts) < 0.2
    assert data.std() > 5


def test_other_instruments_have_none():
    one, other = (simulate.tiny("nircam_rapid", emi=e).ramp.data for e in (0.0, 20.0))
    np.testing.assert_array_equal(one, other)


def test_the_reference_corrects_it():
    disturbed, quiet = (simulate.exposure(size=(256, 128), **{**QUIET, "n_groups": 8}, emi=e) for e in (20.0, 0.0))
    done = steps.emicorr(disturbed.ramp, disturbed.references.get("emicorr"))
    assert done.history[-1].status == "COMPLETE"
    assert np.std(done.data - quiet.ramp.data) < 0.05 * np.std(disturbed.ramp.data - quiet.ramp.data)
