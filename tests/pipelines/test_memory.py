"""The peak memory of a run, measured in a process of its own: it grows with the budget, not with the exposure."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate

PROGRAM = """
import sys
from pathlib import Path
import jwgpu as jw
from jwgpu import pipelines
uncal, folder, scratch, budget, out = sys.argv[1:]
ramp = jw.open(uncal, lazy=True)
references = jw.references(ramp, folder=folder)
run = pipelines.choose(ramp).run(ramp, references, donate=True, progress=False, max_memory=budget, scratch=scratch)
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
jw.save(run.rate, out)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is no /proc to tell the peak")
def test_peak_memory_keeps_to_the_budget(tmp_path):
    """A ramp of 260 MB in pieces, within 260 MB and within 300 MB, gives the rate of the whole."""
    small = simulate.exposure(instrument="MIRI", subarray="SUB256", n_groups=40, n_integrations=2, seed=2)
    # The same integrations again and again make it large; only the times of the table are then wrong.
    many = small.ramp.replace(
        **{n: np.tile(a, (10, *[1] * (a.ndim - 1))) for n, a in small.ramp.arrays().items() if a.ndim > 2}
    )
    many = many.replace(meta=many.meta.set({"exposure.nints": 20, "exposure.integration_end": 20}), tables={})
    written = simulate.write(small, tmp_path, crds=False)
    uncal = jw.save(many, tmp_path / "jw09999001001_02101_00009_mirimage_ramp.fits")
    assert many.nbytes > 2.5e8
    rates = {}
    for budget in ("260M", "300M", "4G"):
        out = tmp_path / f"{budget}_rate.fits"
        words = [uncal, written.references[0].parent, tmp_path, budget, out]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, words)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        peak = 1024 * int(done.stdout.split()[-1])
        rates[budget] = peak, jw.open(out)
    assert rates["260M"][0] < 260e6 < rates["4G"][0]
    assert rates["300M"][0] < 300e6
    for budget in ("260M", "300M"):
        for name, array in rates["4G"][1].arrays().items():
            np.testing.assert_array_equal(rates[budget][1].arrays()[name], array)
