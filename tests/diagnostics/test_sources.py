"""`jw.show(image, catalog)`: outlines of sources, picking one, what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from mosaics import abvegaoffset, apcorr, mosaic

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError

pytest.importorskip("ipympl")


@pytest.fixture(scope="module")
def shown():
    field = mosaic()
    catalog = steps.source_catalog(field.image, apcorr(), abvegaoffset())
    return field.image, catalog, jw.show(field.image, catalog)


def outlined(viewer) -> int:
    return sum(len(c.get_offsets()) for c in viewer.figure.axes[0].collections)


def test_every_source_is_outlined(shown):
    _, catalog, viewer = shown
    assert outlined(viewer) == len(catalog)
    assert f"{len(catalog)} sources" in viewer.figure.axes[0].get_title()
    viewer.kind.value = "extended"
    assert outlined(viewer) == np.count_nonzero(catalog["is_extended"])
    viewer.kind.value = "all"


def test_a_click_picks_the_nearest_source(shown):
    _, catalog, viewer = shown
    source = catalog.table[4]
    axes = viewer.figure.axes[0]
    axes.set(xlim=(10, 90), ylim=(20, 100))
    event = type("Event", (), {"inaxes": axes, "xdata": source["xcentroid"] + 1, "ydata": source["ycentroid"] - 1})
    viewer._clicked(event)
    assert viewer.label.value == source["label"]
    assert f"{source['aper_total_abmag']:.5g}" in viewer.message.value
    assert viewer.figure.axes[0].get_xlim() == (10, 90)
    assert outlined(viewer) == len(catalog) + 1
    viewer.label.value = 0
    assert "click" in viewer.message.value


def test_the_figure_can_be_saved(shown, tmp_path):
    shown[2].figure.savefig(tmp_path / "sources.png")
    assert (tmp_path / "sources.png").stat().st_size > 10_000


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
