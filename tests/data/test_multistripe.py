"""Where the rows of stripes lie on the detector, and when they are read."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.data import Meta
from jwgpu.data.multistripe import KEYWORDS, Stripes, frame_time, read_times
from jwgpu.errors import InputError


def meta(values, size, *, start=(1, 1), axes=(-1, 2), name="SUBSTRIPE", **more) -> Meta:
    """Return the metadata of a subarray: values in the order of the keywords, (y, x) size and (y, x) start."""
    made = dict(zip(KEYWORDS, values)) | dict(zip(("fastaxis", "slowaxis"), axes))
    made |= {"name": name, "ystart": start[0], "xstart": start[1], "ysize": size[0], "xsize": size[1]}
    return Meta({f"subarray.{key}": value for key, value in made.items()} | {"filename": "a.fits", **more})


def stripes(values, size, **more) -> Stripes:
    return Stripes.of(meta(values, size, **more), size)


def test_substripes_take_turns_with_the_rows_before_them():
    """SUB164STRIPE4_DHS of NRCA1: row 0, then 40 rows from 1527, row 0 again, 40 rows from 1652, ..."""
    found = stripes((1, 1526, 40, 85, 1, 1, 0, 0), (164, 2048), name="SUB164STRIPE4_DHS")
    expected = [row for first in (1527, 1652, 1777, 1902) for row in (0, *range(first, first + 40))]
    assert found.lines == (tuple(expected),)
    assert found.blocks == ((1, 41), (42, 82), (83, 123), (124, 164))
    turned = stripes(
        (1, 1526, 40, 85, 1, 1, 0, 0), (164, 2048), name="SUB164STRIPE4_DHS", axes=(1, -2), start=(2008, 1)
    )
    np.testing.assert_array_equal(turned.index[0], 2047 - np.array(expected)[::-1])


def test_the_same_rows_again_and_rows_without_a_return():
    """SUB164STRIPE4_DHS of NRCALONG; and stripes that follow each other, with gaps."""
    again = stripes((1, 971, 40, 0, 1, 0, 0, 0), (164, 2048))
    assert again.lines[0] == 4 * (0, *range(972, 1012))
    onward = stripes((1, 10, 20, 5, 0, 0, 0, 0), (61, 2048))
    assert onward.lines[0] == (0, *range(11, 31), *range(36, 56), *range(61, 81))


def test_superstripes_of_soss():
    """SUB204STRIPE_SOSS: the four rows at the edge, then 204 rows, 204 further on each time; rows are columns."""
    found = stripes(
        (4, 0, 204, 0, 1, 1, 204, 10), (256, 208), start=(1793, 2048), axes=(-2, -1), name="SUB204STRIPE_SOSS"
    )
    assert [lines[4] for lines in found.lines] == list(range(4, 2044, 204))
    np.testing.assert_array_equal(found.index[0], [*range(1840, 2044), 2044, 2045, 2046, 2047])
    detector = np.arange(2048.0) + np.zeros((256, 1))
    np.testing.assert_array_equal(found.cut(detector)[9, 0], [*range(4, 208), 2044, 2045, 2046, 2047])
    assert found.window((256, 208)) == (1, (256, 2048))


def test_superstripes_without_reference_pixels():
    """SUB64P_SUPSTP008: everything but the step is 0, and the subarray starts where the first stripe does."""
    found = stripes((0, 0, 0, 0, 0, 0, 8, 8), (8, 64), start=(1880, 1851), axes=(1, -2))
    assert found.lines[3] == tuple(range(192, 200))
    assert found.frame == (168, 64)
    assert found.window((8, 64)) == (2048 - 168 - 64 + 1, (64, 64))


@pytest.mark.parametrize("axes", [(1, 2), (-1, -2), (2, 1), (-2, -1)])
def test_blocks_are_placed_where_they_were_cut_from(axes):
    """What superstripes cut out of a detector goes back to where it was."""
    size = (5, 64) if abs(axes[1]) == 2 else (64, 5)
    start = (1, 100) if abs(axes[1]) == 2 else (100, 1)
    if axes[1] < 0:
        start = tuple(2048 if s == 1 else s for s in start)
    found = stripes((1, 9, 4, 0, 1, 1, 4, 3), size, start=start, axes=axes)
    detector = np.random.default_rng(1).random((2048, 64) if abs(axes[1]) == 2 else (64, 2048))
    planes = found.cut(detector)
    first, shape = found.window(size)
    frame = np.zeros(shape)
    for stripe in range(3):
        here, there = found.place(stripe, 0)
        frame[there] = planes[stripe][here]
    expected = np.take(detector, np.arange(first - 1, first + 11), axis=found.axis)
    np.testing.assert_array_equal(frame, expected)


def test_light_sensitive_runs_leave_reference_pixels_out():
    """Row 0 and the first four columns are; the stripe from row 2 on loses two rows."""
    found = stripes((1, 1, 6, 0, 0, 0, 0, 0), (7, 32))
    assert found.light_sensitive(0) == [(slice(3, 7), slice(4, 32))]
    with_border = stripes((1, 1526, 40, 85, 1, 1, 0, 0), (164, 2048), axes=(1, -2), start=(2048, 1))
    assert with_border.light_sensitive(0)[0] == (slice(123, 163), slice(4, 2044))


TIMES = {
    "SUB64P_SUPSTP002": (
        (1, 165, 1, 0, 1, 0, 1, 64), (8, 64), 1, (1, 1),
        [[0.00304], [0.00456], [0.00608], [0.0076], [0.01824], [0.01976], [0.02128], [0.0228]],
    ),
    "two frames": (
        (1, 1662, 40, 82, 1, 1, 0, 0), (82, 2048), 4, (2, 2),
        [[0.22009, 0.65502], [0.43493, 0.86986], [1.95981, 2.39474], [2.17465, 2.60958]],
    ),
    "no repeats": ((0, 0, 0, 0, 0, 0, 8, 8), (8, 64), 1, (1, 0), [[0.0076], [0.0152]]),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_read_times(case):
    values, size, outputs, (frames, gap), expected = TIMES[case]
    exposure = {"nframes": frames, "groupgap": gap, "ngroups": 2, "noutputs": outputs}
    more = {f"exposure.{name}": value for name, value in exposure.items()}
    np.testing.assert_allclose(read_times(meta(values, size, start=(2046, 1), **more), size), expected, rtol=1e-12)


def test_frame_time():
    """Those of the headers of SUB204STRIPE_SOSS and SUB164STRIPE4_DHS."""
    assert frame_time(256, 208, 1) == pytest.approx(0.5628)
    assert frame_time(2048, 164, 4) == pytest.approx(0.86461)


WRONG = {
    "of 41 and": ((1, 1526, 38, 85, 1, 1, 0, 0), "MSTR_RD1 = 1 and MSTR_RD2 = 38 rows do not fill 164 rows"),
    "nothing in a stripe": ((1, 1526, 0, 85, 1, 1, 0, 0), "MSTR_RD2 = 0 rows"),
    "beyond the detector": ((1, 1900, 40, 85, 1, 1, 0, 0), "rows from 0 to 2315"),
    "negative": ((1, -3, 40, 85, 1, 1, 0, 0), "MSTR_SK1 = -3 is below 0"),
    "no step": ((1, 1526, 40, 85, 1, 1, 0, 4), "SSTR_NST = 4 superstripes, but SSTR_STP = 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_contradictions_are_named(case):
    values, words = WRONG[case]
    with pytest.raises(InputError, match=words) as caught:
        stripes(values, (164, 2048))
    assert str(caught.value).startswith("a.fits, subarray SUBSTRIPE: the keywords of its stripes contradict themselves")


def test_what_is_missing_is_named():
    incomplete = meta((1, 1526, 40, 85, 1, 1), (164, 2048)).set({"subarray.multistripe_skips1": None})
    with pytest.raises(InputError, match=r"does not say meta\.subarray\.multistripe_skips1"):
        Stripes.of(incomplete, (164, 2048))
    with pytest.raises(InputError, match="FASTAXIS 1 and SLOWAXIS 1"):
        stripes((1, 1526, 40, 85, 1, 1, 0, 0), (164, 2048), axes=(1, 1))
    assert Stripes.of(Meta(), (164, 2048)) is None
