"""Alignment of flight exposures with the catalogue that they were aligned with: pointing as it was in flight.

There are no pixels, but the WCS before and after alignment, and the catalogue; sources are where the aligned WCS sees
those of the catalogue, give or take a measurement.
"""

from __future__ import annotations

import warnings

import asdf
import gwcs
import numpy as np
import pytest
from alignments import align
from astropy.table import Table

from jwgpu.data import Image, Meta
from jwgpu.wcs import WCS
from jwgpu.wcs.outline import outline

SCATTER = 0.1  # pixels


def flight(path) -> tuple[WCS, Image]:
    """Return the aligned WCS of an exposure, and an image with the one that it had before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # older versions of the standard
        with asdf.open(path, lazy_load=False, memmap=False) as file:
            aligned, header = file.tree["wcs"], dict(file.tree["wcsinfo"])
    steps = [(step.frame, step.transform) for step in aligned.pipeline]
    place = aligned.available_frames.index("v2v3corr")
    before = gwcs.WCS([*steps[: place - 1], (steps[place - 1][0], steps[place][1]), *steps[place + 1 :]])
    visit, group, number, _ = path.name.split("_")[:4]
    observed = {"program_number": visit[2:7], "observation_number": visit[7:10], "visit_number": visit[10:13],
                "visit_group": group[:2], "sequence_id": group[2:3], "activity_id": group[3:],
                "exposure_number": str(int(number)), "date": "2022-06-21"}  # fmt: skip
    meta = Meta({"filename": path.name.replace(".asdf", ".fits")})
    meta = meta.set({f"observation.{name}": value for name, value in observed.items()})
    meta = meta.set({f"wcsinfo.{name}": value for name, value in header.items()})
    return WCS(aligned), Image(data=np.zeros((4, 4), np.float32), meta=meta, unit="MJy/sr", wcs=WCS(before))


@pytest.fixture(scope="module")
def exposures(real_data):
    paths = sorted((real_data / "ceers-gwcs").glob("*_tweakreg.asdf"))
    assert len(paths) == 36
    return [flight(path) for path in paths]


def sources(exposures, sky, folder) -> str:
    """Write the sources of each exposure, and their list; return its path."""
    rng = np.random.default_rng(6)
    lines = []
    for k, (wcs, image) in enumerate(exposures):
        x, y = wcs.invert(np.array(sky["RA"]), np.array(sky["DEC"]), with_bounding_box=False)
        # The inverses in reference files are fits: the pixel whose place on the sky is that of the source is another.
        inside = (x > 5) & (x < 2042) & (y > 5) & (y < 2042)
        ra, dec = wcs(x[inside], y[inside])
        again = wcs.invert(2 * np.array(sky["RA"])[inside] - ra, 2 * np.array(sky["DEC"])[inside] - dec)
        places = np.array(again) + SCATTER * rng.standard_normal((2, inside.sum()))
        Table({"x": places[0], "y": places[1]}).write(folder / f"{k}.ecsv")
        lines.append(f"{image.name} {k}.ecsv")
    (folder / "list.txt").write_text("\n".join(lines))
    return str(folder / "list.txt")


def apart(images, exposures) -> np.ndarray:
    """Return by how much (mas) each image lies beside where it was put in the end, at points across it."""
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, 2047, 5), np.linspace(0, 2047, 5)))
    found = []
    for image, (aligned, _) in zip(images, exposures):
        (ra, dec), (a, d) = image.wcs(x, y), aligned(x, y)
        found.append(np.hypot((ra - a) * np.cos(np.radians(d)), dec - d).max() * 3600e3)
    return np.array(found)


@pytest.fixture(scope="module")
def sky(real_data):
    return Table.read(real_data / "ceers-gwcs" / "CEERS_EGS_HST_v1.9_cat_radecmag.ecsv")


def returned(exposures, sky, folder):
    """Align exposures with the catalogue; return them, the report, and how far they lie from where they were put."""
    sky[sky["MAG"] < 25.5].write(folder / "sky.ecsv")
    listed = sources(exposures, sky[sky["MAG"] < 25.5], folder)
    images = [image for _, image in exposures]
    assert apart(images, exposures).min() > 200  # mas, as it pointed
    done, report = align(images, use_custom_catalogs=True, catfile=listed, abs_refcat=str(folder / "sky.ecsv"))
    return done, report, apart(done, exposures)


@pytest.mark.parametrize("detector", range(4))
def test_exposures_return_to_where_they_were_put(exposures, sky, tmp_path, detector):
    """Each detector was aligned on its own."""
    done, report, distance = returned(exposures[detector::4], sky, tmp_path)
    assert (report.exposures["abs_status"] == "aligned").all()
    assert np.median(distance) < 1.5 and distance.max() < 4.0
    assert done[5].wcs.gwcs.name.startswith("FIT-LVL3-")
    assert outline(done[5].wcs) == done[5].meta.wcsinfo.s_region


def test_detectors_keep_their_places(exposures, sky, tmp_path):
    """In groups of four they stay where the distortion has them: some mas from where each would go by itself."""
    _, report, distance = returned(exposures[:12], sky, tmp_path)
    assert list(np.bincount(report.exposures["group"])) == [4, 4, 4]
    assert (report.exposures["abs_n_matches"] > 300).all()
    assert distance.max() < 20
