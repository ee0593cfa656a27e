"""assign_wcs against that of jwst 3.0.0: the same sky for every pixel, the same header."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from official import crds_settings

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.data import Image

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

MODES = {
    "nircam": {},
    "nircam_a1": {"wcsinfo.roll_ref": 300.0, "velocity_aberration.scale_factor": 0.99993},
    "nircam_long": {"wcsinfo.ra_ref": 359.9999, "wcsinfo.dec_ref": 5.0, "exposure.type": "NRC_CORON"},
    "nircam_sub": {"wcsinfo.dec_ref": -89.95, "velocity_aberration.scale_factor": 1.00008},
    "niriss": {"exposure.type": "NIS_AMI"},
    "miri": {"velocity_aberration.scale_factor": 1.0001},
    "miri_sub": {"instrument.filter": "F2300C", "exposure.type": "MIR_LYOT"},
    "fgs_image": {"wcsinfo.dec_ref": 89.9},
    "tso": {},
}


@pytest.fixture(scope="module", params=MODES)
def both(request, tmp_path_factory, _empty_crds):
    """What both packages make of one exposure, and the file ours is saved in."""
    from jwst.assign_wcs import AssignWcsStep
    from stdatamodels.jwst import datamodels

    folder = tmp_path_factory.mktemp(request.param)
    simulation = simulate.tiny(request.param)
    written = simulate.write(simulation, folder, crds=False)
    ramp = simulation.ramp.to("cpu")
    data = ramp.data[:, -1] if request.param == "tso" else ramp.data[0, -1]
    meta = ramp.meta.set(MODES[request.param])
    image = Image(data=data, dq=np.zeros(data.shape, np.uint32), meta=meta, unit="DN/s")
    path = jw.save(image, folder / ("a_rateints.fits" if data.ndim == 3 else "a_rate.fits"))
    refs = jw.references(image, folder=folder / "references")
    ours = steps.assign_wcs(image, refs.distortion, refs.get("filteroffset"))
    files = {p.name.rsplit("_", 1)[1].removesuffix(".asdf"): str(p) for p in written.references}
    chosen = {f"override_{kind}": files.get(kind, "N/A") for kind in AssignWcsStep.reference_file_types}
    with crds_settings(_empty_crds), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        with datamodels.open(path) as model:
            theirs = AssignWcsStep.call(model, **chosen)
    return ours, theirs, jw.save(ours, folder / "b_rate.fits")


def points(ours):
    box = np.array(ours.wcs.bounding_box)
    return np.random.default_rng(1).uniform(box[:, :1], box[:, 1:], (2, 500))


def test_every_pixel_has_the_same_place(both):
    ours, theirs, _ = both
    x, y = points(ours)
    world = theirs.meta.wcs(x, y)
    for a, b in zip(ours.wcs(x, y), world):
        assert np.abs((a - b + 180) % 360 - 180).max() < 1e-10 / np.cos(np.radians(world[1])).min()
    for a, b in zip(ours.wcs.invert(*world), theirs.meta.wcs.invert(*world)):
        assert np.nanmax(np.abs(a - b)) < 1e-6
    box = theirs.meta.wcs.bounding_box.bounding_box(order="F")
    assert ours.wcs.bounding_box == tuple(map(tuple, box))


def test_every_frame_is_there(both):
    ours, theirs, _ = both
    assert ours.wcs.frames == tuple(theirs.meta.wcs.available_frames)
    x, y = points(ours)
    for frame in ours.wcs.frames[1:]:
        found = ours.wcs.between("detector", frame)(x, y)
        for a, b in zip(found, theirs.meta.wcs.get_transform("detector", frame)(x, y)):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-9)


def test_the_headers_agree(both):
    ours, theirs, _ = both
    a, b = dict(ours.meta.wcsinfo.items()), dict(theirs.meta.wcsinfo.instance)
    assert a.keys() == b.keys()
    for name, value in b.items():
        if isinstance(value, str):
            assert a[name] == value, name
        else:
            # The terms that are nothing but rounding differ by that.
            scale = 1e-12 if name[:2] in ("a_", "b_", "ap", "bp") else 1e-13
            assert a[name] == pytest.approx(value, rel=1e-9, abs=scale), name


def test_the_official_data_model_reads_ours(both):
    from stdatamodels.jwst import datamodels

    ours, _, path = both
    x, y = points(ours)
    with datamodels.open(path) as model:
        model.validate()
        assert model.meta.cal_step.assign_wcs == "COMPLETE"
        assert model.meta.ref_file.distortion.name.endswith("distortion.asdf")
        for a, b in zip(model.meta.wcs(x, y), ours.wcs(x, y)):
            np.testing.assert_allclose(a, b, atol=1e-10)


def test_ours_reads_the_official_file(both, tmp_path):
    ours, theirs, _ = both
    theirs.save(tmp_path / "c_rate.fits")
    x, y = points(ours)
    back = jw.open(tmp_path / "c_rate.fits", device="cpu")
    for a, b in zip(back.wcs(x, y), theirs.meta.wcs(x, y)):
        np.testing.assert_allclose(a, b, atol=1e-10)
