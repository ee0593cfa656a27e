"""Kernels read, and write, rows of larger arrays where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_ramp_jumps import cases as jump_cases
from kernels.cases_ramp_slopes import cases as slope_cases

from jwgpu import kernels
from jwgpu.kernels.launch import Rows
from jwgpu.numerics import jumps, slopes


def among_others(array, fill):
    """Return the array as rows of a larger one, with others above and below."""
    wide = np.full((*array.shape[:-2], array.shape[-2] + 5, array.shape[-1]), fill, array.dtype)
    part = wide[..., 2:-3, :]
    part[...] = array
    return wide, part


@pytest.fixture(autouse=True)
def compiled():
    if not kernels.available(np.zeros(1)):
        pytest.skip("the kernels were not compiled")


def test_jumps_of_some_rows():
    for number, (data, groupdq, gain, readnoise, rules) in enumerate(jump_cases()):
        words = f"case {number}: {data.shape}, {rules}"
        expected = groupdq.copy()
        hits = jumps.two_point_difference(data, expected, gain, readnoise, rules)
        _, signal = among_others(data, np.nan)
        wide, flags = among_others(groupdq, 255)
        found = jumps.two_point_difference(signal, flags, gain, readnoise, rules)
        np.testing.assert_array_equal(flags, expected, err_msg=words)
        np.testing.assert_array_equal(found, hits, err_msg=words)
        assert (wide[..., :2, :] == 255).all() and (wide[..., -3:, :] == 255).all(), words


def test_slopes_of_some_rows():
    for words, (data, groupdq, *others) in slope_cases():
        expected = slopes.fit_slopes(data, groupdq, *others)
        _, signal = among_others(data, np.nan)
        _, flags = among_others(groupdq, 255)
        for a, b in zip(slopes.fit_slopes(signal, flags, *others), expected):
            for name, array in a._asdict().items():
                np.testing.assert_array_equal(array, getattr(b, name), err_msg=f"{words}: {name}")


def test_what_lies_otherwise_is_copied():
    data = np.arange(2 * 3 * 8 * 10, dtype=np.float32).reshape(2, 3, 8, 10)
    assert Rows.stride(data[..., 2:5, :]) == 80
    assert Rows.stride(data[:, 1:, 2:5, :]) is None  # from one integration to the next it is more
    assert Rows.stride(data[..., ::2, :]) is None
    assert Rows.stride(data[..., :4]) is None
    for odd in (data[:, 1:, 2:5], data[..., ::2, :], data[..., :4], data.transpose(0, 1, 3, 2)):
        (found, same), stride = kernels.as_they_lie(odd, odd.copy())
        assert isinstance(found, np.ndarray) and found.flags.c_contiguous
        np.testing.assert_array_equal(found, odd)
        np.testing.assert_array_equal(same, odd)
        assert stride == odd.shape[-2] * odd.shape[-1]
