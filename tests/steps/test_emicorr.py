"""emicorr: what it takes out, what it leaves alone, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure
from waves import FREQUENCIES, disturbance, emi_ramp, emi_reference, wave

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.step import ParameterError
from jwgpu.steps import emicorr

SHAPE = (2, 12, 64, 256)
JOINT, SEQUENTIAL = {"algorithm": "joint"}, {"algorithm": "sequential"}


def what_is_left(amplitudes, parameters, reference=None, **options) -> float:
    """Return the rms of what a correction leaves of the injected pattern, as a share of the rms of the pattern."""
    options = {"shape": SHAPE, **options}
    quiet = emi_ramp(amplitudes={}, **options)
    ramp = emi_ramp(amplitudes=amplitudes, **options)
    reference = emi_reference(amplitudes) if reference is None else reference
    done = emicorr(ramp, reference, **parameters)
    assert done.history[-1].status == "COMPLETE"
    left, pattern = done.data - quiet.data, ramp.data - quiet.data
    rounding = 1 / 6  # the variance of the difference of two whole numbers
    return float(np.sqrt(max(left.var() - rounding, 0) / pattern.var()))


@pytest.mark.parametrize("name", ["Hz218a", "Hz10"])
@pytest.mark.parametrize("parameters", [JOINT, {**JOINT, "fit_ints_separately": True}], ids=str)
def test_an_injected_pattern_is_taken_out(name, parameters):
    assert what_is_left({name: 20.0}, parameters) < 0.05


def test_the_sequential_fit_takes_a_pattern_out():
    """It loses what a whole frame has in common, so that frames must be longer than a period."""
    assert what_is_left({"Hz218a": 20.0}, SEQUENTIAL) < 0.05
    assert what_is_left({"Hz10": 20.0}, SEQUENTIAL, subarray="FULL", shape=(2, 12, 1024, 72)) < 0.05


def test_two_patterns_are_taken_out():
    assert what_is_left({"Hz218a": 20.0, "Hz10": 12.0}, JOINT) < 0.05


def test_few_groups_suffice_for_the_joint_fit():
    assert what_is_left({"Hz10": 20.0}, JOINT, shape=(2, 4, 64, 256)) < 0.05


def test_a_pattern_is_taken_out_without_a_reference():
    """Noise of the bins and their width stay behind."""
    assert what_is_left({"Hz218a": 20.0}, {"onthefly_corr_freq": [FREQUENCIES["Hz218a"]]}) < 0.15


def test_the_reference_is_fetched_only_where_it_is_used():
    ramp = emi_ramp()
    averaged = ramp.replace(meta=ramp.meta.set({"exposure.readpatt": "FASTGRPAVG"}))
    assert emicorr.wants("emicorr", ramp, {})
    assert not emicorr.wants("emicorr", ramp, {"onthefly_corr_freq": [10.0]})
    assert not emicorr.wants("emicorr", averaged, {})


def test_the_amplitude_is_noted():
    record = emicorr(emi_ramp(amplitudes={"Hz10": 25.0}, shape=SHAPE), emi_reference(["Hz10"])).history[-1]
    assert record.notes["frequencies"] == ["Hz10"]
    assert record.notes["amplitudes"] == [pytest.approx(25, rel=0.03)]


@pytest.mark.parametrize("phase", np.arange(-3, 4) / 1000)
def test_a_phase_about_zero_is_found(phase):
    """The best trial phase is the first or the last there."""
    shape, frequency = (1, 12, 64, 72), FREQUENCIES["Hz10"]
    data = 20 * disturbance(shape, frequency, "SUB64", "FASTR1", 1, phase)
    ramp = emi_ramp(shape=shape, amplitudes={})
    ramp = ramp.replace(data=ramp.data + data.astype(np.float32))
    done = emicorr(ramp, emi_reference(["Hz10"]))
    assert done.history[-1].notes["amplitudes"] == [pytest.approx(20, rel=0.05)]


def test_a_wave_locked_to_the_frames_is_left():
    ramp = emi_ramp("FULL", (2, 6, 1024, 24), amplitudes={"Hz390": 20.0})
    done = emicorr(ramp, emi_reference(["Hz390"]))
    np.testing.assert_array_equal(done.data, ramp.data)


@pytest.mark.parametrize("parameters", [JOINT, SEQUENTIAL], ids=str)
def test_missing_values_take_only_their_pixels_out(parameters):
    ramp, reference = emi_ramp(shape=SHAPE), emi_reference()
    data = ramp.data.copy()
    data[0, 3, 5, 7], data[1, :, 9] = np.nan, np.inf
    holed = emicorr(ramp.replace(data=data), reference, **parameters)
    whole = emicorr(ramp, reference, **parameters)
    good = np.isfinite(data)
    assert np.abs(holed.data - whole.data)[good].max() < 1
    np.testing.assert_array_equal(holed.data[~good], data[~good])


@pytest.mark.parametrize("parameters", [JOINT, SEQUENTIAL], ids=str)
@pytest.mark.filterwarnings("error")
def test_nothing_but_missing_values_stays(parameters):
    ramp = emi_ramp()
    ramp = ramp.replace(data=np.full_like(ramp.data, np.nan))
    assert np.isnan(emicorr(ramp, emi_reference(), **parameters).data).all()


@pytest.mark.parametrize("parameters", [JOINT, SEQUENTIAL, {"onthefly_corr_freq": [390.625]}], ids=str)
def test_inputs_stay_as_they_are(parameters):
    check_pure(emicorr, emi_ramp(), emi_reference(), **parameters)


SKIPS = {
    "NIRCAM": {"instrument.name": "NIRCAM"},
    "FASTGRPAVG": {"exposure.readpatt": "FASTGRPAVG"},
    "no frequencies for MASK1065": {"subarray.name": "MASK1065"},
    "no frequencies for SUB64, SLOWR1, MIRIFULONG": {
        "exposure.readpatt": "SLOWR1", "instrument.detector": "MIRIFULONG",
    },
}  # fmt: skip


def skipped(ramp, *references, **parameters) -> str:
    done = emicorr(ramp, *references, **parameters)
    assert done.history[-1].status == "SKIPPED"
    assert done.data is ramp.data
    return done.history[-1].reason


@pytest.mark.parametrize("reason", SKIPS)
def test_it_skips_what_it_cannot_correct(reason):
    ramp = emi_ramp()
    assert reason in skipped(ramp.replace(meta=ramp.meta.set(SKIPS[reason])), emi_reference())


def test_it_skips_short_ramps_odd_windows_and_unknown_clocks():
    two, three = (emi_ramp(shape=(1, n, 64, 72)) for n in (2, 3))
    assert "too few" in skipped(two, emi_reference())
    assert "too few" in skipped(three, emi_reference(), **SEQUENTIAL)
    assert emicorr(three, emi_reference()).history[-1].status == "COMPLETE"
    assert "multiple" in skipped(emi_ramp(shape=(1, 5, 1, 1)), emi_reference())
    assert "no emicorr reference" in skipped(emi_ramp())
    elsewhere = emi_ramp().replace(meta=emi_ramp().meta.set({"subarray.name": "SUB99"}))
    assert "SUB99" in skipped(elsewhere, onthefly_corr_freq=[10.0])


def test_tiny_windows_pass():
    for shape in ((1, 4, 1, 4), (2, 12, 3, 8)):
        for parameters in (JOINT, SEQUENTIAL):
            done = emicorr(emi_ramp(shape=shape, amplitudes={}), emi_reference(), **parameters)
            assert np.isfinite(done.data).all()


def test_a_wave_may_be_a_list_of_numbers():
    """As some writers of ASDF files keep it; it then is among the plain values."""
    ramp, reference = emi_ramp(), emi_reference(["Hz218a"])
    plain = {"frequencies.Hz218a.phase_amplitudes": tuple(map(float, wave()))}
    other = type(reference)("emicorr", "e.asdf", {}, reference.meta.set(plain))
    np.testing.assert_array_equal(emicorr(ramp, other).data, emicorr(ramp, reference).data)


@pytest.mark.parametrize("value", [[np.nan] * 9, [1.0], np.ones((2, 2))], ids=["nan", "one", "plane"])
def test_a_wave_without_numbers_is_an_error(value):
    reference = emi_reference()
    arrays = {**reference.arrays, "frequencies.Hz10.phase_amplitudes": np.array(value)}
    with pytest.raises(InputError, match=r"emicorr\.asdf: frequency Hz10"):
        emicorr(emi_ramp(), type(reference)("emicorr", "emicorr.asdf", arrays, reference.meta))


def test_a_frequency_without_a_value_is_an_error():
    with pytest.raises(InputError, match="Hz77"):
        emicorr(emi_ramp(), emi_reference(["Hz77"]))
    with pytest.raises(InputError, match="nsamples"):
        ramp = emi_ramp()
        emicorr(ramp.replace(meta=Meta({k: v for k, v in ramp.meta.items() if "nsamples" not in k})), emi_reference())


@pytest.mark.parametrize(
    "parameters", [{"nbins": 0}, {"nints_to_phase": -1}, {"use_n_cycles": 0}, {"onthefly_corr_freq": [-5.0]},
                   {"onthefly_corr_freq": ["ten"]}], ids=str)  # fmt: skip
def test_impossible_parameters_are_errors(parameters):
    with pytest.raises(ParameterError, match=f"emicorr.{next(iter(parameters))}"):
        emicorr(emi_ramp(), emi_reference(), **parameters)


@pytest.mark.parametrize("device", ["fakecupy"], indirect=True)
@pytest.mark.parametrize("parameters", [JOINT, SEQUENTIAL, {**SEQUENTIAL, "scale_reference": False}], ids=str)
def test_same_bits_on_a_device(parameters, device):
    ramp, reference = emi_ramp(), emi_reference()
    found = emicorr(device.put(ramp), device.put(reference), **parameters)
    assert found.device == "gpu"
    np.testing.assert_array_equal(device.host(found.data), emicorr(ramp, reference, **parameters).data)
