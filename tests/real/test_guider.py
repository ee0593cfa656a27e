"""A flight acquisition exposure of the guider, through the command line."""

import numpy as np
import official
import pytest
from astropy.io import fits
from commandline import command

from jwgpu.provenance.compare import compare
from jwgpu.reference.local import write_cache


@pytest.fixture
def exposure(real_data):
    found = sorted((real_data / "fgs-acq1-uncal").glob("*_uncal.fits"))
    if not found:
        pytest.skip(f"{real_data} holds no fgs-acq1-uncal")
    return found[0]


@pytest.fixture
def references(constant):
    frame = ("FGS", "GUIDER2", (2048, 2048))
    return {"gain": constant("gain", *frame, 1.7), "readnoise": constant("readnoise", *frame, 12.0)}


def test_a_star(exposure, references, tmp_path):
    folder = references["gain"].parent
    command("run", exposure, "--out", tmp_path, "--references", folder, "--skip", "dq_init")
    path = tmp_path / exposure.name.replace("_uncal", "_cal")
    with fits.open(path) as hdus:
        data, error, header = hdus["SCI"].data, hdus["ERR"].data, hdus[0].header
    assert data.shape == (6, 128, 128)
    assert np.isfinite(data).all()
    assert (error > 0).mean() > 0.99
    assert (header["S_GUICDS"], header["S_DQINIT"], header["R_GAIN"]) == ("COMPLETE", "SKIPPED", "gain.fits")
    image = np.median(data, axis=0)
    noise = 1.4826 * np.median(np.abs(image - np.median(image)))
    assert image.max() > 100 * noise
    y, x, total = np.array([centroid(frame) for frame in data]).T
    assert max(np.ptp(y), np.ptp(x)) < 0.5  # the star stays where it is
    assert np.ptp(total) < 0.03 * total.mean()
    away = np.hypot(*(np.indices(image.shape) - np.array([[[y.mean()]], [[x.mean()]]]))) > 20
    assert image[away].max() < 0.2 * image.max()  # and is the only one
    core = image[round(y.mean()), round(x.mean())]
    assert core < 0.1 * image.max()  # saturated in both reads, so that their difference is a hole


def centroid(frame):
    """Return (y, x, sum) of what lies within 12 pixels of the brightest one."""
    y, x = np.indices(frame.shape)
    top = np.unravel_index(frame.argmax(), frame.shape)
    light = np.where(np.hypot(y - top[0], x - top[1]) < 12, frame, 0.0)
    return (light * y).sum() / light.sum(), (light * x).sum() / light.sum(), light.sum()


@pytest.mark.oracle
def test_equals_the_official_product(exposure, references, tmp_path):
    pytest.importorskip("jwst")
    settings = write_cache(tmp_path / "crds", references.values())
    with official.crds_settings(settings):
        official.guider(exposure, tmp_path / "theirs")
        command("run", exposure, "--out", tmp_path / "ours")
    name = exposure.name.replace("_uncal", "_cal")
    report = compare(tmp_path / "ours" / name, tmp_path / "theirs" / name, rtol=0.0)
    assert {"SCI", "ERR", "DQ"} <= {array.name for array in report.arrays}
    assert all(array.same for array in report.arrays), str(report)
    # The flat field is not a step of jwgpu.
    assert {line[0] for line in report.header} <= {"S_FLAT"}
