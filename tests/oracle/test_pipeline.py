"""The main job end to end: `jwgpu run` and the official pipeline on the same raw file and the same CRDS cache.

Where the two differ, and why that is all right:

* Slopes agree to 1e-5, or to a thousandth of their error. Faint slopes are small differences of large counts; the
  reference pixels are subtracted from the first group in another order of rounding (see `refpix`), which moves counts
  of 4e4 DN by one rounding of float32 (0.004 DN), and a slope of 0.1 DN / s by as much over the exposure time.
* Variances agree to 1e-4, or to a thousandth of the whole variance: the Poisson variance of a faint pixel is
  proportional to the median difference of its groups, in which the same roundings show.
* Flags and NaN are the same.
* Header: the keywords in `KEYWORDS`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import official
import pytest
from astropy.io import fits
from commandline import command

from jwgpu import simulate
from jwgpu.data.flags import GROUP
from jwgpu.provenance.compare import compare

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SLOPE, VARIANCE = 1e-5, 1e-4
FLOOR = 1e-3  # of the error (slopes), of its square (variances)

KEYWORDS = {
    "S_CLNFNS": "clean_flicker_noise, off: SKIPPED there, no keyword here",
    "S_PCTFRM": "picture_frame: not a step of jwgpu",
}
INSIDE = {"S_REFPIX": "a subarray without reference pixels: SKIPPED here, COMPLETE there, unchanged in both"}
"""The keyword that differs besides for subarrays away from the border."""

FULL = dict(subarray="FULL", readpatt="BRIGHT2", n_groups=10)


def _from_dark_to_saturated(side, brightest):
    """Return light that grows along the rows, electron / s."""
    return np.tile(np.geomspace(30, brightest, side, dtype=np.float32), (side, 1))


SUB = dict(subarray="SUB160", readpatt="RAPID", n_groups=10, n_integrations=2, cosmic_rays=500.0,
           sky=_from_dark_to_saturated(160, 2e5))  # fmt: skip
TINY = dict(subarray="SUB64P", readpatt="RAPID", n_stars=6, n_galaxies=0, cosmic_rays=2000.0,
            sky=_from_dark_to_saturated(64, 2e6))  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Pair:
    """Folders with the products of both, of one raw exposure."""

    ours: Path
    theirs: Path
    uncal: Path

    def products(self, suffix):
        """Return the paths of one product, ours first."""
        name = self.uncal.name.replace("_uncal", f"_{suffix}")
        return self.ours / name, self.theirs / name


def run_both(folder, settings, *words, save_steps=False, **steps) -> Pair:
    """Simulate an exposure, write it with its CRDS cache, and calibrate it twice."""
    written = simulate.write(simulate.exposure("NIRCAM", "NRCB1", **settings), folder)
    ours, theirs = folder / "ours", folder / "theirs"
    with official.crds_settings(written.environment):
        official.detector1(written.uncal, theirs, save_steps=save_steps, **steps)
        command("run", written.uncal, "--out", ours, *(["--save-steps"] if save_steps else []), *words)
    return Pair(ours, theirs, written.uncal)


def types(hdus):
    """Return the extensions by name, with the type of the images; all but the record that jwgpu adds."""
    return {hdu.name: hdu.data.dtype.name if hdu.is_image else "" for hdu in hdus[1:] if hdu.name != "JWGPU"}


def check_product(ours, theirs, keywords=KEYWORDS):
    """Compare two rate files to the tolerances of this module; return the largest differences in units of the error."""
    with fits.open(ours) as a, fits.open(theirs) as b:
        error = np.nan_to_num(b["ERR"].data.astype(np.float64))
        figures = {}
        for name in ("SCI", "ERR", "VAR_POISSON", "VAR_RNOISE"):
            x, y = a[name].data.astype(np.float64), b[name].data.astype(np.float64)
            np.testing.assert_array_equal(np.isnan(x), np.isnan(y), err_msg=f"NaN of {name}")
            floor = error if name in ("SCI", "ERR") else error**2
            gap = np.where(x == y, 0.0, np.abs(x - y))
            allowed = (SLOPE if name == "SCI" else VARIANCE) * np.abs(y) + FLOOR * floor
            bad = gap > allowed
            assert (gap > allowed - FLOOR * floor).mean() < 0.01, f"{name}: too many pixels need the floor"
            assert not bad.any(), (name, bad.sum(), np.argwhere(bad)[0], x[bad][0], y[bad][0])
            figures[name] = float(np.max(gap[floor > 0] / floor[floor > 0], initial=0.0))
        np.testing.assert_array_equal(a["DQ"].data, b["DQ"].data)
        if "INT_TIMES" in b:
            assert a["INT_TIMES"].data.tolist() == b["INT_TIMES"].data.tolist()
        assert types(a) == types(b)
    report = compare(ours, theirs, rtol=SLOPE)
    unexpected = [line for line in report.header if line[0] not in keywords]
    assert not unexpected
    return figures


CASES = {
    "at the border, two integrations": (SUB, {}),
    "without a zero frame": (TINY | dict(n_groups=8, n_integrations=2, zero_frame=False), INSIDE),
    "three groups": (TINY | dict(n_groups=3, n_integrations=3), INSIDE),
    "two groups": (TINY | dict(n_groups=2, n_integrations=2), INSIDE),
    "one group": (TINY | dict(n_groups=1, n_integrations=2), INSIDE),
}


@pytest.mark.parametrize("case", CASES)
def test_subarrays(case, tmp_path):
    settings, keywords = CASES[case]
    pair = run_both(tmp_path, settings)
    for product in ("rate", "rateints"):
        figures = check_product(*pair.products(product), KEYWORDS | keywords)
        print(f"{case}, {product}: largest difference in units of the error {figures}")


@pytest.mark.slow
def test_full_frame(tmp_path):
    pair = run_both(tmp_path, FULL)
    for product in ("rate", "rateints"):
        figures = check_product(*pair.products(product))
        print(f"full frame, {product}: largest difference in units of the error {figures}")


def test_every_step(tmp_path):
    """The ramp after each step: 1e-6 of the count, or of the raw count it is the remainder of; flags are the same."""
    pair = run_both(tmp_path, SUB, save_steps=True)
    raw = fits.getdata(pair.uncal).astype(np.float64)
    for step in official.DETECTOR1_STEPS:
        with fits.open(pair.products(step)[0]) as a, fits.open(pair.products(step)[1]) as b:
            assert types(a) == types(b), step
            for name in ("PIXELDQ", "GROUPDQ"):
                np.testing.assert_array_equal(a[name].data, b[name].data, err_msg=f"{step} {name}")
            for name, scale in {"SCI": raw, "ZEROFRAME": raw.max(axis=1), "AVDRKCUR": 0.0}.items():
                if name in b:
                    x, y = a[name].data.astype(np.float64), b[name].data.astype(np.float64)
                    np.testing.assert_array_equal(np.isnan(x), np.isnan(y), err_msg=f"{step} {name}")
                    assert not (np.abs(x - y) > 1e-6 * np.maximum(np.abs(y), scale)).any(), (step, name)
    flags = np.bitwise_or.reduce(fits.getdata(pair.products("jump")[0], "GROUPDQ"), axis=None)
    assert flags & GROUP.JUMP_DET
    assert flags & GROUP.SATURATED
    assert flags & GROUP.DO_NOT_USE


def test_miri(tmp_path):
    """A MIRI exposure with the steps that are on by default."""
    settings = dict(subarray="SUB128", n_groups=12, n_integrations=2, cosmic_rays=100.0)
    written = simulate.write(simulate.exposure("MIRI", **settings), tmp_path)
    pair = Pair(tmp_path / "ours", tmp_path / "theirs", written.uncal)
    with official.crds_settings(written.environment):
        official.detector1(written.uncal, pair.theirs)
        command("run", written.uncal, "--out", pair.ours)
    for product in ("rate", "rateints"):
        figures = check_product(*pair.products(product))
        print(f"MIRI, {product}: largest difference in units of the error {figures}")


GUIDER_MODES = [mode for mode in simulate.modes() if mode.startswith("fgs") and not mode.startswith("fgs_image")]


@pytest.mark.parametrize("mode", GUIDER_MODES)
def test_guiders(mode, tmp_path):
    """The same bits, flags, tables and header."""
    written = simulate.write(simulate.tiny(mode), tmp_path)
    with official.crds_settings(written.environment):
        official.guider(written.uncal, tmp_path / "theirs")
        command("run", written.uncal, "--out", tmp_path / "ours")
    name = written.uncal.name.replace("_uncal", "_cal")
    report = compare(tmp_path / "ours" / name, tmp_path / "theirs" / name, rtol=0.0)
    assert {array.name for array in report.arrays} >= {"SCI", "ERR", "DQ"}
    assert all(array.same for array in report.arrays), str(report)
    assert {line[0] for line in report.header} <= {"S_FLAT"}
    with fits.open(tmp_path / "ours" / name) as ours, fits.open(tmp_path / "theirs" / name) as theirs:
        tables = [hdu for hdu in theirs if isinstance(hdu, fits.BinTableHDU) and hdu.name != "ASDF"]
        assert bool(tables) == ("acq" not in mode)
        for hdu in tables:
            for column in hdu.columns.names:
                np.testing.assert_array_equal(ours[hdu.name].data[column], hdu.data[column], err_msg=column)
