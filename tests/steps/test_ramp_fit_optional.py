"""What ramp_fit leaves beside its result: every segment, pedestals, sizes of jumps."""

from __future__ import annotations

import edges
import numpy as np
from ramps import left_by_fit, make_ramp

import jwgpu as jw
from jwgpu.data import GROUP

JUMP = int(GROUP.JUMP_DET)


def optional(ramp, gain=None, readnoise=None, **parameters):
    """Return the optional results of a fit."""
    return left_by_fit(ramp, gain, readnoise, save_opt=True, **parameters)["fitopt"]


def test_a_line_with_a_jump():
    data = 100 + 50.0 * np.arange(8) + 700 * (np.arange(8) >= 3)
    flags = np.zeros((1, 8, 3, 3), np.uint8)
    flags[:, 3] = JUMP
    found = optional(make_ramp(data, groupdq=flags, group_time=10.0, frame_time=10.0, drop_frames1=1))
    assert found.slope.shape == (1, 2, 3, 3)
    np.testing.assert_allclose(found.slope, 5.0, rtol=1e-6)
    np.testing.assert_allclose(found.yint[0, :, 1, 1], (100, 800), rtol=1e-5)
    np.testing.assert_allclose(found.weights * found.var_rnoise, 1.0, rtol=1e-6)
    np.testing.assert_allclose(found.var_rnoise[0, :, 0, 0], [6 * 12**2 / 100 / (n**3 - n) for n in (3, 5)], rtol=1e-6)
    np.testing.assert_allclose(found.crmag, 750.0)
    np.testing.assert_allclose(found.pedestal, 100 - 2 * 5.0, rtol=1e-6)  # one frame and one dropped: two intervals


def test_fewer_segments_than_others_have():
    ramp = make_ramp(100 + 50.0 * np.arange(8), group_time=10.0, frame_time=10.0)
    groupdq = ramp.groupdq.copy()
    groupdq[0, 4, 0, 0] = JUMP
    found = optional(ramp.replace(groupdq=groupdq))
    assert (found.slope[0, 1] != 0).sum() == 1
    assert (found.crmag != 0).sum() == 1


def test_no_jump_at_all(tmp_path):
    """Then there is no plane of jumps, and the file says so."""
    from stdatamodels.jwst import datamodels

    found = optional(make_ramp(100 + 50.0 * np.arange(8), group_time=10.0, frame_time=10.0), opt_name="all.fits")
    assert found.crmag.shape == (1, 0, 3, 3)
    path = jw.save(found, out=tmp_path)
    assert path.name == "all.fits"
    with datamodels.open(path) as model:
        assert model.slope.shape == (1, 1, 3, 3)
        assert model.crmag.size == 0


def test_same_bits_in_every_library(device):
    for n_groups in (1, 5, 17):
        ramp, references = edges.ramp(n_groups, 2), edges.references()
        expected = optional(ramp, **references, suppress_one_group=False)
        moved = {name: device.put(reference) for name, reference in references.items()}
        found = optional(device.put(ramp), **moved, suppress_one_group=False)
        for name, array in expected.arrays().items():
            np.testing.assert_array_equal(device.host(getattr(found, name)), array, err_msg=name)
