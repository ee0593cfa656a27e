"""Products as Jdaviz reads them, and, where it is installed, in Imviz and Rampviz themselves."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits

import jwgpu as jw

IMAGES = {"rate": "DN/s", "cal": "MJy/sr", "i2d": "MJy/sr"}


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Paths by the last word of their names."""
    folder = tmp_path_factory.mktemp("products")
    (uncal, _), references = jw.simulate.dithers(2, size=64, seed=5).write_raw(folder)
    ramp = jw.open(uncal)
    refs = jw.references(ramp, folder=references)
    run = jw.pipelines.detector1(ramp).run(ramp, refs, keep=["jump"], progress=False)
    made = {"uncal": uncal, "ramp": jw.save(run["jump"], out=folder), "rate": jw.save(run.rate, out=folder)}
    images = jw.pipelines.image2(run.rate).run(run.rate, refs, progress=False).save(folder)
    return made | {path.stem.rpartition("_")[2]: path for path in images}


@pytest.mark.parametrize("word", IMAGES)
def test_the_tree_leads_to_the_arrays_their_units_and_the_sky(products, word):
    """Jdaviz takes all of it from the ASDF extension; without, it shows bare pixels."""
    from stdatamodels import asdf_in_fits

    with fits.open(products[word]) as hdus, asdf_in_fits.open(hdus) as file:
        for name in ("data", "err", "var_poisson", *([] if word == "i2d" else ["dq"])):
            hdu = hdus["SCI" if name == "data" else name.upper()]
            np.testing.assert_array_equal(np.asarray(file.tree[name]), hdu.data)
            assert file.tree[name].dtype.name == {"dq": "uint32"}.get(name, "float32")
        meta = file.tree["meta"]
        assert meta["bunit_data"] == IMAGES[word]
        assert meta["telescope"] == "JWST"
        if word != "rate":
            assert meta["photometry"]["pixelarea_arcsecsq"] > 0
            image = jw.open(products[word])
            np.testing.assert_allclose(meta["wcs"](20.0, 30.0), image.wcs(20.0, 30.0), rtol=1e-12)


def in_jdaviz(helper: str, path):
    """Return the data that a tool of Jdaviz, run without a browser, makes of a file."""
    jdaviz = pytest.importorskip("jdaviz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        tool = getattr(jdaviz, helper)()
        tool.load_data(str(path))
        return list(tool.app.data_collection)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("word", IMAGES)
def test_images_open_in_imviz(products, word):
    (data,) = in_jdaviz("Imviz", products[word])
    image = jw.open(products[word])
    (component,) = [c for c in data.main_components if c.label == "data"]
    np.testing.assert_array_equal(data.get_component(component).data, image.data)
    assert data.get_component(component).units.replace(" ", "").lower() == IMAGES[word].replace("DN", "dn").lower()
    if word != "rate":
        seen = data.coords.pixel_to_world_values(20.0, 30.0)
        np.testing.assert_allclose(seen, image.wcs(20.0, 30.0), rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_flags_are_named_in_imviz(products):
    jdaviz = pytest.importorskip("jdaviz")
    tool = jdaviz.Imviz()
    tool.load(str(products["cal"]), format="Image", extension=["SCI", "DQ"])
    image = jw.open(products["cal"])
    decoded = tool.plugins["Data Quality"]._obj.decoded_flags
    names = {str(bit["name"]) for row in decoded for bit in row["decomposed"].values()}
    assert (
        {"DO_NOT_USE", "REFERENCE_PIXEL"} <= names <= set(jw.PIXEL.names(int(np.bitwise_or.reduce(image.dq.ravel()))))
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("word", ["uncal", "ramp"])
def test_ramps_open_in_rampviz(products, word):
    groups, *_ = in_jdaviz("Rampviz", products[word])
    ramp = jw.open(products[word])
    shown = groups.get_component(groups.main_components[0]).data
    np.testing.assert_array_equal(shown, np.moveaxis(ramp.data[0].astype(int), 0, -1))  # it cuts to whole DN
