"""guider_cds: a late read minus an early one, over the group time."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.steps import guider_cds

TIME = 0.5
ALL = ["FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE"]


def ramp_of(levels, mode):
    """Return a guider ramp, 2 x 3 pixels, of one number per integration and group."""
    data = np.broadcast_to(np.array(levels, np.float32)[..., None, None], (*np.shape(levels), 2, 3)).copy()
    return make_ramp(data, pixeldq=[[0, 1, 4], [0, 0, 0]], type=mode, group_time=TIME)


def references(shape=(2, 3), gain=2.0, readnoise=6.0):
    """Return gain and read noise of one value each."""
    return make_reference("gain", data=np.full(shape, gain)), make_reference(
        "readnoise", data=np.full(shape, readnoise)
    )


@pytest.mark.parametrize("mode", ["FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK"])
def test_second_minus_first(mode):
    """Acquisition and track: one plane per integration; errors of both kinds; negative rates have no Poisson term."""
    result = check_pure(guider_cds, ramp_of([[10, 110, 999], [7, 3, 999]], mode), *references())
    assert (result.unit, result.shape) == ("DN/s", (2, 2, 3))
    assert result.data.dtype == result.err.dtype == np.float32
    np.testing.assert_array_equal(result.data[:, 0, 0], [200, -8])
    np.testing.assert_allclose(result.err[:, 0, 0], [np.sqrt(2 * 12**2 + 100), np.sqrt(2) * 12], rtol=1e-6)
    np.testing.assert_array_equal(result.dq, [[0, 1, 4], [0, 0, 0]])


def test_fine_guide_averages_four_reads():
    """Fine guide: the mean of the last four groups minus that of the first four, whatever lies between."""
    levels = [[1, 2, 3, 4, 900, 900, 11, 12, 13, 18]]
    result = guider_cds(ramp_of(levels, "FGS_FINEGUIDE"), *references())
    np.testing.assert_array_equal(result.data, np.full((1, 2, 3), (13.5 - 2.5) / TIME))


@pytest.mark.parametrize("mode", ["FGS_ID-STACK", "FGS_ID-IMAGE"])
def test_identification_takes_the_lesser(mode):
    """Identification: one plane, the lesser difference of the first two integrations; a ray in one leaves no trace."""
    ramp = ramp_of([[10, 110], [20, 100], [5, 5]], mode)
    ramp.data[0, 1, 1, 1] += 5000
    result = check_pure(guider_cds, ramp, *references())
    np.testing.assert_array_equal(result.data, np.full((1, 2, 3), 160))
    np.testing.assert_allclose(result.err, np.sqrt(2 * 12**2 + 80), rtol=1e-6)


def test_stack_takes_the_mean_of_references_of_another_shape():
    """A stack does not lie on the detector: references of another shape enter by their mean; other modes refuse."""
    levels = [[10, 110], [20, 100]]
    wide = references((5, 5))
    wide[0].data[:, 0] = 7  # mean (4 * 2 + 7) / 5 = 3
    result = guider_cds(ramp_of(levels, "FGS_ID-STACK"), *wide)
    np.testing.assert_allclose(result.err, np.sqrt(2 * 12**2 + 80 / (3 * TIME)), rtol=1e-6)
    assert result.err.shape == result.data.shape
    with pytest.raises(ValueError, match=r"gain reference gain\.fits: data has shape"):
        guider_cds(ramp_of(levels, "FGS_ID-IMAGE"), *wide)


def test_zero_gain_is_no_error():
    """No gain: an infinite error where there is signal, NaN where there is none, and no warning."""
    result = guider_cds(ramp_of([[0, 5], [0, 0]], "FGS_TRACK"), *references(gain=0.0))
    assert np.isinf(result.err[0]).all()
    assert np.isnan(result.err[1]).all()


def test_tables_history_and_metadata_pass():
    """What travels with the exposure goes on with the rates."""
    table = {"centroid_table": np.zeros(3, [("time", "f8")])}
    ramp = ramp_of([[10, 110]], "FGS_ACQ1").replace(tables=table)
    result = guider_cds(ramp, *references())
    assert result.tables["centroid_table"] is table["centroid_table"]
    assert result.meta.exposure.type == "FGS_ACQ1"
    assert result.history[-1].references == {"gain": "gain.fits", "readnoise": "readnoise.fits"}


@pytest.mark.parametrize(
    ("levels", "mode", "words"),
    [
        ([[1], [2]], "FGS_ID-STACK", "needs 2 groups in FGS_ID-STACK exposures, but there is 1"),
        ([[1, 2]], "FGS_ID-IMAGE", "needs 2 integrations in FGS_ID-IMAGE"),
    ],
)
def test_too_little_data_is_named(levels, mode, words):
    """Too few groups or integrations are errors that say how many are needed."""
    with pytest.raises(ValueError, match=words):
        guider_cds(ramp_of(levels, mode), *references())


def test_group_time_must_be_positive():
    """Rates need a group time: none, or one of 0 s, is an error that names it."""
    ramp = ramp_of([[1, 2]], "FGS_ACQ1")
    with pytest.raises(ValueError, match="group_time"):
        guider_cds(ramp.replace(meta=ramp.meta.set({"exposure.group_time": None})), *references())
    with pytest.raises(ValueError, match="TGROUP"):
        guider_cds(ramp.replace(meta=ramp.meta.set({"exposure.group_time": 0.0})), *references())


def test_skips_say_why():
    """Science exposures and exposures without references are left alone."""
    science = guider_cds(ramp_of([[1, 2]], "FGS_IMAGE"), *references())
    assert "FGS_IMAGE is not a guider mode" in science.history[-1].reason
    lacking = guider_cds(ramp_of([[1, 2]], "FGS_ACQ1"), references()[0])
    assert "no readnoise reference" in lacking.history[-1].reason


@pytest.mark.parametrize("mode", ALL)
def test_every_array_library(device, mode):
    """Every array library gives the numbers of NumPy."""
    random = np.random.default_rng(0)
    ramp = make_ramp(random.normal(1e4, 3e3, (3, 9, 4, 5)), type=mode, group_time=TIME)
    pair = references((4, 5))
    expected, found = guider_cds(ramp, *pair), guider_cds(device.put(ramp), *(device.put(r) for r in pair))
    for name in ("data", "err"):
        np.testing.assert_allclose(device.host(getattr(found, name)), getattr(expected, name), rtol=1e-6)
