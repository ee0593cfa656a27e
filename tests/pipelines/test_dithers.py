"""From raw exposures of a dithered field to aligned images, whose light and places are those of the field."""

from __future__ import annotations

import numpy as np
import pytest
from alignments import BEST, CLOSE, align, offsets

from jwgpu import pipelines, simulate, steps


@pytest.fixture(scope="module")
def made():
    return simulate.dithers(3, size=256, n_stars=60, n_galaxies=0, separation=0.4, snr=60.0, bad_pixels=0.0, seed=4)


@pytest.fixture(scope="module")
def calibrated(made):
    found = []
    for k in range(3):
        raw = made.raw(k, n_groups=6, one_over_f=0.0, drift=0.0)
        image, refs = pipelines.detector1(raw.ramp).run(raw.ramp, raw.references).rate, raw.references
        image = steps.assign_wcs(image, refs.distortion, refs.filteroffset)
        image = steps.photom(steps.flat_field(image, refs.flat), refs.photom, refs.area)
        found.append(image)
    return found


def test_the_brightness_is_that_of_the_field(made, calibrated):
    for k, image in enumerate(calibrated):
        good = image.dq == 0
        assert good.mean() > 0.6
        pull = ((image.data - made.truth.brightness(k)) / image.err)[good]
        assert abs(np.median(pull)) < 0.1
        assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1.05, abs=0.1)


def test_pointing_errors_are_recovered(made, calibrated):
    done, report = align(calibrated, **CLOSE, **BEST)
    assert (report.exposures["status"][1:] == "aligned").all()
    before, after = (np.hypot(*offsets(images, made).mean(axis=2).T) for images in (calibrated, done))
    assert before[1:].min() > 2
    assert after.max() < 1.0
