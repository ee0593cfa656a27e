"""`jw.show(image, catalog)`: outlines of sources, picking one, what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from mosaics import abvegaoffset, apcorr, mosaic

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError

pytest.importorskip("anywidget")


@pytest.fixture(scope="module")
def shown():
    field = mosaic()
    catalog = steps.source_catalog(field.image, apcorr(), abvegaoffset())
    return field.image, catalog, jw.show(field.image, catalog)


def outlined(viewer) -> int:
    return len(viewer.canvas.marks)


def test_every_source_is_outlined(shown):
    _, catalog, viewer = shown
    assert outlined(viewer) == len(catalog)
    assert f"{len(catalog)} sources" in viewer.canvas.panels[0]["title"]
    viewer.kind.value = "extended"
    assert outlined(viewer) == np.count_nonzero(catalog["is_extended"])
    viewer.kind.value = "all"
    mark = viewer.canvas.marks[4]
    assert (mark["x"], mark["y"]) == (catalog["xcentroid"][4], catalog["ycentroid"][4])
    assert mark["a"] >= mark["b"] >= 2


def test_a_click_picks_the_nearest_source(shown):
    _, catalog, viewer = shown
    source = catalog.table[4]
    viewer.canvas.pixel = [round(source["xcentroid"] + 1), round(source["ycentroid"] - 1)]
    assert viewer.label.value == source["label"]
    assert f"{source['aper_total_abmag']:.5g}" in viewer.message.value
    assert max(mark["line"] for mark in viewer.canvas.marks) > 3
    viewer.label.value = 0
    assert "click" in viewer.message.value


def test_the_figure_can_be_saved(shown, tmp_path):
    viewer = shown[2]
    viewer.pick(30, 40)
    viewer.figure().savefig(tmp_path / "sources.png")
    assert (tmp_path / "sources.png").stat().st_size > 10_000
    viewer.details.box.selected_index = viewer.details.names.index("concentration")
    assert bytes(viewer.details._pictures["concentration"].value).startswith(b"\x89PNG")


def test_sources_without_shapes_and_no_sources(shown):
    image, catalog, _ = shown
    stars = steps.source_catalog(image, apcorr(), starfinder="iraf", snr_threshold=10.0, roundhi=1.0)
    assert outlined(jw.show(image, stars)) == len(stars)
    assert outlined(jw.show(image, catalog.chosen(slice(0)))) == 0


def test_what_does_not_belong_together(shown):
    image, catalog, _ = shown
    with pytest.raises(InputError, match="show it on its own image"):
        jw.show(image.replace(data=image.data[:50]), catalog)
    with pytest.raises(InputError, match="is a stack"):
        jw.show(image.replace(data=image.data[None]), catalog)
    with pytest.raises(InputError, match="shown on an image"):
        jw.show(simulate.tiny("nircam").ramp, catalog)
