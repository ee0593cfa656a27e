"""Opening raw files of the official data models, real files and headers with holes."""

from __future__ import annotations

import gzip
import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits
from products import GUIDER, HEADER, counts, times

import jwgpu as jw
from jwgpu.backend import FileArray
from jwgpu.io import IncompleteHeaderWarning


def test_raw_ramp(make_uncal):
    zeroframe = counts((2, 8, 12), 5)
    ramp = jw.open(make_uncal(zeroframe=zeroframe, int_times=times(2)))
    assert isinstance(ramp, jw.Ramp)
    np.testing.assert_array_equal(ramp.data, counts((2, 5, 8, 12)))
    np.testing.assert_array_equal(ramp.zeroframe, zeroframe)
    np.testing.assert_array_equal(ramp.tables["int_times"]["int_mid_MJD_UTC"], times(2)["int_mid_MJD_UTC"])
    assert (ramp.data.dtype, ramp.groupdq.dtype, ramp.pixeldq.dtype) == (np.float32, np.uint8, np.uint32)
    assert ramp.groupdq.shape == (2, 5, 8, 12)
    assert not ramp.groupdq.any()
    assert not ramp.pixeldq.any()
    assert all(a.dtype.isnative and a.flags.c_contiguous and a.flags.writeable for a in ramp.arrays().values())
    assert ramp.unit == "DN"
    assert ramp.history == ()
    for path, value in HEADER.items():
        assert ramp.meta.get(path) == value, path


@pytest.mark.parametrize("bzero", [0, 32768, 100.5])
def test_scaled_integers(tmp_path, make_uncal, bzero):
    raw = np.array([-32768, -1, 0, 1, 32767], ">i2")
    path = make_uncal()
    with fits.open(path) as hdus:
        header = hdus["SCI"].header.copy()
        primary = hdus[0].header.copy()
    primary["NINTS"], primary["NGROUPS"] = 1, 1
    sci = fits.ImageHDU(raw.reshape(1, 1, 1, 5), header=header, name="SCI", do_not_scale_image_data=True)
    sci.header["BSCALE"], sci.header["BZERO"] = 1, bzero
    path = tmp_path / "scaled_uncal.fits"
    with path.open("wb") as stream:
        stream.write(fits.PrimaryHDU(header=primary).header.tostring().encode())
        stream.write(sci.header.tostring().encode() + raw.tobytes() + bytes(2870))
    np.testing.assert_array_equal(jw.open(path).data.ravel(), raw.astype(float) + bzero)


def test_large_ramps_are_read_plane_by_plane(make_uncal, monkeypatch):
    from jwgpu.io import fitsfile

    path = make_uncal()
    monkeypatch.setattr(fitsfile, "_READ_AT_ONCE", 100)
    np.testing.assert_array_equal(jw.open(path).data, counts((2, 5, 8, 12)))


def test_compressed_file(make_uncal, tmp_path):
    packed = tmp_path / "packed_uncal.fits.gz"
    packed.write_bytes(gzip.compress(make_uncal().read_bytes()))
    np.testing.assert_array_equal(jw.open(packed).data, counts((2, 5, 8, 12)))


def test_unknown_keywords_and_segments(make_uncal):
    path = make_uncal(header=HEADER | {"exposure.nints": 9, "exposure.integration_start": 4,
                                       "exposure.integration_end": 5})  # fmt: skip
    fits.setval(path, "MYWORD", value=3.5, comment="mine")
    ramp = jw.open(path)
    assert ("MYWORD", 3.5, "mine") in ramp.meta.get("extra_fits.PRIMARY.header")
    assert ramp.n_integrations == 2


def test_guider_counts_are_not_compared(make_uncal):
    assert jw.open(make_uncal(header=GUIDER | {"exposure.ngroups": 2})).n_groups == 5


def test_holes_in_a_header_are_said_once(make_uncal):
    lacking = ("exposure.type", "exposure.frame_time", "exposure.ngroups", "subarray.fastaxis", "subarray.slowaxis",
               "instrument.filter", "exposure.drop_frames1")  # fmt: skip
    path = make_uncal(header={k: v for k, v in HEADER.items() if k not in lacking})
    with pytest.warns(IncompleteHeaderWarning) as said:
        ramp = jw.open(path)
    assert len(said) == 1
    text = str(said[0].message)
    assert path.name in text
    for word in ("EXP_TYPE = NRC_IMAGE", "FASTAXIS = 1", "SLOWAXIS = -2", "NGROUPS = 5", "left out: FILTER"):
        assert word in text
    assert ramp.meta.exposure.frame_time == pytest.approx(10.73677)
    assert ramp.meta.exposure.drop_frames1 == 0


@pytest.mark.parametrize("detector, fast, slow", [("NRCA1", -1, 2), ("NRCBLONG", 1, -2), ("MIRIMAGE", 1, 2),
                                                  ("NIS", -2, -1), ("NRS1", 2, 1), ("GUIDER2", 2, -1)])  # fmt: skip
def test_axes_of_detectors(detector, fast, slow):
    from jwgpu.io.incomplete import complete

    with pytest.warns(IncompleteHeaderWarning):
        meta = complete(jw.Meta({"instrument.detector": detector, "exposure.readpatt": "MEDIUM2"}), (1, 2, 8, 8), "x")
    assert (meta.subarray.fastaxis, meta.subarray.slowaxis) == (fast, slow)
    assert (meta.exposure.nframes, meta.exposure.groupgap) == (2, 8)


def test_real_guider_exposure(real_data):
    path = next(iter(sorted(real_data.glob("fgs-acq1-uncal/*_uncal.fits"))), None)
    if path is None:
        pytest.skip("no guider exposure in the real data")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ramp = jw.open(path)
    assert ramp.shape == (6, 2, 128, 128)
    assert ramp.meta.exposure.type == "FGS_ACQ1"
    assert ramp.data.max() > 30000
    assert ramp.meta.exposure.group_time == 0.364


def test_real_ground_exposure(real_data):
    path = next(iter(sorted(real_data.glob("miri-ground-ramp/*.fits"))), None)
    if path is None:
        pytest.skip("no ground exposure in the real data")
    with pytest.warns(IncompleteHeaderWarning, match="EXP_TYPE, FASTAXIS, SLOWAXIS, FILTER"):
        ramp = jw.open(path)
    assert ramp.shape == (5, 50, 64, 72)
    assert ramp.refout.shape == (5, 50, 64, 18)
    meta = ramp.meta
    assert (meta.exposure.type, meta.exposure.frame_time, meta.exposure.nframes) == ("MIR_IMAGE", 0.085, 1)
    assert (meta.subarray.ystart, meta.subarray.fastaxis, meta.exposure.drop_frames1) == (779, 1, 0)


def test_importing_stays_quick():
    code = "import jwgpu, jwgpu.io, sys; print(sorted({'stdatamodels', 'asdf', 'jwst'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_compressed_image_is_not_left_in_its_file(tmp_path, make_uncal):
    plain = make_uncal()
    path = tmp_path / "compressed_uncal.fits"
    with fits.open(plain) as hdus:
        sci = hdus["SCI"]
        packed = fits.CompImageHDU(sci.data.astype(np.int32), header=sci.header, compression_type="RICE_1")
        fits.HDUList([hdus[0], packed]).writeto(path)
    assert isinstance(jw.open(plain, lazy=True).data, FileArray)
    found = jw.open(path, lazy=True).data
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, jw.open(plain).data)
