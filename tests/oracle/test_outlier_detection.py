"""outlier_detection against that of jwst 3.0.0."""

from __future__ import annotations

import numpy as np
import official_images
import pytest

from jwgpu import simulate, steps
from jwgpu.data import PIXEL, Exposures

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle


class Imaging:
    """The official step, told that it works on images."""

    def __new__(cls, **parameters):
        from jwst.outlier_detection import OutlierDetectionStep

        made = OutlierDetectionStep(**parameters)
        made.mode = "imaging"
        return made


def compare(images, folder, *, different=0, **parameters):
    """Run both, and let no more than `different` pixels be flagged by one alone; return how many outliers there are."""
    theirs = official_images.run(Imaging, images, folder, **parameters)
    ours = steps.outlier_detection(Exposures.of(images), **parameters)
    n = odd = 0
    for image, model in zip(ours, theirs):
        done = image.history[-1].status == "COMPLETE"
        assert done == (model.meta.cal_step.outlier_detection == "COMPLETE")
        same = image.dq == model.dq
        odd += int((~same).sum())
        n += int(((image.dq & PIXEL.OUTLIER) != 0).sum())
        for name in ("data", "err", "var_poisson", "var_rnoise", "var_flat"):
            np.testing.assert_array_equal(getattr(image, name)[same], getattr(model, name)[same], err_msg=name)
    assert odd <= different
    return n


@pytest.fixture(scope="module")
def images():
    return simulate.dithers(4, size=200, cosmic_rays=1e-3).images


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"snr": "3.0 2.0", "scale": "0.5 0.3", "maskpt": 0.2},
        {"weight_type": "exptime", "pixfrac": 0.6, "fillval": "0"},
        {"kernel": "turbo", "pixmap_stepsize": 16.0, "pixmap_order": 3},
        {"kernel": "point", "good_bits": "0"},
        {"resample_data": False},
        {"resample_data": False, "snr": "9.0 4.0", "good_bits": "~DO_NOT_USE+OUTLIER", "maskpt": 0.99},
    ],
)
def test_same_outliers(images, parameters, tmp_path):
    assert compare(images, tmp_path, different=2, **parameters) > 50


@pytest.mark.parametrize(
    "options",
    [
        dict(detectors=["NRCB1", "NRCB3"], step=0.3),
        dict(instrument="MIRI", n_visits=2, visit_roll=40.0),
        dict(instrument="NIRISS", field=(359.9999, 89.99, 30.0)),
        dict(offsets=[[0, 0], [1.0, 0.5], [2.0, 0], [1.0, 3.0]], fwhm=1.2),
    ],
)
def test_same_outliers_in_other_sets(options, tmp_path):
    """Groups of two detectors, rolled visits, the pole at 0 hours, narrow stars."""
    images = simulate.dithers(4, size=128, cosmic_rays=1e-3, **options).images
    assert compare(images, tmp_path, different=2) > 20


@pytest.mark.parametrize("subtract", [False, True])
def test_with_levels_of_the_sky(images, subtract, tmp_path):
    matched = steps.skymatch(Exposures.of(images), subtract=subtract)
    assert compare(tuple(matched), tmp_path, different=2) > 50


def test_an_exposure_without_usable_pixels(images, tmp_path):
    dead = images[1].replace(dq=images[1].dq | PIXEL.DO_NOT_USE)
    compare([images[0], dead, *images[2:]], tmp_path, different=2)


def test_one_exposure(images, tmp_path):
    assert compare(images[:1], tmp_path) == 0
