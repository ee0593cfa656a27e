"""Flags that the user makes: read from a file of any kind, cut to the exposure, and asked of nobody else."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

import jwgpu as jw
from jwgpu.data import PIXEL
from jwgpu.errors import InputError

from .conftest import CUT, FULL, dq_def

KIND = "user_supplied_dq"
FLAGS = (np.arange(FULL[0] * FULL[1], dtype=np.uint32).reshape(FULL) % 7) | PIXEL.REFERENCE_PIXEL


def read(exposure, path):
    return jw.references(exposure, overrides={f"dq_init.{KIND}": path}).get(KIND, step="dq_init")


def written(path, array, *extra, **keywords):
    image = fits.PrimaryHDU(array)
    image.header.update(keywords)
    fits.HDUList([image, *extra]).writeto(path)
    return path


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.int64, np.float64])
def test_a_full_frame_is_cut_and_the_subarray_taken_as_it_is(exposure, tmp_path, dtype):
    whole = written(tmp_path / "whole.fits", FLAGS.astype(dtype), SUBSTRT1=1, SUBSTRT2=1)
    part = written(tmp_path / "part.fits", FLAGS[CUT].astype(dtype))
    for path in (whole, part):
        found = read(exposure, path)
        assert (found.name, found.dq.dtype) == (path.name, np.uint32)
        np.testing.assert_array_equal(found.dq, FLAGS[CUT])


def test_a_mask_serves_too_and_its_bits_are_translated(exposure, write):
    path = write("mask", DQ=np.full(FULL, 2, np.uint8), extra=[dq_def((1, "DO_NOT_USE"), (2, "HOT"))])
    assert (read(exposure, path).dq == PIXEL.HOT).all()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((5, 6), np.uint32), "does not say where it lies"),
        (np.zeros((2, 16, 24), np.uint32), "has 3 axes"),
        (np.full((16, 24), 0.5), "no flags"),
        (np.full((16, 24), np.nan), "no flags"),
        (np.full((16, 24), -1.0), "no flags"),
        (None, "holds no image"),
    ],
)
def test_what_is_no_flags_is_refused(exposure, tmp_path, array, said):
    with pytest.raises(InputError, match=f"{KIND} reference mine.fits.*{said}"):
        read(exposure, written(tmp_path / "mine.fits", array))


def test_another_file_is_refused(exposure, tmp_path):
    (tmp_path / "mine.fits").write_text("flags")
    with pytest.raises(InputError, match="cannot be read as FITS"):
        read(exposure, tmp_path / "mine.fits")


def test_neither_crds_nor_a_folder_is_asked(exposure, tmp_path):
    assert jw.references(exposure).user_supplied_dq is None
    assert jw.references(exposure, folder=tmp_path).get(KIND, required=True) is None
