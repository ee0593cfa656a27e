"""Pipelines of images: what is chosen for which product, what they make, and from what."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import associations, pipelines, simulate
from jwgpu.backend import FileArray
from jwgpu.data import Exposures, Image
from jwgpu.errors import InputError
from jwgpu.pipelines import Pipeline
from jwgpu.pipelines.mosaic import exposures
from jwgpu.step import step


@pytest.fixture(scope="module")
def rate(tiny):
    """Rates of a small exposure, with the references that go on from there."""
    made = tiny("nircam")
    run = pipelines.detector1(made.ramp).run(made.ramp, made.references, progress=False)
    return run.products, made.references


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Calibrated images of a field, as files."""
    where = tmp_path_factory.mktemp("dithers")
    simulate.dithers(3, size=64, seed=3).write(where)
    return where


@step(unit=None)
def first_of(images: Exposures) -> Image:
    """Take the first of many."""
    return images.load(0)


@step(unit=None)
def halved(images: Exposures) -> Exposures:
    """Halve all images."""
    return images.with_members(images.put(m.replace(data=m.data / 2), k) for k, m in enumerate(images.loaded()))


def test_a_rate_becomes_a_calibrated_image(rate):
    products, references = rate
    for image in products.values():
        pipeline = pipelines.choose(image)
        assert pipeline.name == "image2"
        run = pipeline.run(image, references, progress=False)
        assert run.image.unit == "MJy/sr"
        assert run.image.wcs is not None
        new = run.image.history[len(image.history) :]
        assert [r.step for r in new if r.step != "resample"] == pipeline.names()[:-1]
        assert ("i2d" in run.products) == (not image.per_integration)
        assert np.isfinite(run.image.data).any()


def test_backgrounds_are_subtracted(rate):
    """Subtracting an exposure from itself leaves nothing."""
    image, references = rate[0]["rate"], rate[1]
    run = pipelines.choose(image).run(
        image, references, roles={"background": Exposures.of([image])}, progress=False, keep=["bkg_subtract"]
    )
    assert not np.nan_to_num(run["bkg_subtract"].data).any()
    assert run.image.history[len(image.history)].exposures == {"background": [image.name]}


def test_nothing_is_done_twice(rate):
    image, references = rate[0]["rate"], rate[1]
    whole = pipelines.image2(image).run(image, references, progress=False).image
    half = pipelines.image2(image).upto("assign_wcs").run(image, references, progress=False).image
    rest = pipelines.choose(half)
    assert rest.names() == pipelines.image2().names()[2:]
    again = rest.run(half, references, progress=False).image
    np.testing.assert_array_equal(again.data, whole.data)
    assert pipelines.choose(whole).name == "image3"


def test_moving_targets_are_followed(folder):
    images = exposures(folder)
    assert pipelines.choose(images)["assign_mtwcs"].skip
    moving = images.replace(meta=images.meta.set({"target.type": "MOVING"}))
    assert not pipelines.choose(moving)["assign_mtwcs"].skip


def test_other_modes_are_refused(rate):
    image = rate[0]["rate"]
    spectrum = image.replace(meta=image.meta.set({"exposure.type": "NRS_MSASPEC"}))
    with pytest.raises(InputError, match="rate of EXP_TYPE NRS_MSASPEC"):
        pipelines.choose(spectrum)
    series = image.replace(meta=image.meta.set({"exposure.type": "NRC_TSIMAGE", "cal_step.photom": "COMPLETE"}))
    with pytest.raises(InputError, match="mosaics are made of images of the sky"):
        pipelines.choose(Exposures.of([series]))


def test_products_stand_beside_what_they_were_made_of(folder, tmp_path):
    images = exposures(folder)
    pipeline = Pipeline("image3", (pipelines.Call(halved), pipelines.Call(first_of)))
    seen = []
    run = pipeline.run(images, progress=False, scratch=tmp_path, after_step=lambda name, b: seen.append((name, [*b])))
    assert seen == [("halved", ["images"]), ("first_of", ["images", "first_of"])]
    assert isinstance(run.images[1].data, FileArray)
    np.testing.assert_array_equal(run.first_of.data, images[0].data.read() / 2)
    assert [r.step for r in run.first_of.history] == [*(r.step for r in images[0].history), "halved", "first_of"]
    assert "first_of" not in [r.step for r in run.images.history]
    names = [path.name for path in run.save(tmp_path / "o")]
    product = "jw09999-o001_t001_nircam_clear-f200w"
    assert names == [
        *(f"jw09999001001_02101_{k:05d}_nrcb1_o001_crf.fits" for k in (1, 2, 3)),
        f"{product}_first_of.fits",
    ]
    again = jw.open(tmp_path / "o" / names[1], device="cpu")
    np.testing.assert_array_equal(again.data, run.images[1].data.read())
    assert again.wcs is not None


def test_one_image_is_a_set_of_one(folder):
    image = jw.open(next(folder.glob("*00002*_cal.fits")))
    run = Pipeline("image3", (pipelines.Call(halved),)).run(image, progress=False)
    assert len(run.images) == 1
    np.testing.assert_array_equal(run.images[0].data, image.data / 2)


def test_image3_in_one_call(folder, tmp_path):
    """From a folder, files, an association, images: the same."""
    (asn,) = associations.associate(folder)
    path = asn.write(folder, "an_asn.json")
    files = sorted(folder.glob("*_cal.fits"))
    expected = None
    for source in (folder, files, path, str(path), asn, [jw.open(f) for f in files], asn.exposures()):
        run = jw.image3(source, references=folder, progress=False, steps={"skymatch": {"subtract": True}})
        done = {record.step: record for record in run.images.history}
        assert done["skymatch"].parameters["subtract"] is True
        data = [member.data.read() if isinstance(member.data, FileArray) else member.data for member in run.images]
        expected = data if expected is None else expected
        for a, b in zip(data, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    left = jw.image3(folder, references=folder, progress=False, steps={"skymatch": {"skip": True}}, out=tmp_path)
    assert next(r for r in left.images.history if r.step == "skymatch").status == "SKIPPED"
    assert len(list(tmp_path.glob("*_o001_crf.fits"))) == 3


def test_which_of_several_mosaics_must_be_said(folder, tmp_path):
    simulate.dithers(1, "MIRI", size=64).write(tmp_path)
    files = [*folder.glob("*_cal.fits"), *tmp_path.glob("*_cal.fits")]
    with pytest.raises(InputError, match=r"make 2 mosaics \(jw09999-o001_t001_miri_.*say which"):
        jw.image3(files)
    with pytest.raises(InputError, match="none of them 'other'"):
        jw.image3(files, product="other")
    images = exposures(files, "jw09999-o001_t001_nircam_clear-f200w")
    assert len(images) == 3


def test_cells_of_image_pipelines():
    lines = pipelines.image2().source().splitlines()
    assert 'image = jw.open("FILE_rate.fits")' in lines
    assert "image = steps.flat_field(image, refs.flat)" in lines
    lines = pipelines.image3().source().splitlines()
    assert 'images = jw.associations.read("FILE_asn.json").exposures()' in lines
    assert "images = steps.skymatch(images)" in lines
    assert "i2d = steps.resample(images)" in lines
    assert "catalog = steps.source_catalog(i2d, refs.apcorr, refs.abvegaoffset)" in lines
    mine = Pipeline("image3", (pipelines.Call(first_of),)).source().splitlines()
    assert mine[-1] == "first_of = first_of(images)"
