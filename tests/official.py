"""The official package in this process: pipelines on files and a CRDS cache of their own, and functions."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from jwgpu.data import Ramp
from jwgpu.steps import jump

# Persistence, charge migration, flicker noise and the like do not belong to what jwgpu does; they are off there too.
DETECTOR1 = {
    "jump": {"expand_large_events": False, "maximum_cores": "1"},
    "ramp_fit": {"algorithm": "OLS_C", "maximum_cores": "1"},
}
DETECTOR1_STEPS = (
    "group_scale", "dq_init", "saturation", "superbias", "refpix", "linearity", "dark_current", "jump"
)  # fmt: skip


@contextlib.contextmanager
def crds_settings(variables):
    """Set the CRDS_* variables, for this process and for the CRDS client's own caches."""
    from crds.client import api
    from crds.core import utils

    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, str(value))
        utils.clear_function_caches()
        api.set_crds_server(os.environ["CRDS_SERVER_URL"])
        yield
        utils.clear_function_caches()


def model_of(exposure):
    """Return a ramp or a rate as a datamodel of the official package, for functions that work in memory."""
    from stdatamodels.jwst import datamodels

    if isinstance(exposure, Ramp):
        made = datamodels.RampModel(
            data=exposure.data.copy(), groupdq=exposure.groupdq.copy(), pixeldq=exposure.pixeldq.copy()
        )
    else:
        kind = datamodels.CubeModel if exposure.per_integration else datamodels.ImageModel
        made = kind(data=exposure.data.copy(), dq=exposure.dq.copy())
    made.meta.telescope = "JWST"
    for path, value in exposure.meta.items():
        branch, _, leaf = path.rpartition(".")
        if branch.partition(".")[0] in ("instrument", "exposure", "subarray", "observation"):
            setattr(getattr(made.meta, branch), leaf, value)
    return made


def detector1(uncal: Path, out: Path, *, save_steps: bool = False, **changes) -> None:
    """Write `_rate` and `_rateints`, and with `save_steps` the ramp after every step as `_<step>`."""
    from jwst.pipeline import Detector1Pipeline

    steps = {name: {**DETECTOR1.get(name, {}), **changes.get(name, {})} for name in {**DETECTOR1, **changes}}
    if save_steps:
        for name in DETECTOR1_STEPS:
            steps[name] = {**steps.get(name, {}), "save_results": True}
    _call(Detector1Pipeline, uncal, out, steps)


def guider(uncal: Path, out: Path, **steps) -> None:
    """Write `_cal` without the flat field, which jwgpu does not do yet."""
    from jwst.pipeline import GuiderPipeline

    _call(GuiderPipeline, uncal, out, {"flat_field": {"skip": True}, **steps})


def image2(source: Path, out: Path, **steps) -> None:
    """Write `_cal`, and `_i2d` of a plane, of a rate or of an association of rates."""
    from jwst.pipeline import Image2Pipeline

    _call(Image2Pipeline, source, out, steps)


def image3(association: Path, out: Path, **steps) -> None:
    """Write `_i2d`, `_crf`, `_cat` and `_segm` of an association of calibrated images."""
    from jwst.pipeline import Image3Pipeline

    _call(Image3Pipeline, association, out, steps)


def _call(pipeline, uncal, out, steps) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about which nothing can be done here
        pipeline.call(str(uncal), output_dir=str(out), save_results=True, steps=steps)


def find_jumps(ramp, gain, readnoise, **changed):
    """Return groupdq, pixeldq, and the numbers of hits and events of the functions beneath the official jump step."""
    from stcal.jump.jump import detect_jumps_data
    from stcal.jump.jump_class import JumpData
    from stdatamodels.jwst.datamodels import dqflags

    p = SimpleNamespace(**{name: parameter.default for name, parameter in jump.parameters.items()} | changed)
    exposure = ramp.meta.exposure
    arrays = {name: array.copy() for name, array in ramp.arrays().items()}
    meta = SimpleNamespace(exposure=SimpleNamespace(nframes=exposure.nframes))
    official = JumpData(SimpleNamespace(**arrays, meta=meta), gain.data, readnoise.data, dqflags.pixel)
    official.set_detection_settings(
        p.rejection_threshold, p.three_group_rejection_threshold, p.four_group_rejection_threshold,
        p.max_jump_to_flag_neighbors, p.min_jump_to_flag_neighbors, p.flag_4_neighbors,
    )  # fmt: skip
    official.set_after_jump(
        p.after_jump_flag_dn1, int(p.after_jump_flag_time1 // exposure.group_time),
        p.after_jump_flag_dn2, int(p.after_jump_flag_time2 // exposure.group_time),
    )  # fmt: skip
    official.set_snowball_info(
        p.expand_large_events, p.min_jump_area, p.min_sat_area, p.expand_factor, p.sat_required_snowball,
        p.min_sat_radius_extend, 2 * p.sat_expand, p.edge_size,
    )  # fmt: skip
    official.set_shower_info(
        p.find_showers, p.extend_snr_threshold, p.extend_min_area, p.extend_inner_radius, p.extend_outer_radius,
        p.extend_ellipse_expand_ratio, p.min_diffs_single_pass, 2 * p.max_extended_radius,
    )  # fmt: skip
    official.set_sigma_clipping_info(3, p.minimum_sigclip_groups, p.only_use_ints)
    official.grps_masked_after_shower = int(p.time_masked_after_shower // exposure.group_time)
    official.mask_persist_grps_next_int = p.mask_snowball_core_next_int
    official.persist_grps_flagged = int(p.snowball_time_masked_next_int // exposure.group_time)
    official.max_shower_amplitude = p.max_shower_amplitude * exposure.group_time
    official.max_cores = "1"
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = detect_jumps_data(official)
    logging.disable(logging.NOTSET)
    return found
