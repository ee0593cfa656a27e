"""ipc: signal goes back to where the light fell, and the border has no part in it."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu import simulate, steps
from jwgpu.errors import InputError
from jwgpu.steps import ipc

KERNEL = np.array([[0, -0.01, 0], [-0.02, 1.06, -0.02], [0, -0.01, 0]], np.float32)


def make(data, x=500, y=500, **more):
    """Return a ramp that begins at 1-based column `x` and row `y` of the detector."""
    ramp = make_ramp(data)
    return ramp.replace(meta=ramp.meta.set({"subarray.xstart": x, "subarray.ystart": y, **more}))


def test_a_point_becomes_the_kernel():
    data = np.zeros((2, 3, 7, 9))
    data[1, 2, 3, 4] = 100
    kernel = np.arange(9, dtype=np.float32).reshape(3, 3)
    done = check_pure(ipc, make(data), make_reference("ipc", data=kernel))
    np.testing.assert_array_equal(done.data[1, 2, 2:5, 3:6], 100 * kernel)
    assert np.count_nonzero(done.data) == 8


def test_each_pixel_has_its_own_kernel():
    kernels = KERNEL[:, :, None, None] * np.linspace(1, 2, 63).reshape(7, 9)
    done = check_pure(ipc, make(np.ones((1, 1, 7, 9))), make_reference("ipc", data=kernels))
    inside = kernels.sum(axis=(0, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(done.data[0, 0, 1:-1, 1:-1], inside, rtol=1e-6)


@pytest.mark.parametrize(
    ("place", "rows", "columns"),
    [
        (dict(x=1, y=1), slice(4, 20), slice(4, 30)),
        (dict(x=3, y=2), slice(3, 20), slice(2, 30)),
        (dict(x=2048 - 29, y=2048 - 19), slice(0, 16), slice(0, 26)),
        (dict(x=500, y=500), slice(0, 20), slice(0, 30)),
        ({"x": 1, "y": 1, "subarray.name": "FULL"}, slice(4, 16), slice(4, 26)),
        ({"x": 1, "y": 1, "instrument.name": "MIRI"}, slice(0, 20), slice(4, 30)),
        ({"x": 1032 - 29, "y": 1, "instrument.name": "MIRI"}, slice(0, 20), slice(0, 26)),
        ({"x": 1, "y": 1, "instrument.name": "MIRI", "subarray.name": "FULL"}, slice(0, 20), slice(4, 26)),
    ],
)
def test_reference_pixels_stay_and_give_nothing(place, rows, columns):
    data = np.full((1, 1, 20, 30), 1e6)
    data[..., rows, columns] = 0
    data[..., 10, 15] = 100
    done = ipc(make(data, **place), make_reference("ipc", data=KERNEL)).data[0, 0]
    np.testing.assert_allclose(done[10, 14:17], [-2, 106, -2], rtol=1e-6)
    inner = done[rows, columns]
    assert np.count_nonzero(inner) == 5
    outer = np.ones(done.shape, bool)
    outer[rows, columns] = False
    assert (done[outer] == 1e6).all()


def test_a_simulated_star_is_sharp_again():
    quiet = "poisson read_noise quantize bias bad_pixels cosmic_rays one_over_f drift reset_noise nonlinear saturate"
    options = dict(subarray="SUB160", n_groups=3, n_stars=8, n_galaxies=0, sky=30.0, readpatt="RAPID")
    options |= dict.fromkeys(quiet.split(), False)
    plain, blurred = (simulate.exposure(ipc=coupled, **options) for coupled in (False, True))
    refs = blurred.references
    before, after = (steps.superbias(r, refs.superbias) for r in (blurred.ramp, ipc(blurred.ramp, refs.ipc)))
    truth = steps.superbias(plain.ramp, refs.superbias).data[..., 6:-6, 6:-6]
    lost, left = (np.abs(r.data[..., 6:-6, 6:-6] - truth).max() / truth.max() for r in (before, after))
    assert lost > 0.005
    assert left < 0.04 * lost


def test_gaps_in_the_kernels_leave_their_pixels_alone():
    kernels = np.broadcast_to(KERNEL[:, :, None, None], (3, 3, 7, 9)).copy()
    kernels[0, 1, 3, 4] = np.nan
    data = np.random.default_rng(1).normal(100, 10, (1, 2, 7, 9))
    whole = ipc(make(data), make_reference("ipc", data=KERNEL)).data
    done = ipc(make(data), make_reference("ipc", data=kernels)).data
    np.testing.assert_array_equal(done[..., 3, 4], np.float32(data)[..., 3, 4])
    whole[..., 3, 4] = done[..., 3, 4]
    np.testing.assert_array_equal(done, whole)


def test_a_kernel_that_is_no_number_is_an_error():
    with pytest.raises(InputError, match="not finite"):
        ipc(make(np.ones((1, 1, 7, 9))), make_reference("ipc", data=np.full((3, 3), np.nan)))


def test_kernels_of_another_window_are_an_error():
    with pytest.raises(InputError, match=r"ipc\.fits"):
        ipc(make(np.ones((1, 1, 7, 9))), make_reference("ipc", data=np.ones((3, 3, 7, 8))))


def test_a_single_pixel_has_no_neighbours():
    done = ipc(make(np.full((1, 2, 1, 1), 100.0)), make_reference("ipc", data=KERNEL))
    np.testing.assert_allclose(done.data, 106, rtol=1e-6)


def test_without_a_reference_it_skips():
    assert ipc(make(np.ones((1, 1, 3, 3)))).history[-1].reason == "there is no ipc reference for this exposure"


STRIPES = {
    "subarray.fastaxis": 1, "subarray.slowaxis": 2, "subarray.multistripe_reads1": 1, "subarray.multistripe_skips1": 1,
    "subarray.multistripe_reads2": 5, "subarray.multistripe_skips2": 100, "subarray.repeat_stripe": 1,
    "subarray.interleave_reads1": 1, "exposure.integration_start": 1,
}  # fmt: skip


@pytest.mark.parametrize("each_pixel", [False, True])
def test_stripes_are_no_neighbours(each_pixel):
    """Rows of one stripe are corrected by themselves: reference rows stay, and so does the border of the detector."""
    data = np.full((1, 2, 12, 9), 100.0)
    kernel = np.broadcast_to(KERNEL[:, :, None, None], (3, 3, 12, 9)) if each_pixel else KERNEL
    done = check_pure(ipc, make(data, y=1, x=3, **STRIPES), make_reference("ipc", data=kernel)).data[0, 1]
    column = done[:, 5]
    # Rows 2 to 6 of the detector, of which 2 and 3 are border; then rows 107 to 111; before each row 0.
    expected = [100, 100, 100, 101, 100, 101, 100, 101, 100, 100, 100, 101]
    np.testing.assert_allclose(column, expected, rtol=1e-6)
    assert (done[:, :2] == 100).all()


def test_superstripes_have_kernels_of_their_own():
    more = STRIPES | {"subarray.superstripe_step": 5, "subarray.num_superstripe": 2, "subarray.multistripe_skips1": 3}
    ramp = make(np.full((4, 1, 6, 9), 100.0), y=1, x=300, **more)
    ramp = ramp.replace(pixeldq=np.zeros((2, 6, 9), np.uint32))
    kernels = np.zeros((3, 3, 2, 6, 9), np.float32)
    kernels[1, 1, 0], kernels[1, 1, 1] = 2, 3
    done = check_pure(ipc, ramp, make_reference("ipc", data=kernels))
    assert np.unique(done.data[:, 0, 1:]).tolist() == [200, 300]
    assert done.data[:, 0, 3, 4].tolist() == [200, 300, 200, 300]
    assert (done.data[:, 0, 0] == 100).all()
