"""The transform between pixels and sky in files."""

from __future__ import annotations

import subprocess
import sys

import asdf
import numpy as np
import pytest
from astropy.io import fits

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import Image
from jwgpu.errors import InputError

X, Y = np.random.default_rng(7).uniform(0, 63, (2, 30))


@pytest.fixture
def image(tiny):
    """An image with its transform."""
    simulation = tiny("nircam")
    ramp = simulation.ramp.to("cpu")
    plain = Image(data=ramp.data[0, -1], meta=ramp.meta, unit="DN/s")
    return steps.assign_wcs(plain, simulation.references.get("distortion"))


def test_there_and_back(image, tmp_path):
    path = jw.save(image, tmp_path / "a_rate.fits")
    back = jw.open(path, device="cpu")
    assert back.wcs.bounding_box == image.wcs.bounding_box
    np.testing.assert_array_equal(back.wcs(X, Y), image.wcs(X, Y))
    np.testing.assert_array_equal(back.wcs.invert(*back.wcs(X, Y)), image.wcs.invert(*image.wcs(X, Y)))
    assert back.meta.cal_step.assign_wcs == "COMPLETE"
    assert back.meta.wcsinfo.s_region == image.meta.wcsinfo.s_region
    assert back.meta.get("wcsinfo.a_1_1") == pytest.approx(image.meta.get("wcsinfo.a_1_1"))
    again = jw.open(jw.save(back, tmp_path / "b_rate.fits"), device="cpu")
    np.testing.assert_array_equal(again.wcs(X, Y), image.wcs(X, Y))


def test_others_can_read_it(image, tmp_path):
    """The extension is a whole ASDF file with the gwcs at `meta.wcs`, where everyone looks for it."""
    path = jw.save(image, tmp_path / "a_rate.fits")
    raw = fits.getdata(path, "ASDF")["ASDF_METADATA"].tobytes()
    (tmp_path / "a.asdf").write_bytes(raw)
    with asdf.open(tmp_path / "a.asdf") as file:
        np.testing.assert_allclose(file["meta"]["wcs"](X, Y), image.wcs(X, Y), atol=1e-13)
    header = fits.getheader(path, "SCI")
    assert header["CTYPE1"] == "RA---TAN-SIP"
    assert header["S_REGION"] == image.meta.wcsinfo.s_region


def test_its_name_is_not_that_of_the_rate(image, tmp_path):
    assert jw.save(image, out=tmp_path).name.endswith("_nrcb1_assign_wcs.fits")
    stack = image.replace(data=np.stack([image.data] * 2))
    assert jw.save(stack, out=tmp_path).name.endswith("_nrcb1_assign_wcsints.fits")


def test_without_one(image, tmp_path):
    path = jw.save(image.replace(wcs=None), tmp_path / "a_rate.fits")
    assert jw.open(path, device="cpu").wcs is None


def test_opening_does_not_load_it(image, tmp_path):
    """Only who asks for the transform waits for the libraries that make it."""
    path = jw.save(image, tmp_path / "a_rate.fits")
    code = (
        f"import sys, jwgpu as jw; image = jw.open({str(path)!r}, device='cpu'); "
        "assert image.wcs is not None; assert not {'asdf', 'gwcs'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_damaged_one_is_said_when_asked_for(image, tmp_path):
    path = jw.save(image, tmp_path / "a_rate.fits")
    with fits.open(path) as hdus:
        table = hdus["ASDF"].data["ASDF_METADATA"]
        raw = table.tobytes().replace(b"!<tag:stsci.edu:gwcs/wcs", b"!<tag:stsci.edu:gwcs/xxx")
        table[:] = np.frombuffer(raw, np.uint8)
        hdus.writeto(tmp_path / "b_rate.fits")
    back = jw.open(tmp_path / "b_rate.fits", device="cpu")
    with pytest.raises(InputError, match=r"b_rate.fits cannot be read.*assign_wcs"):
        back.wcs(1.0, 2.0)
