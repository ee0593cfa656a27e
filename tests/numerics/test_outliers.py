"""What stands out from a model: by noise, by steepness, with and without neighbours."""

from __future__ import annotations

import numpy as np

from jwgpu.numerics.outliers import merely_moved, standing_out, standing_out_twice, steepness

SNR, SCALE = (5.0, 4.0), (1.2, 0.7)


def test_steepness_of_a_plane_and_a_peak(device):
    y, x = np.indices((6, 7), dtype=np.float32)
    np.testing.assert_array_equal(device.host(steepness(device.array(2 * x - 3 * y))), np.full((6, 7), 3))
    peak = np.zeros((5, 5), np.float32)
    peak[2, 2], peak[0, 0] = 9, np.nan
    found = device.host(steepness(device.array(peak)))
    assert np.isnan(found[0, 0]) and not np.isnan(found[0, 1])
    np.testing.assert_array_equal(np.argwhere(found == 9), [[1, 2], [2, 1], [2, 2], [2, 3], [3, 2]])
    assert (found[~np.isnan(found) & (found != 9)] == 0).all()


def flat(value=1.0, error=0.1, shape=(9, 9)):
    return np.full(shape, value, np.float32), np.full(shape, error, np.float32), np.full(shape, value, np.float32)


def test_a_ray_is_found_with_its_weaker_neighbours(device):
    data, err, model = flat()
    data[4, 4] += 0.51  # more than 5 sigma
    data[4, 5] += 0.45  # between 4 and 5, beside it
    data[3, 3] -= 0.45
    data[1, 1] += 0.45  # alone
    data[7, 7] = np.nan
    found = device.host(standing_out_twice(*(device.array(a) for a in (data, err, model)), SNR, SCALE))
    np.testing.assert_array_equal(np.argwhere(found), [[3, 3], [4, 4], [4, 5]])
    alone = device.host(standing_out(*(device.array(a) for a in (data, err, model)), 4.0))
    np.testing.assert_array_equal(np.argwhere(alone), [[1, 1], [3, 3], [4, 4], [4, 5]])


def test_steep_places_allow_for_more():
    data, err, model = flat()
    model[4, 4] += 2
    data[4, 4] += 2 + 0.5 + 2.3  # noise accounts for 0.5, steepness for 2.4
    assert not standing_out_twice(data, err, model, SNR, SCALE).any()
    data[4, 4] += 0.2
    np.testing.assert_array_equal(np.argwhere(standing_out_twice(data, err, model, SNR, SCALE)), [[4, 4]])


def test_a_background_that_the_model_lacks():
    data, err, model = flat()
    assert standing_out_twice(data + np.float32(1), err, model, SNR, SCALE).all()
    assert not standing_out_twice(data + np.float32(1), err, model, SNR, SCALE, 1.0).any()


def test_what_is_not_known_does_not_stand_out():
    data, err, model = flat()
    data[2, 2] += 5
    model[2, 2] = np.nan
    assert not standing_out_twice(data, err, model, SNR, SCALE).any()
    model[2, 2] = 1
    err[2, 2] = np.nan  # no error: whatever differs
    assert standing_out_twice(data, err, model, SNR, SCALE)[2, 2]


def star(width, x, y, shape=(15, 15)):
    """Return a Gaussian of unit light, sampled finely and binned."""
    fine = (np.arange(shape[0] * 20) + 0.5) / 20 - 0.5
    row = [np.exp(-((fine - c) ** 2) / 2 / width**2).reshape(-1, 20).sum(axis=1) for c in (y, x)]
    image = np.outer(*row)
    return (image / image.sum()).astype(np.float32)


def test_a_star_that_is_broader_in_the_model_has_only_moved(device):
    for x, y in ((7.0, 7.0), (7.5, 7.3), (1.9, 7.0)):
        narrow, broad = 100 * star(0.5, x, y), 100 * star(0.75, x, y)
        err = np.full(narrow.shape, 0.05, np.float32)
        candidates = standing_out_twice(narrow, err, broad, SNR, (0.1, 0.1))
        assert candidates.any()
        arrays = [device.array(a) for a in (narrow, err, broad, candidates)]
        moved = device.host(merely_moved(*arrays, 0.25))
        rows, columns = np.indices(moved.shape)
        core = (np.hypot(columns - x, rows - y) < 1.2) & (columns > 1)
        assert moved[candidates & core].all()
        assert not moved[~candidates].any()
        assert not merely_moved(narrow, err, broad, candidates, 0.0).any()


def test_a_ray_on_a_star_has_come_from_outside():
    broad, err = 100 * star(0.75, 7.2, 7.0), np.full((15, 15), 0.05, np.float32)
    for y, x in ((7, 7), (6, 8), (12, 3)):
        data = 100 * star(0.5, 7.2, 7.0)
        data[y, x] += 60
        candidates = np.zeros(data.shape, bool)
        candidates[y, x] = True
        assert not merely_moved(data, err, broad, candidates, 0.25).any()
