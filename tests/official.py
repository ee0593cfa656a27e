"""The official stage-1 pipelines, run in this process on files and a CRDS cache of their own."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path

import pytest

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


def _call(pipeline, uncal, out, steps) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about which nothing can be done here
        pipeline.call(str(uncal), output_dir=str(out), save_results=True, steps=steps)
