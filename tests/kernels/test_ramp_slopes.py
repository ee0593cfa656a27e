"""The slope kernel gives the bits of its array reference."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_ramp_slopes import cases

from jwgpu import kernels
from jwgpu.numerics import slopes

CASES = dict(cases())


@pytest.mark.parametrize("words", CASES)
def test_kernel_is_its_reference(words):
    arguments = CASES[words]
    if not kernels.available(arguments[0]):
        pytest.skip("the kernels were not compiled")
    for found, expected in zip(slopes.fit_slopes(*arguments), slopes.fit_slopes_reference(*arguments)):
        for name, array in found._asdict().items():
            np.testing.assert_array_equal(array, getattr(expected, name), err_msg=name)
            assert array.dtype == (np.uint32 if name == "dq" else np.float32)


def test_cases_reach_every_end():
    """Each case would be worth little if all its pixels ended alike."""
    seen, flags, lengths = set(), np.uint32(0), set()
    for _, arguments in cases():
        exposure, integrations = slopes.fit_slopes(*arguments)
        for fit in (exposure, integrations):
            seen |= {"nan"} if np.isnan(fit.slope).any() else set()
            seen |= {"zero"} if (fit.slope == 0).any() else set()
            seen |= {"no noise"} if ((fit.var_rnoise == 0) & np.isfinite(fit.slope)).any() else set()
            seen |= {"no photons"} if ((fit.var_poisson == 0) & np.isfinite(fit.slope)).any() else set()
            seen |= {"chargeloss"} if ((fit.var_rnoise > 0) & np.isnan(fit.slope)).any() else set()
            flags |= np.bitwise_or.reduce(fit.dq, axis=None)
        lengths.add(arguments[-1].n_groups)
    assert seen == {"nan", "zero", "no noise", "no photons", "chargeloss"}
    assert int(flags) & 0x80027 == 0x80027
    assert {1, 2, 3, 16, 17, 280} <= lengths


@pytest.mark.parametrize("n_pixels", [1, 31, 32, 33, 64, 95])
def test_blocks_of_whole_ramps(n_pixels):
    """Ramps without a flag go through the kernel a block at a time: the last block may be short."""
    data = np.random.default_rng(1).poisson(50, (2, 9, 1, n_pixels)).cumsum(axis=1).astype(np.float32)
    plane = np.ones((1, n_pixels), np.float32)
    arguments = (
        data, np.zeros(data.shape, np.uint8), np.zeros(plane.shape, np.uint32), 2 * plane, 12 * plane, None, None,
        slopes.Sampling(10.0, 10.0, 1, 0, 9, True),
    )  # fmt: skip
    for found, expected in zip(slopes.fit_slopes(*arguments), slopes.fit_slopes_reference(*arguments)):
        for name, array in found._asdict().items():
            np.testing.assert_array_equal(array, getattr(expected, name), err_msg=name)


def test_long_ramps_fall_back(monkeypatch):
    """A ramp longer than the largest compiled scratch is fitted by the array code."""
    words, arguments = next(iter(cases()))
    expected = slopes.fit_slopes_reference(*arguments)
    monkeypatch.setattr(slopes, "group_size", lambda n: None)
    monkeypatch.setattr(kernels, "launch", lambda *a: pytest.fail(f"{words}: the kernel was launched"))
    for found, wanted in zip(slopes.fit_slopes(*arguments), expected):
        np.testing.assert_array_equal(found.slope, wanted.slope)


@pytest.mark.parametrize("name", ["pixeldq", "gain", "dark", "zero frame"])
def test_shapes_must_agree(name):
    """The kernel reads by address: a plane too small would be read past its end."""
    position = {"pixeldq": 2, "gain": 3, "dark": 5, "zero frame": 6}[name]
    _, arguments = next(iter(cases()))
    short = arguments[position][..., :-1]
    with pytest.raises(ValueError, match=f"{name}.* has shape"):
        slopes.fit_slopes(*arguments[:position], short, *arguments[position + 1 :])
