"""Where NIRSpec light falls: there and back, boxes, shutters that do not close, and what contradicts itself."""

from __future__ import annotations

import nirspec_optics as made
import numpy as np
import pytest
from ramps import make_reference

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError
from jwgpu.wcs import nirspec, nirspec_light


@pytest.fixture(scope="module", params=["PRISM", "G140M"])
def optics(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("optics") / request.param
    made.write(folder, request.param)
    return request.param, folder


def lit(meta, references, task=nirspec_light.science):
    mask = np.zeros((made.N, made.N), bool)
    task(meta, references, mask)
    return mask


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_there_and_back(optics, detector):
    """Light falls on a pixel where light of its wavelength is found; beyond the slit there is none."""
    grating, folder = optics
    exposure = made.image("NRS_IFU", grating, detector)
    references = made.load(exposure, folder)
    chain = nirspec.Optics(exposure.meta, references)
    apertures = [nirspec_light.opening(references["msa"], 5, 1, -0.5, 0.5)]
    for aperture in (*apertures, list(nirspec_light._slices(references))[7]):
        y, waves = (a.ravel() for a in np.meshgrid([-0.45, 0.0, 0.4], np.linspace(1.0e-6, 1.8e-6, 50)))
        back = chain.light(aperture, *chain.pixels(aperture, y, waves))
        # The prism's index is interpolated; the way back through a slice is that of the middle wavelength.
        exact = grating == "G140M" and aperture.post is None
        np.testing.assert_allclose(back, waves, rtol=1e-9 if exact else 2e-4 if grating == "PRISM" else 1e-5)
        beyond = np.array([aperture.low - 0.1, aperture.high + 0.1])
        assert np.isnan(chain.light(aperture, *chain.pixels(aperture, beyond, np.full(2, 1.5e-6)))).all()


def test_spectra_lie_in_their_boxes_and_slices_fill_what_they_light(optics):
    grating, folder = optics
    for kind in ("NRS_FIXEDSLIT", "NRS_IFU"):
        exposure = made.image(kind, grating)
        references = made.load(exposure, folder)
        mask, chain = lit(exposure.meta, references), nirspec.Optics(exposure.meta, references)
        aperture = (
            list(nirspec_light._slices(references))[3]
            if kind == "NRS_IFU"
            else nirspec_light.opening(references["msa"], 5, 0, -0.5, 0.5)
        )
        x, y = chain.pixels(aperture, np.zeros(300), np.linspace(*chain.wavelengths, 300))
        on = (x > 0) & (x < made.N - 1)
        assert on.any()
        assert mask[np.rint(y[on]).astype(int), np.rint(x[on]).astype(int)].all()
        assert mask.mean() < 0.4


def test_the_wheel_moves_the_spectra(optics):
    grating, folder = optics
    exposure = made.image("NRS_FIXEDSLIT", grating)
    references = made.load(exposure, folder)
    moved = exposure.meta.set({"instrument.gwa_ytilt": 0.2})
    assert (lit(exposure.meta, references) != lit(moved, references)).any()


def test_shutters_that_do_not_close(optics):
    grating, folder = optics
    exposure = made.image("NRS_FIXEDSLIT", grating)
    references = made.load(exposure, folder)
    mask = np.zeros((made.N, made.N), bool)
    assert nirspec_light.failed_open(exposure.meta, references, mask) == len(made.STUCK)
    chain = nirspec.Optics(exposure.meta, references)
    for quadrant, x, y in made.STUCK:
        shutter = nirspec_light.opening(references["msa"], quadrant, x - 1 + (y - 1) * 365, -0.5, 0.5)
        at = np.rint(chain.pixels(shutter, np.zeros(50), np.linspace(*chain.wavelengths, 50))).astype(int)
        on = ((at > 0) & (at < made.N)).all(axis=0)
        assert mask[at[1, on], at[0, on]].all()


def test_no_slice_sends_light(optics):
    grating, folder = optics
    references = made.load(made.image("NRS_IFU", grating), folder)
    with pytest.raises(nirspec_light.Dark, match="NRS2 with G140M"):
        lit(made.image("NRS_IFU", "G140M", "NRS2").meta, references)


def shutters(folder, rows, fixed=()):
    exposure = made.image("NRS_MSASPEC")
    table = made.load(exposure, folder, msametafile=made.write_shutters(folder, rows, fixed))["msametafile"]
    return nirspec_light.slitlets(exposure.meta, table)


def test_slitlets(tmp_path):
    """From half a shutter below the first to half a shutter above the last, seen from the one with the source."""
    rows = [(1, 3, 10, 5, "N", "Y"), (1, 3, 10, 6, "Y", "N"), (2, 1, 7, 1, "Y", "N"), (2, 1, 7, 4, "Y", "N")]
    first, second, slit = shutters(tmp_path, rows, ["S400A1"])
    assert first[:2] == (3, 9 + 4 * 365)
    assert first[2:] == pytest.approx((-1.05, 1.05 + 1.15))
    assert second[:2] == (1, 6 + 365)
    assert second[2:] == pytest.approx((-1.05 - 1.15, 1.05 + 2 * 1.15))
    assert slit == (5, 2, -0.55, 0.55)


@pytest.mark.parametrize(
    ("rows", "fixed"), [([(1, 3, 10, k, "N", "Y") for k in (5, 6)], ()), ([], ["S200A1", "S200A1"])]
)
def test_a_slitlet_of_two_sources_is_an_error(tmp_path, rows, fixed):
    with pytest.raises(InputError, match="2 shutters and 2 primary sources"):
        shutters(tmp_path, rows, fixed)


def test_a_shutter_that_there_is_not(optics):
    grating, folder = optics
    msa = made.load(made.image("NRS_IFU", grating), folder)["msa"]
    with pytest.raises(InputError, match="lists 730 apertures in quadrant 2, but number 731"):
        nirspec_light.opening(msa, 2, 730, -0.5, 0.5)


def test_picture_frame_takes_no_lit_pixel_for_background(optics, tmp_path):
    """The record says what is not masked, and how many shutters were."""
    grating, folder = optics
    exposure = made.image("NRS_MSASPEC", grating)
    frame = make_reference("pictureframe", data=simulate.glow.pattern(np.zeros(exposure.shape, bool)))
    found = made.load(exposure, folder)
    reason = steps.picture_frame(exposure, frame, **found).history[-1].reason
    assert made.MSA_FILE in reason and "mask_science_regions=False" in reason
    found["msametafile"] = made.load(
        exposure, folder, msametafile=made.write_shutters(tmp_path, [(1, 1, 100, 2, "N", "Y")])
    )["msametafile"]
    with jw.byproducts() as left:
        notes = steps.picture_frame(exposure, frame, **found, save_mask=True).history[-1].notes
    assert notes["failed_open_shutters"] == len(made.STUCK) and "not_masked" not in notes
    assert not left["pctfrm_mask"].data[lit(exposure.meta, found)].any()
    assert not left["pctfrm_mask"].data[lit(exposure.meta, found, nirspec_light.failed_open)].any()
    del found["msaoper"], found["camera"]
    said = steps.picture_frame(exposure, frame, **found).history[-1].notes["not_masked"]
    assert said == ("spectra: there is no camera reference; failed-open shutters: there is no camera reference")
