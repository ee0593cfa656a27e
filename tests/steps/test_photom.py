"""From count rates to surface brightness."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import pipelines, steps
from jwgpu.data import PIXEL, Image, Meta, Reference
from jwgpu.errors import InputError

SHAPE = (6, 8)
ROWS = [("F200W", "CLEAR", 2.0, 0.1), ("F090W", "CLEAR", 3.0, 0.1), ("F200W", "WLP8", 4.0, 0.1)]
COLUMNS = [("filter", "U12"), ("pupil", "U12"), ("photmjsr", "f4"), ("uncertainty", "f4")]
AREA = {"photometry.pixelarea_steradians": 2.2e-14, "photometry.pixelarea_arcsecsq": 9.4e-4}


def image(unit="DN/s", **meta):
    rng = np.random.default_rng(1)
    values = {"instrument.name": "NIRCAM", "instrument.filter": "F200W", "instrument.pupil": "CLEAR",
              "exposure.mid_time": 60000.0, "subarray.name": "FULL"} | meta  # fmt: skip
    arrays = {
        name: rng.uniform(1, 4, SHAPE).astype(np.float32) for name in ("data", "err", "var_poisson", "var_rnoise")
    }
    return Image(**arrays, dq=np.zeros(SHAPE, np.uint32), unit=unit, meta=Meta(values))


def table(rows=ROWS, columns=COLUMNS, **more):
    return Reference("photom", "photom.fits", {"phot_table": np.array(rows, columns), **more}, Meta(AREA))


def test_the_factor_is_that_of_the_optics():
    before = image()
    done = steps.photom(before, table())
    assert done.unit == "MJy/sr"
    np.testing.assert_allclose(done.data, 2 * before.data, rtol=1e-6)
    np.testing.assert_allclose(done.err, 2 * before.err, rtol=1e-6)
    np.testing.assert_allclose(done.var_rnoise, 4 * before.var_rnoise, rtol=1e-6)
    assert done.var_flat is None
    assert done.meta.photometry.conversion_megajanskys == 2.0
    assert done.meta.photometry.conversion_microjanskys == pytest.approx(2 * 23.5044305, rel=1e-8)
    assert done.meta.photometry.pixelarea_arcsecsq == 9.4e-4
    other = steps.photom(image(**{"instrument.pupil": "WLP8"}), table())
    assert other.meta.photometry.conversion_megajanskys == 4.0


def test_there_and_back():
    before = image()
    back = steps.photom(steps.photom(before, table()), table(), inverse=True)
    assert back.unit == "DN/s"
    for name in ("data", "err", "var_poisson"):
        np.testing.assert_allclose(getattr(back, name), getattr(before, name), rtol=1e-6)


def test_rows_of_subarrays():
    columns = [("filter", "U12"), ("subarray", "U12"), ("photmjsr", "f4")]
    rows = [("F770W", "SUB64", 5.0), ("F770W", "GENERIC", 6.0)]
    miri = {"instrument.filter": "F770W", "instrument.pupil": None}
    for subarray, factor in (("SUB64", 5.0), ("FULL", 6.0)):
        done = steps.photom(image(**{**miri, "subarray.name": subarray}), table(rows, columns))
        assert done.meta.photometry.conversion_megajanskys == factor


def test_areas_go_with_the_image():
    values = np.random.default_rng(2).uniform(0.9, 1.1, SHAPE).astype(np.float32)
    area = Reference("area", "area.fits", {"data": values}, Meta({"photometry.pixelarea_arcsecsq": 1.0}))
    done = steps.photom(image(), table(), area)
    np.testing.assert_array_equal(done.area, values)
    assert done.meta.photometry.pixelarea_arcsecsq == 1.0
    with pytest.raises(InputError, match=r"area\.fits"):
        steps.photom(image(), table(), Reference("area", "area.fits", {"data": values[1:]}))


LAWS = {
    "timecoeff_linear": ({"t0": 59635.0, "lossperyear": 0.02}, 1 - 0.02),
    "timecoeff_exponential": ({"t0": 59635.0, "amplitude": 0.2, "tau": 365.0, "const": 0.8}, 0.8 + 0.2 / np.e),
    "timecoeff_powerlaw": ({"t0": 59635.0, "year1value": 0.9, "tsoft": 1.0, "alpha": -0.3}, 0.9),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_instrument_changes_with_time(name):
    """A year after the first day."""
    coefficients, part = LAWS[name]
    law = np.zeros(3, [(column, "f8") for column in coefficients])
    for column, value in coefficients.items():
        law[column] = value
    done = steps.photom(image(), table(**{name: law}))
    assert done.meta.photometry.conversion_megajanskys == pytest.approx(2 / part, rel=1e-9)
    plain = steps.photom(image(), table(**{name: law}), apply_time_correction=False)
    assert plain.meta.photometry.conversion_megajanskys == 2.0
    with pytest.raises(InputError, match=f"{name} has 2 rows"):
        steps.photom(image(), table(**{name: law[:2]}))


def test_several_changes_multiply():
    laws = {}
    for name, (coefficients, _) in LAWS.items():
        laws[name] = np.zeros(3, [(column, "f8") for column in coefficients])
        for column, value in coefficients.items():
            laws[name][column] = value
    expected = 2 / np.prod([part for _, part in LAWS.values()])
    assert steps.photom(image(), table(**laws)).meta.photometry.conversion_megajanskys == pytest.approx(expected)


def test_flags_and_nan_agree_in_the_end():
    before = image()
    data, dq = before.data.copy(), before.dq.copy()
    data[0, 0], dq[1, 1] = np.nan, PIXEL.DO_NOT_USE
    done = steps.photom(before.replace(data=data, dq=dq), table())
    assert done.dq[0, 0] == PIXEL.DO_NOT_USE
    assert np.isnan(done.err[0, 0]) and np.isnan(done.data[1, 1])


def test_what_is_refused_and_skipped():
    with pytest.raises(InputError, match="works in DN/s"):
        steps.photom(image("MJy/sr"), table())
    with pytest.raises(InputError, match="2 rows for F200W CLEAR"):
        steps.photom(image(), table([*ROWS, ROWS[0]]))
    none = steps.photom(image(**{"instrument.filter": "F150W"}), table())
    assert (none.unit, none.history[-1].status) == ("DN/s", "SKIPPED")
    assert "no row for F150W CLEAR" in none.history[-1].reason
    spectra = table([("F200W", 1.0)], [("filter", "U12"), ("photmj", "f4")])
    assert "spectra" in steps.photom(image(), spectra).history[-1].reason


@pytest.mark.parametrize("mode", ["nircam", "miri_sub", "fgs_image"])
def test_a_rate_becomes_a_brightness_and_a_file(tiny, mode, tmp_path):
    simulation = tiny(mode)
    refs = simulation.references
    rate = pipelines.choose(simulation.ramp).run(simulation.ramp, refs, progress=False).rate
    flat = steps.flat_field(rate, refs.get("flat"))
    done = steps.photom(flat, refs.get("photom"), refs.get("area"))
    scale = rate.meta.wcsinfo.cdelt1 * 3600
    assert done.meta.photometry.conversion_megajanskys == pytest.approx(2e-3 / scale**2, rel=1e-6)
    assert done.area.mean() == pytest.approx(1, abs=0.02)
    back = jw.open(jw.save(done, tmp_path / "a_cal.fits"), device="cpu")
    assert (back.unit, back.meta.bunit_err) == ("MJy/sr", "MJy/sr")
    np.testing.assert_array_equal(back.area, done.area)
    np.testing.assert_array_equal(back.var_flat, done.var_flat)
    assert back.meta.photometry.pixelarea_arcsecsq == pytest.approx(scale**2, rel=1e-6)
