"""assign_mtwcs against that of jwst 3.0.0: the same coordinates, outlines and means."""

from __future__ import annotations

import numpy as np
import pytest
from steps.test_assign_mtwcs import moving

import jwgpu as jw
from jwgpu import steps

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

X, Y = np.random.default_rng(2).uniform(0, 31, (2, 50))


def test_same_as_official(tmp_path):
    from jwst.assign_mtwcs.moving_target_wcs import assign_moving_target_wcs
    from jwst.datamodels import ModelLibrary

    images = moving()
    paths = [str(jw.save(image, tmp_path / image.name)) for image in images]
    ours = steps.assign_mtwcs(images)
    theirs = assign_moving_target_wcs(ModelLibrary(paths))
    with theirs:
        for k, image in enumerate(ours):
            model = theirs.borrow(k)
            np.testing.assert_allclose(image.wcs(X, Y), model.meta.wcs(X, Y), rtol=0, atol=1e-10)
            assert image.meta.wcsinfo.mt_avra == pytest.approx(model.meta.wcsinfo.mt_avra, abs=1e-12)
            assert image.meta.wcsinfo.mt_avdec == pytest.approx(model.meta.wcsinfo.mt_avdec, abs=1e-12)
            corners = [
                np.array(r.split()[2:], float) for r in (image.meta.wcsinfo.s_region, model.meta.wcsinfo.s_region)
            ]
            np.testing.assert_allclose(*corners, atol=2e-9)
            theirs.shelve(model, k, modify=False)
