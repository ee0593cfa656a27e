"""Which pixels are usable, by the words in which parameters say it."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.data import PIXEL
from jwgpu.data.flags import usable
from jwgpu.errors import InputError

DQ = np.array([0, 1, 4, 5, 512, 513, 1 << 31], np.uint32)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("~DO_NOT_USE+NON_SCIENCE", [1, 0, 1, 0, 0, 0, 1]),
        ("~DO_NOT_USE", [1, 0, 1, 0, 1, 0, 1]),
        ("0", [1, 0, 0, 0, 0, 0, 0]),
        ("4", [1, 0, 1, 0, 0, 0, 0]),
        ("1+4", [1, 1, 1, 1, 0, 0, 0]),
        ("DO_NOT_USE, JUMP_DET", [1, 1, 1, 1, 0, 0, 0]),
        ("~(1|512)", [1, 0, 1, 0, 0, 0, 1]),
        ("~0", [1] * 7),
        (None, [1] * 7),
        ("None", [1] * 7),
    ],
)
def test_words(device, words, expected):
    found = device.host(usable(device.array(DQ), words))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, np.array(expected, bool))


@pytest.mark.parametrize("words", ["", "BROKEN", "~", "1+", "-1", "4294967296", "do_not_use", "DO_NOT_USE JUMP_DET"])
def test_words_that_are_none(words):
    with pytest.raises(InputError, match="no data quality flags"):
        usable(DQ, words)


def test_as_astropy_does():
    from astropy.nddata.bitmask import bitfield_to_boolean_mask

    names = {name: int(value) for name, value in PIXEL.items()}
    for words in ("~DO_NOT_USE+NON_SCIENCE", "~DO_NOT_USE", "0", "5", "DO_NOT_USE,JUMP_DET", "~1,512", "~0", None):
        expected = bitfield_to_boolean_mask(DQ, words, good_mask_value=True, dtype=bool, flag_name_map=names)
        np.testing.assert_array_equal(usable(DQ, words), expected)
