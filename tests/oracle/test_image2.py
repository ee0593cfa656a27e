"""Stage 2 of images end to end: `jwgpu run` and the official pipeline on the same rates and the same CRDS cache.

Values agree to 1e-6, flags and NaN are the same, the coordinates agree to 1e-4 pixel. Resampled, values, weights and
errors agree to 1e-4 where the weight is above 1% of its median, but for the outermost rows and columns, where the
official drizzle loses light (`test_resample.test_light_at_the_edge`); outlines are the same.
"""

from __future__ import annotations

import numpy as np
import official
import pytest
from astropy.io import fits
from commandline import command

import jwgpu as jw
from jwgpu import associations, simulate
from jwgpu.provenance.compare import compare
from jwgpu.wcs.mosaic import regions

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

PIXEL = 1e-4
RESAMPLED = 1e-4
KEYWORDS = {
    "[SCI] S_REGION": "the last digits",
    "S_RESAMP": "of stacks: SKIPPED here, not said there",
    "S_BKDSUB": "without backgrounds: SKIPPED here, not said there",
    "ASNPOOL": "of a single rate: not said here, 'singleton' there", "ASNTABLE": "the same",
    "[SCI] PHOTUJA2": "float64 here, float32 there",
}  # fmt: skip

OF_RESAMPLED = {"[SCI] NOISESCL": "of jwgpu alone"}

CASES = {
    "NIRCam": dict(instrument="NIRCAM", detector="NRCB1", size=(96, 128)),
    "NIRCam long": dict(instrument="NIRCAM", detector="NRCBLONG", size=(64, 64)),
    "NIRISS": dict(instrument="NIRISS", detector="NIS", size=(64, 64)),
    "MIRI": dict(instrument="MIRI", detector="MIRIMAGE", size=(64, 64)),
    "FGS": dict(instrument="FGS", detector="GUIDER2", exp_type="FGS_IMAGE", size=(64, 64)),
}


def rates(folder, n, instrument, detector, **settings):
    """Simulate exposures, and return their rates, made here, and the CRDS cache of one of them."""
    for k in range(1, n + 1):
        made = simulate.exposure(instrument, detector, n_groups=5, n_integrations=2, number=k, seed=k, **settings)
        written = simulate.write(made, folder / f"{k}", crds=k == 1)
        if k == 1:
            first = written
        with official.crds_settings(first.environment):
            command("run", written.uncal, "--out", folder / "rates")
    return sorted((folder / "rates").glob("*_rate.fits")), first.environment


def check(ours, theirs, keywords=KEYWORDS, rtol=1e-6):
    """Compare two products: arrays, coordinates, header."""
    report = compare(ours, theirs, rtol=rtol)
    arrays = {array.name: array for array in report.arrays}
    assert {"SCI", "ERR", "DQ"} <= arrays.keys()
    assert all(array.same for array in report.arrays), str(report)
    check_header(report, ours, theirs, keywords)


def check_header(report, ours, theirs, keywords):
    """Compare keywords and coordinates."""
    # References that spectra alone have are N/A there, and not said here.
    different = {name for name, here, there in report.header if not (name.startswith("R_") and there == "N/A")}
    assert different <= keywords.keys(), str(report)
    assert compare_types(ours, theirs)
    a, b = jw.open(ours, device="cpu"), jw.open(theirs, device="cpu")
    y, x = np.random.default_rng(1).uniform(0, 1, (2, 100)) * np.array(a.shape[-2:])[:, None] - 0.5
    there = b.wcs.invert(*a.wcs(x, y), with_bounding_box=False)
    for found, pixel in zip(there, (x, y), strict=True):
        away = np.abs(found - pixel)
        # The inverse of the distortion is a fit of its own, in both.
        both = np.abs(np.array(b.wcs.invert(*b.wcs(x, y), with_bounding_box=False)[0 if pixel is x else 1]) - pixel)
        assert (away < both + PIXEL).all()


def check_resampled(ours, theirs):
    """Compare two resampled products: arrays, outline, coordinates, header."""
    a, b = jw.open(ours, device="cpu"), jw.open(theirs, device="cpu")
    good = b.wht > 0.01 * np.median(b.wht)
    lost = a.wht > (1 + RESAMPLED) * b.wht
    assert not lost[1:-1, 1:-1].any()
    np.testing.assert_array_equal(a.con[0][~lost], b.con[0][~lost])
    np.testing.assert_array_equal(np.isnan(a.data)[~lost], np.isnan(b.data)[~lost])
    for name in ("data", "wht", "err", "var_poisson", "var_rnoise", "var_flat"):
        found, expected = getattr(a, name)[good & ~lost], getattr(b, name)[good & ~lost]
        np.testing.assert_allclose(found, expected, rtol=RESAMPLED, atol=0, err_msg=name)
    found, expected = (np.concatenate(regions(image.meta.wcsinfo.s_region)) for image in (a, b))
    first = np.hypot(*(found - expected[0]).T).argmin()
    np.testing.assert_allclose(np.roll(found, -first, axis=0), expected, rtol=0, atol=2e-9)
    check_header(compare(ours, theirs), ours, theirs, KEYWORDS | OF_RESAMPLED)


def compare_types(ours, theirs) -> bool:
    with fits.open(ours) as a, fits.open(theirs) as b:
        return all(a[h.name].header["BITPIX"] == h.header["BITPIX"] for h in b[1:] if h.is_image and h.name in a)


@pytest.mark.parametrize("case", CASES)
def test_rates(case, tmp_path):
    (rate,), environment = rates(tmp_path, 1, **CASES[case])
    stack = rate.with_name(rate.name.replace("_rate", "_rateints"))
    with official.crds_settings(environment):
        for source in (rate, stack):
            official.image2(source, tmp_path / "theirs")
        command("run", rate, stack, "--out", tmp_path / "ours")
    # The official photom leaves NIRISS stacks in DN/s.
    for suffix in ("cal",) if case == "NIRISS" else ("cal", "calints"):
        name = rate.name.replace("_rate", f"_{suffix}")
        check(tmp_path / "ours" / name, tmp_path / "theirs" / name)
    name = rate.name.replace("_rate", "_i2d")
    check_resampled(tmp_path / "ours" / name, tmp_path / "theirs" / name)


def test_backgrounds(tmp_path, monkeypatch):
    """An association: one exposure less the mean of two others."""
    paths, environment = rates(tmp_path, 3, **CASES["NIRCam"])
    members = [
        associations.Member(path.name, role) for path, role in zip(paths, ("science", "background", "background"))
    ]
    name = jw.io.root(paths[0].name)
    asn = associations.Association((associations.Product(name, tuple(members)),), "image2", paths[0].parent)
    path = asn.write(paths[0].parent, "background_asn.json")
    monkeypatch.chdir(paths[0].parent)  # where the official step looks for backgrounds
    with official.crds_settings(environment):
        official.image2(path, tmp_path / "theirs", resample={"skip": True})
        command("run", path, "--out", tmp_path / "ours", "--skip", "resample")
    check(tmp_path / "ours" / f"{name}_cal.fits", tmp_path / "theirs" / f"{name}_cal.fits", rtol=2e-6)
