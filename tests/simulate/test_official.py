"""The official pipeline runs on written exposures and finds the truth."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from jwgpu import simulate

RUN = """
import sys, warnings
import numpy as np
from jwst.pipeline import Detector1Pipeline
warnings.simplefilter("ignore")
rate = Detector1Pipeline.call(sys.argv[1], steps={"jump": {"expand_large_events": False}})
np.savez(sys.argv[2], rate=rate.data, err=rate.err, dq=rate.dq, states=str(rate.meta.cal_step.instance))
"""


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("instrument", ["NIRCAM", "MIRI"])
def test_official_pipeline_finds_the_truth(instrument, tmp_path):
    pytest.importorskip("jwst")
    options = {
        "NIRCAM": dict(subarray="SUB160", readpatt="RAPID", sky=300.0, n_integrations=2, drift=0.0, one_over_f=0.0),
        "MIRI": dict(subarray="SUB128", n_groups=12, drift=0.0),
    }[instrument]
    made = simulate.exposure(instrument, **options)
    written = simulate.write(made, tmp_path)
    out = tmp_path / "rate.npz"
    environment = {**os.environ, **written.environment}
    subprocess.run(
        [sys.executable, "-c", RUN, str(written.uncal), str(out)], env=environment, cwd=tmp_path, check=True,
        capture_output=True,
    )  # fmt: skip
    with np.load(out) as official:
        rate, err, dq, states = (official[name] for name in ("rate", "err", "dq", "states"))
    for state in ("'dq_init': 'COMPLETE'", "'linearity': 'COMPLETE'", "'dark_sub': 'COMPLETE'", "'jump': 'COMPLETE'"):
        assert state in str(states)
    clean = (dq == 0) & (made.truth.bad_pixels == 0)
    assert clean.mean() > 0.7
    pull = ((rate - made.truth.rate) / err)[clean]
    assert abs(np.median(pull)) < 0.05
    assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1.04, abs=0.06)
