"""Real references of a NIRSpec subarray, for an exposure made by hand."""

import numpy as np
import pytest
from astropy.io import fits
from ramps import make_ramp

import jwgpu
from jwgpu.data import PIXEL


@pytest.fixture
def folder(real_data):
    folder = real_data / "nirspec-refs-eureka"
    if not folder.is_dir():
        pytest.skip(f"{real_data} holds no nirspec-refs-eureka")
    return folder


def exposure(name="SUB512", x=1025, y=957, shape=(32, 512)):
    ramp = make_ramp(np.zeros((4, *shape)), type="NRS_BRIGHTOBJ", readpatt="NRSRAPID")
    values = {
        "instrument.name": "NIRSPEC", "instrument.detector": "NRS1", "instrument.filter": "CLEAR",
        "instrument.grating": "PRISM", "subarray.name": name, "subarray.xstart": x, "subarray.ystart": y,
        "subarray.xsize": shape[1], "subarray.ysize": shape[0], "subarray.fastaxis": 2, "subarray.slowaxis": 1,
        "observation.date": "2023-01-01", "observation.time": "00:00:00", "filename": "prism_nrs1_uncal.fits",
    }  # fmt: skip
    return ramp.replace(meta=ramp.meta.set(values))


def test_chosen_from_the_folder_and_read(folder):
    found = jwgpu.references(exposure(), folder=folder)
    assert found.superbias.name == "jwst_nirspec_superbias_0075.fits"
    assert found.superbias.data.shape == (32, 512)
    assert 3000 < np.median(found.superbias.data) < 4000  # DN
    assert found.dark.name == "jwst_nirspec_dark_0046.fits"
    assert found.dark.data.shape == (4, 32, 512)  # the groups of the exposure, of ten in the file
    raw = fits.getdata(folder / found.dark.name, "SCI")
    np.testing.assert_array_equal(found.dark.data, raw[:4])


def test_flags_as_the_official_models_translate_them(folder):
    """The file's own compact bits become those of PIXEL; bits its table does not name are dropped."""
    from stdatamodels.jwst import datamodels

    found = jwgpu.references(exposure(), folder=folder)
    raw = fits.getdata(folder / found.dark.name, "DQ")
    np.testing.assert_array_equal((found.dark.dq & PIXEL.HOT) != 0, (raw & 4) != 0)
    for reference, model in ((found.dark, datamodels.DarkModel), (found.superbias, datamodels.SuperBiasModel)):
        with model(str(folder / reference.name)) as official:
            np.testing.assert_array_equal(reference.dq, official.dq)


def test_cut_to_a_smaller_window(folder):
    path = folder / "jwst_nirspec_superbias_0075.fits"
    ramp = exposure("SUB256", 1100, 965, (16, 256))
    found = jwgpu.references(ramp, overrides={"superbias": path}).superbias
    np.testing.assert_array_equal(found.data, fits.getdata(path, "SCI")[8:24, 75:331])
