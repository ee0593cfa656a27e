"""Every detector and readout through all of stage 1 beside jwst 3.0.0, on files with a CRDS cache of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "parity.py"
MODES = ("NIRISS full", "NIRISS SUBSTRIP256", "NIRSpec full", "NIRSpec ALLSLITS", "NIRSpec SUB2048", "NIRSpec IRS2",
         "FGS full", "FGS GUIDER1", "time series", "one group", "two groups", "NIRCam SUB82STRIPE2_DHS",
         "NIRCam SUB164STRIPE4_DHS", "NIRCam SUB64P_SUPSTP008", "NIRCam SUB64P_SUPSTP002",
         "NIRISS SUB680STRIPE_SOSS")  # fmt: skip
APPLIED = ("dq_init", "saturation", "superbias", "linearity", "dark_current", "ramp_fit", "gain_scale")

# Reference pixels that are not there cannot be used: jwst says that the step is complete, jwgpu that it was skipped.
WITHOUT_REFERENCE_PIXELS = "skipped, official complete"


@pytest.fixture(scope="module")
def parity():
    """The script that prints the table of differences."""
    spec = importlib.util.spec_from_file_location("parity", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_step_by_step(mode, parity, tmp_path):
    """Flags and NaN are the same; data within 1e-6, those from IRS2 references and weighted fits within 1e-5."""
    found = parity.measure(mode, tmp_path)
    print(parity.table({mode: found}))
    assert "error" not in found, found["error"]
    assert all("worst" in found[step] for step in APPLIED), found
    for step, result in found.items():
        if mode == "time series" and step == "refpix":
            assert result == {"shapes": WITHOUT_REFERENCE_PIXELS}
        elif "skipped" not in result:
            tight = mode != "NIRSpec IRS2" and step not in ("ramp_fit", "gain_scale")
            assert result["worst"] < (1e-6 if tight else 1e-5), (step, result)
            assert result["flags"] == result["holes"] == 0, (step, result)


@pytest.mark.parametrize("dropped", [0, 3])
@pytest.mark.parametrize(
    ("groups", "saturated_from"), [([1000], 1), ([900, 60000, 60000], 1), ([900, 1800], 2), ([900, 1800, 2700], 3)]
)
def test_short_ramps_and_frames_dropped_before_them(groups, saturated_from, dropped):
    """One good group of n frames counts (n + 1) / 2 frame times; frames dropped before the first do not enter."""
    from stcal.ramp_fitting import ramp_fit
    from stdatamodels.jwst.datamodels import RampModel, dqflags

    times = {"nframes": 4, "groupgap": 1, "group_time": 50.0, "frame_time": 10.0, "drop_frames1": dropped}
    ramp = make_ramp(np.array(groups, float), **times)
    ramp.groupdq[:, saturated_from:] = dqflags.group["SATURATED"]
    gain, noise = (make_reference(k, data=np.full((3, 3), v)) for k, v in (("gain", 2.0), ("readnoise", 10.0)))
    model = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    model.meta.instrument.name = "NIRISS"
    for name, value in times.items():
        setattr(model.meta.exposure, name, value)
    official, _ = ramp_fit.ramp_fit(
        model, False, noise.data.copy(), gain.data.copy(), "OLS_C", "optimal", "1", dqflags.pixel,
        suppress_one_group=False,
    )[:2]  # fmt: skip
    ours = steps.ramp_fit(ramp, gain, noise, suppress_one_group=False).rate
    np.testing.assert_allclose(ours.data, official["slope"], rtol=1e-6)
    np.testing.assert_allclose(ours.err, official["err"], rtol=1e-6)
    np.testing.assert_array_equal(ours.dq, official["dq"])
    if saturated_from == 1:
        assert ours.data[1, 1] == pytest.approx(groups[0] / 25.0)
