"""Folded samples: which bin each falls in, and the clipped means of the bins."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats

from jwgpu.numerics.bins import Bins, bin_of


@pytest.mark.parametrize("n_bins", [1, 7, 128, 500])
def test_bins_are_open_below_and_closed_above(n_bins):
    edges = np.arange(n_bins + 1) / n_bins
    phase = np.concatenate([edges[:-1], np.nextafter(edges[1:], 0), np.random.default_rng(1).random(2000)])
    expected = np.searchsorted(edges, phase, side="left") - 1
    np.testing.assert_array_equal(bin_of(phase, n_bins), np.where(expected < 0, n_bins, expected))


def test_means_are_those_of_a_clipped_sample():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, 5000).astype(np.float32)
    values[rng.random(5000) < 0.05] *= 30
    values[rng.random(5000) < 0.01] = np.nan
    bins = rng.integers(0, 41, 5000).astype(np.int16)
    bins[bins == 5] = 6
    bag = Bins(np.bincount(bins, minlength=41))
    for part in np.array_split(np.arange(5000), 3):
        bag.add(values[part], bins[part])
    means = bag.clipped_means()
    assert means.shape == (40,)
    assert np.isnan(means[5])
    for k in range(40):
        if k != 5:
            sample = values[(bins == k) & np.isfinite(values)].astype(np.float64)
            assert means[k] == pytest.approx(sigma_clipped_stats(sample)[0], rel=1e-12)
