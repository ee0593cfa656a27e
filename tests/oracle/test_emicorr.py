"""emicorr against that of jwst 3.0.0: both algorithms, every readout speed, full frames and subarrays."""

from __future__ import annotations

import numpy as np
import pytest
from waves import FREQUENCIES, PATTERN, disturbance, emi_ramp, emi_reference

from jwgpu.steps import emicorr

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

READOUTS = {
    "full": dict(subarray="FULL", shape=(2, 12, 40, 1032)),
    "full, slow": dict(subarray="FULL", shape=(2, 12, 40, 1032), readpatt="SLOWR1", nsamples=9),
    "subarray": dict(subarray="SUB64", shape=(3, 12, 64, 72)),
    "without resets": dict(subarray="SUB64", shape=(3, 15, 64, 72), readpatt="FAST"),
    "few groups": dict(subarray="SUB64", shape=(2, 5, 64, 72)),
}
SEQUENTIAL = {
    "default": {},
    "unscaled": {"scale_reference": False},
    "bins": {"nbins": 40, "nints_to_phase": 2},
    "many bins": {"nbins": 700, "use_n_cycles": None},
    "cycles": {"use_n_cycles": 40},
    "one integration": {"nints_to_phase": 1, "use_n_cycles": 5},
    "from the data": {"onthefly_corr_freq": [218.52055, 390.625]},
}


def official(ramp, reference, **parameters):
    """Return what the official package makes of the data."""
    from jwst.emicorr.emicorr import apply_emicorr
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel(data=ramp.data.copy(), pixeldq=ramp.pixeldq.copy())
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    tree: dict = {}
    for path, value in [*reference.meta.items(), *reference.arrays.items()]:
        *branches, leaf = path.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = list(value) if isinstance(value, tuple) else value
    emi = datamodels.EmiModel()
    emi.frequencies, emi.subarray_cases = tree["frequencies"], tree["subarray_cases"]
    return apply_emicorr(model, emi, **parameters).data


def check(options, parameters):
    ramp, reference = emi_ramp(**options), emi_reference()
    ours = emicorr(ramp, reference, **parameters)
    assert ours.history[-1].status == "COMPLETE"
    expected = official(ramp, reference, **parameters)
    removed = np.abs(expected - ramp.data).max()
    assert removed > 1
    np.testing.assert_allclose(ours.data, expected, rtol=1e-6)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("separately", [False, True])
def test_joint(readout, separately):
    check(READOUTS[readout], {"algorithm": "joint", "fit_ints_separately": separately})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("readout", READOUTS)
def test_sequential(readout):
    check(READOUTS[readout], {"algorithm": "sequential"})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("options", SEQUENTIAL)
def test_sequential_options(options):
    check(READOUTS["subarray"], {"algorithm": "sequential", **SEQUENTIAL[options]})


def test_a_wave_locked_to_the_frames_stays():
    ramp, reference = emi_ramp("FULL", (2, 6, 1024, 24), amplitudes={"Hz390": 20.0}), emi_reference(["Hz390"])
    np.testing.assert_array_equal(official(ramp, reference, algorithm="joint"), ramp.data)
    np.testing.assert_array_equal(emicorr(ramp, reference).data, ramp.data)


@pytest.mark.parametrize("phase", [-0.002, 0.002])
def test_a_phase_just_below_zero_is_lost_there_and_not_here(phase):
    shape, reference = (1, 12, 64, 72), emi_reference(["Hz10"])
    quiet = emi_ramp(shape=shape, amplitudes={})
    wave = (20 * disturbance(shape, FREQUENCIES["Hz10"], "SUB64", PATTERN, 1, phase)).astype(np.float32)
    ramp = quiet.replace(data=quiet.data + wave)
    left = official(ramp, reference, algorithm="joint") - quiet.data
    assert (left.std() > 0.3 * wave.std()) == (phase < 0)
    assert (emicorr(ramp, reference).data - quiet.data).std() < 0.05 * wave.std()


def test_every_default_is_the_official_one():
    from jwst.emicorr import EmiCorrStep

    step = EmiCorrStep()
    assert {name: p.default for name, p in emicorr.parameters.items()} == {
        name: getattr(step, name) for name in emicorr.parameters
    }
