"""The place of every pixel on the sky."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from astropy.modeling import models as m

from jwgpu import steps
from jwgpu.data import Image, Reference
from jwgpu.errors import InputError
from jwgpu.wcs import siaf


def rate(simulation) -> Image:
    """An image with the header of a simulated ramp."""
    ramp = simulation.ramp.to("cpu")
    return Image(data=ramp.data[0, -1], meta=ramp.meta, unit="DN/s")


@pytest.fixture
def nircam(tiny):
    simulation = tiny("nircam")
    return rate(simulation), simulation.references


def assign(image, references, **parameters):
    return steps.assign_wcs(image, references.get("distortion"), references.get("filteroffset"), **parameters)


def test_the_reference_pixel_is_at_the_reference_position(nircam):
    image, references = nircam
    done = assign(image, references)
    header = image.meta.wcsinfo
    # The simulated filter moves the image by (0.042, -0.151) pixel.
    x, y = header.crpix1 - 1 - 0.042, header.crpix2 - 1 + 0.151
    assert done.wcs(x, y) == pytest.approx((header.ra_ref, header.dec_ref), abs=1e-10)
    assert done.history[-1].status == "COMPLETE"
    assert done.data is image.data


@pytest.mark.parametrize("mode", ["nircam_sub", "niriss", "miri_sub", "fgs_image"])
def test_the_outline_is_that_of_the_simulated_field(tiny, mode):
    """The raw header has the corners without distortion, which moves them by less than a pixel; in another order."""
    simulation = tiny(mode)
    image = rate(simulation)
    done = assign(image, simulation.references)
    found, expected = (np.array(e.meta.wcsinfo.s_region.split()[2:], float).reshape(4, 2) for e in (done, image))
    pixel = image.meta.wcsinfo.cdelt1
    share = 1.0 if mode.endswith("sub") else 0.01  # of the full frame, where distortion is some thousandths of it
    across = np.cos(np.radians(expected[0, 1]))
    for corner in found:
        offset = (corner - expected) * [across, 1]
        assert np.hypot(*offset.T).min() < 10 * share * pixel + 0.5 * pixel
    assert done.meta.wcsinfo.s_region.startswith("POLYGON ICRS  ")


def test_a_stack_of_integrations_has_one_wcs(nircam):
    image, references = nircam
    stack = image.replace(data=np.stack([image.data] * 3))
    a, b = assign(image, references), assign(stack, references)
    assert a.wcs(5.0, 7.0) == b.wcs(5.0, 7.0)
    assert b.wcs.bounding_box == ((-0.5, 63.5), (-0.5, 63.5))


def test_sip_keywords_say_nearly_the_same(nircam):
    from astropy.io import fits
    from astropy.wcs import WCS

    image, references = nircam
    done = assign(image, references)
    assert "wcsinfo.cdelt1" not in done.meta
    assert "wcsinfo.pc1_1" not in done.meta
    header = fits.Header({name.upper()[:8]: value for name, value in done.meta.wcsinfo.items() if name != "s_region"})
    x, y = np.random.default_rng(3).uniform(0, 63, (2, 50))
    approximate = WCS(header).all_pix2world(x, y, 0)
    pixel = np.hypot(header["CD1_1"], header["CD2_1"])
    for a, b in zip(approximate, done.wcs(x, y)):
        assert np.abs(a - b).max() < 0.01 * pixel
    assert done.history[-1].notes["sip_max_error"] < 0.01


def test_sip_parameters(nircam):
    image, references = nircam
    assert assign(image, references, sip_degree=2, sip_inv_degree=1).meta.get("wcsinfo.a_order") == 2
    none = assign(image, references, sip_approx=False)
    assert "wcsinfo.a_order" not in none.meta
    assert none.meta.get("wcsinfo.cdelt1") == image.meta.get("wcsinfo.cdelt1")
    with pytest.raises(InputError, match="sip_degree = 7"):
        assign(image, references, sip_degree=7)


def test_an_approximation_that_fails_is_said(nircam):
    image, references = nircam
    done = assign(image, references, sip_npoints=2)
    assert done.history[-1].notes["sip"].startswith("no approximation")
    assert done.wcs is not None
    assert "wcsinfo.a_order" not in done.meta


def test_no_offset_for_another_filter(nircam):
    image, references = nircam
    other = image.replace(meta=image.meta.set({"instrument.filter": "F090W"}))
    done = assign(other, references)
    header = image.meta.wcsinfo
    assert done.wcs(header.crpix1 - 1, header.crpix2 - 1) == pytest.approx((header.ra_ref, header.dec_ref), abs=1e-10)
    assert done.history[-1].notes["filter_offset"] == "none"


@pytest.mark.parametrize("exp_type", ["NRC_DARK", "NRC_WFSS", "MIR_MRS", "NRS_MSASPEC"])
def test_what_is_no_image_is_skipped(nircam, exp_type):
    image, references = nircam
    done = assign(image.replace(meta=image.meta.set({"exposure.type": exp_type})), references)
    assert done.history[-1].status == "SKIPPED"
    assert exp_type in done.history[-1].reason
    assert done.wcs is None


def test_without_a_reference_and_without_pysiaf(nircam, monkeypatch):
    monkeypatch.setitem(sys.modules, "pysiaf", None)
    done = steps.assign_wcs(nircam[0])
    assert done.history[-1].status == "SKIPPED"
    assert "pysiaf" in done.history[-1].reason


@pytest.mark.parametrize("mode", ["nircam", "nircam_long", "niriss", "miri", "fgs_image"])
def test_siaf_stands_in(tiny, mode):
    pysiaf = pytest.importorskip("pysiaf")
    image = rate(tiny(mode))
    done = steps.assign_wcs(image, sip_approx=False)
    assert "SIAF aperture" in done.history[-1].remark
    aperture = pysiaf.Siaf(image.meta.instrument.name)[siaf.aperture_name(image.meta)]
    x, y = np.random.default_rng(1).uniform(0, 63, (2, 20))
    v2, v3 = done.wcs.between("detector", "v2v3")(x, y)
    for a, b in zip((v2, v3), aperture.sci_to_tel(x + 1, y + 1)):
        np.testing.assert_allclose(a, b, atol=1e-8)  # arcsec
    for a, b in zip(done.wcs.between("v2v3", "detector")(v2, v3), aperture.tel_to_sci(v2, v3)):
        np.testing.assert_allclose(a, b - 1, atol=1e-6)


def test_a_distortion_of_spectra_is_refused(nircam):
    image, _ = nircam
    wrong = Reference("distortion", "wrong.asdf", {}, models={"model": m.Identity(3)})
    with pytest.raises(InputError, match=r"wrong.asdf.*3 coordinates"):
        steps.assign_wcs(image, wrong)
