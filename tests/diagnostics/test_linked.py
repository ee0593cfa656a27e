"""Two images on one grid by their coordinates, sets of exposures, and residuals of alignments, as they are shown."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate
from jwgpu.diagnostics.linked import on_grid
from jwgpu.diagnostics.residuals import Residuals, _on_detector
from jwgpu.errors import InputError

MIDDLE = 53.16, -27.79


@pytest.fixture(scope="module")
def images():
    made = simulate.dithers(3, size=64, n_stars=4, n_galaxies=0, separation=0.3, seed=2)
    return [image.replace(wcs=true) for image, true in zip(made.images, made.truth.wcs)]


def _slope(ra, dec):
    """Values that are the same at the same place of the sky, and nearly linear in pixels."""
    return 3e3 * (ra - MIDDLE[0]) - 1e3 * (dec - MIDDLE[1])


def _of_sky(image, rows=64, columns=64):
    y, x = np.mgrid[:rows, :columns].astype(float)
    return _slope(*image.wcs(x, y, with_bounding_box=False)).astype(np.float32)


def test_values_follow_the_sky(images, device):
    first, second = (image.replace(data=_of_sky(image), err=None) for image in images[:2])
    dq = np.zeros((64, 64), np.uint32)
    dq[30, 20] = jw.PIXEL.SATURATED
    second = second.replace(dq=dq)
    found = on_grid(second.with_arrays({n: device.array(a) for n, a in second.arrays().items()}), first)
    values, flags = device.host(found.data), device.host(found.dq)
    known = np.isfinite(values)
    assert 0.3 < known.mean() < 1
    np.testing.assert_allclose(values[known], _of_sky(first)[known], atol=2e-5 * np.ptp(values[known]))
    assert (flags[~known] == jw.PIXEL.DO_NOT_USE).all()
    x, y = first.wcs.invert(*second.wcs(20.0, 30.0))
    assert np.argwhere(flags == jw.PIXEL.SATURATED).tolist() == [[round(y), round(x)]]


def test_images_of_other_shapes_are_shown_by_sky(images):
    small = images[1].replace(**{n: a[:50, :40] for n, a in images[1].arrays().items()})
    viewer = jw.show(images[0], small)
    assert [s.shape for s in viewer.subjects] == [(64, 64), (64, 64)]
    assert viewer.subjects[1].label.endswith("on the grid of the first")
    assert jw.show(images[0], images[1]).subjects[1].noun is images[1]
    assert jw.show(images[0], images[1], link="sky").subjects[1].noun is not images[1]
    viewer.figure()
    with pytest.raises(InputError, match="images with a WCS"):
        jw.show(images[0], small.replace(wcs=None))
    with pytest.raises(InputError, match="give two versions of the same exposure"):
        jw.show(images[0], small, link="pixels")
    with pytest.raises(InputError, match=r"cannot be linked by sky .*assign_wcs"):
        jw.show(images[0], small.replace(wcs=None), link="sky")
    with pytest.raises(InputError, match="link='wcs' is not known"):
        jw.show(images[0], small, link="wcs")


def test_members_of_a_set_one_by_one(images, tmp_path):
    smaller = images[2].replace(**{n: a[:50, :40] for n, a in images[2].arrays().items()})
    members = [*images[:2], smaller]
    exposures = jw.Exposures.of(members, product_name="three", scratch=tmp_path)
    exposures = exposures.with_members(exposures.put(m) for m in exposures)
    viewer = jw.show(exposures)
    viewer.pick(60, 60)
    for k in (3, 2, 1):
        viewer.exposure.value = k
        np.testing.assert_array_equal(viewer.planes()[0], members[k - 1].data)
        assert viewer.canvas.shape[1:] == list(members[k - 1].shape)
        assert viewer.details.names[viewer.details.box.selected_index] == "footprints"
    assert len(viewer.figure().axes) == 3  # an image, its colour bar, the sky
    assert "three" in repr(viewer)


def test_two_versions_of_a_set_and_its_mosaic(images):
    before, after = jw.Exposures.of(images[:2]), jw.Exposures.of([m.replace(data=m.data + 1) for m in images[:2]])
    viewer = jw.show(before, after)
    viewer.exposure.value = 2
    assert [s.noun.data[9, 9] - images[1].data[9, 9] for s in viewer.subjects] == pytest.approx([0, 1])
    assert jw.show(before, images[0]).mosaic is images[0]
    with pytest.raises(InputError, match=r"2 exposures and .* has 3"):
        jw.show(before, jw.Exposures.of(images))
    with pytest.raises(InputError, match="has no WCS"):
        jw.show(before, images[0].replace(wcs=None))
    viewer = jw.show(jw.Exposures.of([m.replace(wcs=None) for m in images]))
    assert "footprints" not in viewer.details.names
    viewer.figure()


def _alignment():
    """Return three exposures: the reference, one with residuals along x of its detector, one that failed."""
    exposures = np.zeros(3, [("name", "U20"), ("group", "U8"), ("status", "U10"), ("reason", "U60"), ("n_sources", int),
                             ("n_matches", int), ("n_used", int), ("rmse", float), ("moved", float)])  # fmt: skip
    exposures["name"], exposures["status"] = ["a", "b", "c"], ["reference", "aligned", "failed"]
    exposures["n_matches"], exposures["n_used"], exposures["rmse"] = [0, 40, 0], [0, 39, 0], [0, 2e-3, 0]
    exposures["reason"][2] = "too few <matches>"
    names = ("x", "y", "ra", "dec", "east", "north")
    residuals = np.zeros(40, [("exposure", int), ("used", bool), ("absolute", bool), *((n, float) for n in names)])
    random = np.random.default_rng(1)
    residuals["exposure"], residuals["used"] = 1, np.arange(40) > 0
    residuals["x"], residuals["y"] = random.uniform(0, 2000, (2, 40))
    turn, scale = np.radians(50), 0.03 / 3600
    east = scale * (np.cos(turn) * residuals["x"] + np.sin(turn) * residuals["y"])
    residuals["dec"] = 60 + scale * (-np.sin(turn) * residuals["x"] + np.cos(turn) * residuals["y"])
    residuals["ra"] = (0.001 + east / np.cos(np.radians(60))) % 360
    along = random.normal(0, 2, 40)
    residuals["east"], residuals["north"] = along * np.cos(turn), -along * np.sin(turn)
    return jw.Alignment(exposures=exposures, residuals=residuals, sources=np.zeros(0), meta=jw.Meta({})), along


def test_residuals_turn_with_the_detector():
    alignment, along = _alignment()
    x, y = _on_detector(alignment.residuals)
    np.testing.assert_allclose(x, along, atol=0.01)
    np.testing.assert_allclose(y, 0, atol=0.01)


def test_residuals_are_a_picture_and_a_table():
    alignment, _ = _alignment()
    shown = jw.show(alignment)
    assert isinstance(shown, Residuals)
    pictures = []
    for k in (-1, 0, 1, 2):
        shown.exposure.value = k
        pictures.append(shown._picture.value)
        words = " ".join(t.get_text() for t in shown.figure().findobj(match=lambda a: hasattr(a, "get_text")))
        said = {-1: "39 of 40 matches used", 0: "the others were aligned to it", 1: "clipped: 1", 2: "too few"}[k]
        assert said in words
    assert len(set(pictures)) == 4
    table = shown._repr_html_()
    assert "too few &lt;matches&gt;" in table and "2.00" in table and "failed" in table
