"""Which part of a reference an exposure gets: IRS2 frames, stripes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import jwgpu
from jwgpu import simulate
from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference.window import Window, cut, take

IRS2 = Meta({"exposure.readpatt": "NRSIRS2", "subarray.fastaxis": 2, "subarray.slowaxis": 1, "subarray.xstart": 1,
             "subarray.ystart": 1, "filename": "an_irs2_uncal.fits"})  # fmt: skip
STRIPES = ("nircam_dhs", "nircam_dhs_long", "nircam_superstripe_repeat", "niriss_superstripe")
CLAIM = Meta({"subarray.ysize": 2048, "subarray.xsize": 2048, "subarray.xstart": 1, "subarray.ystart": 1})


@pytest.mark.parametrize("rows", [3200, 2048])
def test_irs2_frames_take_both_kinds_of_reference_whole(rows):
    """Headers of both claim 2048 rows."""
    window = Window.of(IRS2, (1, 5, 3200, 2048))
    assert cut(CLAIM, (rows, 2048), window, "a reference", "gain") == (slice(0, rows), slice(0, 2048))


def test_irs2_frames_take_no_other():
    window = Window.of(IRS2, (1, 5, 3200, 2048))
    with pytest.raises(InputError, match="1000 x 2048"):
        cut(CLAIM, (1000, 2048), window, "a reference", "gain")


def test_a_stripped_irs2_ramp_is_a_plain_full_frame():
    window = Window.of(IRS2, (1, 5, 2048, 2048))
    assert window.science is None
    with pytest.raises(InputError, match="3200 x 2048"):
        cut(CLAIM.set({"subarray.ysize": 3200}), (3200, 2048), window, "a mask", "mask")


STRIPED = Meta({
    "subarray.multistripe_reads1": 1, "subarray.multistripe_skips1": 4, "subarray.multistripe_reads2": 2,
    "subarray.multistripe_skips2": 3, "subarray.repeat_stripe": 0, "subarray.interleave_reads1": 0,
    "subarray.xstart": 5, "subarray.ystart": 1, "subarray.xsize": 6, "subarray.ysize": 5, "subarray.fastaxis": 1,
    "subarray.slowaxis": 2, "subarray.name": "SUB5", "filename": "a.fits",
})  # fmt: skip
LINES = [0, 5, 6, 10, 11]


@pytest.mark.parametrize(("y", "x", "rows", "columns"), [(1, 1, 2048, 2048), (1, 3, 40, 20), (1, 5, 12, 6)])
def test_stripes_are_cut_out_of_any_reference_that_covers_them(y, x, rows, columns):
    """Of the whole detector, or of a part of it."""
    claim = {"ystart": y, "xstart": x, "ysize": rows, "xsize": columns}
    meta = Meta({f"subarray.{name}": value for name, value in claim.items()})
    array = np.arange(rows)[:, None] * 10000 + np.arange(columns)
    found = take(array, *cut(meta, array.shape, Window.of(STRIPED, (1, 3, 5, 6)), "gain g.fits", "gain"))
    expected = (np.array(LINES) - (y - 1))[:, None] * 10000 + np.arange(5 - x, 11 - x)
    np.testing.assert_array_equal(found, expected)


def test_a_reference_of_the_same_stripes_is_taken_whole():
    own = cut(STRIPED, (5, 6), Window.of(STRIPED, (1, 3, 5, 6)), "dark d.fits", "dark")
    assert own == (slice(0, 5), slice(0, 6))


def test_a_reference_that_does_not_cover_the_stripes_is_refused():
    window = Window.of(STRIPED, (1, 3, 5, 6))
    short = Meta({"subarray.ystart": 1, "subarray.xstart": 1, "subarray.ysize": 11, "subarray.xsize": 2048})
    with pytest.raises(InputError, match=r"rows 1-11 and not a\.fits, which covers columns 5-10, rows 1-12 \(SUB5\)"):
        cut(short, (11, 2048), window, "gain g.fits", "gain")


def test_stripes_in_pieces_of_rows_and_compressed(tmp_path):
    """Some rows of the stripes alone, of a plain file and of a compressed one."""
    from astropy.io import fits

    from jwgpu.reference.load import load

    data = np.random.default_rng(1).random((2048, 16), np.float32)
    primary = fits.PrimaryHDU()
    primary.header.update({"REFTYPE": "GAIN", "SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 16, "SUBSIZE2": 2048})
    window = Window.of(STRIPED, (1, 3, 5, 6))
    some = dataclasses.replace(window, rows=(1, 4))
    for name, kind in (("plain", fits.ImageHDU), ("packed", fits.CompImageHDU)):
        options = {"compression_type": "GZIP_2", "quantize_level": 0.0} if name == "packed" else {}
        path = tmp_path / f"{name}.fits"
        fits.HDUList([primary, kind(data, name="SCI", **options)]).writeto(path)
        np.testing.assert_array_equal(load(path, "gain", window).data, data[LINES, 4:10])
        np.testing.assert_array_equal(load(path, "gain", some).data, data[LINES[1:4], 4:10])


@pytest.mark.parametrize("mode", ["nirspec_irs2", "nirspec_sub", "niriss_substrip256", "fgs_image", "tso", *STRIPES])
def test_files_of_every_readout_give_what_was_simulated(mode, tmp_path):
    """Written, chosen from the folder, read back: the same as in memory, and so is the rate."""
    made = simulate.tiny(mode)
    written = simulate.write(made, tmp_path, crds=False)
    ramp = jwgpu.open(written.uncal)
    np.testing.assert_array_equal(ramp.data, made.ramp.data)
    found = jwgpu.references(ramp, folder=tmp_path / "references")
    from_files = jwgpu.pipelines.choose(ramp).run(ramp, found, progress=False).rate
    in_memory = jwgpu.pipelines.choose(made.ramp).run(made.ramp, made.references, progress=False).rate
    np.testing.assert_array_equal(from_files.data, in_memory.data)
    np.testing.assert_array_equal(from_files.dq, in_memory.dq)
