"""The likelihood kernel gives the bits of its array reference."""

from __future__ import annotations

import edges
import numpy as np
import pytest

from jwgpu import kernels
from jwgpu.data import PIXEL
from jwgpu.numerics import likelihood
from jwgpu.numerics.likelihood import Times, even_reads

UNEVEN = [[3.0], [4.0, 5.0], [9.0], [11.0, 12.0, 13.0], [30.0]]
CASES = {
    "frames alone": (10, 2, even_reads(10, 1, 0, 10.0), False, False),
    "pairs": (5, 3, even_reads(5, 4, 1, 10.0), False, True),
    "pairs, zero frame": (10, 2, even_reads(10, 2, 0, 10.0), True, True),
    "full scratch": (16, 1, even_reads(16, 8, 0, 1.0), True, False),
    "four groups": (4, 1, even_reads(4, 1, 0, 10.0), False, True),
    "uneven": (5, 3, UNEVEN, False, False),
    "long": (70, 1, even_reads(70, 1, 0, 3.0), False, True),
}


def arguments(words):
    """Return arguments of `fit_likelihood`."""
    n_groups, n_integrations, reads, zeroframe, dark = CASES[words]
    ramp, references = edges.ramp(n_groups, n_integrations, seed=11), edges.references()
    return [
        ramp.data, ramp.groupdq, ramp.pixeldq, references["gain"].data, references["readnoise"].data,
        np.full(edges.SHAPE, np.float32(0.3)) if dark else None, ramp.zeroframe, Times.of(reads, zeroframe),
    ]  # fmt: skip


def planes(found):
    """Give every plane of a fit with its name."""
    for part in ("exposure", "integrations"):
        for name, plane in getattr(found, part)._asdict().items():
            yield f"{part}.{name}", plane
    yield "chisq", found.chisq
    yield "chisq_integrations", found.chisq_integrations
    yield "freedom", found.freedom


@pytest.mark.parametrize("words", CASES)
def test_kernel_is_its_reference(words):
    given = arguments(words)
    if not kernels.available(given[0]):
        pytest.skip("the kernels were not compiled")
    expected = dict(planes(likelihood.fit_likelihood_reference(*given)))
    for name, plane in planes(likelihood.fit_likelihood(*given)):
        np.testing.assert_array_equal(plane, expected[name], err_msg=name)
        assert plane.dtype == (np.uint32 if name.endswith("dq") else np.float32)


def test_cases_reach_every_end():
    """Each case would be worth little if all its pixels ended alike."""
    flags, widths = np.uint32(0), set()
    original = likelihood.Ramps.search

    def search(self, sweep, used):
        drop = original(self, sweep, used)
        widths.update(np.unique(drop.sum(axis=0)).tolist())
        return drop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood.Ramps, "search", search)
        for words in ("pairs", "frames alone"):
            found = likelihood.fit_likelihood_reference(*arguments(words)).integrations
            assert 0.01 < np.isnan(found.slope).mean() < 0.9
            flags |= np.bitwise_or.reduce(found.dq, axis=None)
    assert widths == {0, 1, 2}
    assert int(flags) & 7 == int(PIXEL.DO_NOT_USE | PIXEL.SATURATED | PIXEL.JUMP_DET)


def test_long_ramps_fall_back(monkeypatch):
    """A ramp longer than the largest compiled scratch is fitted by the array code."""
    given = arguments("pairs")
    expected = dict(planes(likelihood.fit_likelihood_reference(*given)))
    monkeypatch.setattr(likelihood, "group_size", lambda n: None)
    monkeypatch.setattr(kernels, "launch", lambda *a: pytest.fail("the kernel was launched"))
    for name, plane in planes(likelihood.fit_likelihood(*given)):
        np.testing.assert_array_equal(plane, expected[name], err_msg=name)


def test_shapes_must_agree():
    given = arguments("pairs")
    given[3] = given[3][:, :-1]
    with pytest.raises(ValueError, match=r"gain.* has shape"):
        likelihood.fit_likelihood(*given)
