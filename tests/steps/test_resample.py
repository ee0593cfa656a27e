"""resample: what a mosaic must be, whatever the grid, the tiles and the device."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import models as m

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.backend import memory
from jwgpu.data import PIXEL, Exposures, Image, Meta
from jwgpu.errors import InputError
from jwgpu.wcs import WCS
from jwgpu.wcs.imaging import imaging
from jwgpu.wcs.outline import outline

SHAPE = (60, 70)
PIXEL_SCALE = 0.03


def exposure(ra=10.0, dec=-30.0, roll=30.0, *, number=1, parity=-1, value=5.0, bend=3e-6, shape=SHAPE, **meta):
    """Return an exposure of a flat sky with a distorted detector, at a place on the sky."""
    optics = m.Mapping((0, 1, 0, 1)) | (
        m.Polynomial2D(2, c1_0=parity * PIXEL_SCALE, c1_1=bend, c2_0=-bend)
        & m.Polynomial2D(2, c0_1=PIXEL_SCALE, c2_0=bend, c0_2=bend)
    )
    optics.inverse = m.Scale(parity / PIXEL_SCALE) & m.Scale(1 / PIXEL_SCALE)  # close enough for a scale
    model = (m.Shift(-shape[1] / 2) & m.Shift(-shape[0] / 2)) | optics | (m.Shift(100.0) & m.Shift(-400.0))
    values = {"ra_ref": ra, "dec_ref": dec, "roll_ref": roll, "v2_ref": 100.0, "v3_ref": -400.0, "vparity": parity,
              "v3yangle": 0.0}  # fmt: skip
    header = Meta({f"wcsinfo.{name}": value for name, value in values.items()}).set({
        "filename": f"jw{number:05d}_cal.fits", "exposure.exposure_time": 100.0, "exposure.measurement_time": 90.0,
        "exposure.duration": 110.0, "exposure.start_time": 60000.0 + number, "exposure.end_time": 60000.1 + number,
        "group_id": str(number), "exposure.type": "NRC_IMAGE", "photometry.pixelarea_steradians": 2.1e-14, **meta,
    })  # fmt: skip
    wcs = WCS(imaging(header, shape, model))
    header = header.set({"wcsinfo.s_region": outline(wcs)})
    one = np.ones(shape, np.float32)
    return Image(data=value * one, err=one, dq=np.zeros(shape, np.uint32), var_rnoise=0.5 * one, var_poisson=0.3 * one,
                 var_flat=0.2 * one, wcs=wcs, meta=header, unit="MJy/sr")  # fmt: skip


def dithers(n=3, step=0.25, **more):
    """Return exposures side by side, in arcsec along right ascension and declination."""
    made = [exposure(10.0 + k * step / 3600, -30.0 + k * step / 7200, number=k + 1, **more) for k in range(n)]
    return Exposures.of(made, product_name="mosaic")


def varied(images: Exposures) -> Exposures:
    """Give the exposures noise and bad pixels."""
    random = np.random.default_rng(0)

    def one(image):
        data = random.normal(5, 1, image.shape).astype(np.float32)
        dq = np.where(random.random(image.shape) < 0.05, PIXEL.DO_NOT_USE, 0).astype(np.uint32)
        data[3, 4] = np.nan
        noise = random.uniform(0.3, 0.7, image.shape).astype(np.float32)
        return image.replace(data=data, dq=dq, var_rnoise=noise)

    return images.with_members(map(one, images))


def mean(image):
    return float(np.nanmedian(image.data))


def deposit(image):
    """Return the sum of weights: what of the exposures is there."""
    return float(image.wht.astype(float).sum())


@pytest.mark.parametrize("kernel", ["square", "point", "turbo"])
@pytest.mark.parametrize(
    "wishes", [{}, {"pixel_scale_ratio": 0.4}, {"pixel_scale_ratio": 2.3}, {"rotation": 33.0}], ids=str
)
def test_nothing_goes_missing(kernel, wishes):
    """All weight and light of all exposures is in a mosaic that holds them: to 1e-5, with turbo's own approximation."""
    images = varied(dithers())
    first = jw.common_grid(images, **wishes)
    grown = [n + 20 for n in first.gwcs.pixel_shape]
    crpix = [c + 10 for c in first.gwcs.forward_transform.crpix.value]
    mosaic = steps.resample(images, kernel=kernel, output_shape=grown, crpix=crpix, **wishes)
    good = [(i.dq == 0) & ~np.isnan(i.data) for i in images]
    weight = sum((1 / i.var_rnoise[g]).sum(dtype=float) for i, g in zip(images, good))
    light = sum((i.data[g] / i.var_rnoise[g]).sum(dtype=float) for i, g in zip(images, good))
    rel = 1e-2 if kernel == "turbo" else 1e-5  # whose squares are all as large as the first pixel
    assert deposit(mosaic) == pytest.approx(weight, rel=rel)
    assert np.nansum(mosaic.data.astype(float) * mosaic.wht) == pytest.approx(light, rel=rel)


def test_a_grid_that_holds_a_part_only_loses_nothing_of_it():
    """The bug of build 9.2: where a corner of an exposure lay outside of the mosaic, whole regions were missing."""
    images = varied(dithers())
    whole = steps.resample(images)
    ny, nx = whole.shape
    crpix = whole.wcs.gwcs.forward_transform.crpix.value
    for dx, dy in ((17, 0), (0, 23), (30, 31), (-9, 12), (45, -3)):
        part = steps.resample(images, crpix=[crpix[0] - dx, crpix[1] - dy], crval=list(_crval(whole)),
                              output_shape=[40, 33])  # fmt: skip
        y, x = max(dy, 0), max(dx, 0)
        ours = part.data[y - dy : ny - dy, x - dx : nx - dx]
        np.testing.assert_allclose(ours, whole.data[y : y + ours.shape[0], x : x + ours.shape[1]], rtol=1e-4)


def _crval(image):
    return image.wcs.gwcs.forward_transform.crval.value


def test_tiles_leave_every_bit_as_it_is():
    images = varied(dithers(4, step=1.5))
    whole = steps.resample(images, propagate_dq=True)
    assert min(whole.shape) > 64
    with memory.tiles_of(1):
        tiled = steps.resample(images, propagate_dq=True)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(getattr(tiled, name), array, err_msg=name)


def test_files_give_what_memory_gives(tmp_path):
    images = varied(dithers())
    paths = [jw.save(image, tmp_path / image.name) for image in images]
    lazy = Exposures.of([jw.open(p, lazy=True) for p in paths], product_name="mosaic", scratch=str(tmp_path))
    expected, found = steps.resample(images), steps.resample(lazy)
    for name, array in expected.arrays().items():
        held = getattr(found, name)
        assert isinstance(held, jw.backend.FileArray), name
        np.testing.assert_array_equal(held.read(), array, err_msg=name)


def test_devices_agree(device):
    images = varied(dithers())
    expected = steps.resample(images, propagate_dq=True)
    found = steps.resample(images.with_members(device.put(i) for i in images), propagate_dq=True)
    for name, array in expected.arrays().items():
        np.testing.assert_allclose(device.host(getattr(found, name)), array, rtol=1e-6, err_msg=name)
    assert found.unit == "MJy/sr"


@pytest.mark.parametrize("ra, dec", [(0.0, 0.0), (359.99999, 45.0), (10.0, 89.9999), (200.0, -90.0)])
@pytest.mark.parametrize("parity", [1, -1])
def test_anywhere_on_the_sky(ra, dec, parity):
    one = exposure(ra, dec, parity=parity)
    two = exposure(ra + (0.0002 if abs(dec) < 80 else 90.0), dec, parity=parity, number=2, value=7.0)
    mosaic = steps.resample(Exposures.of([one, two]))
    assert max(mosaic.shape) < 3 * max(SHAPE)
    assert deposit(mosaic) > 0.97 * 2 * one.data.size / 0.5  # the outlines have straight sides
    assert set(np.unique(mosaic.con)) <= {0, 1, 2, 3}
    assert np.nanmin(mosaic.data) == pytest.approx(5, rel=1e-5)
    for image, bit in ((one, 1), (two, 2)):
        x, y = mosaic.wcs.invert(*image.wcs(np.array([20.0, 50.0]), np.array([15.0, 45.0])), with_bounding_box=False)
        assert (mosaic.con[0, np.rint(y).astype(int), np.rint(x).astype(int)] & bit).all()


def test_exposures_that_do_not_overlap_lie_beside_each_other():
    mosaic = steps.resample(Exposures.of([exposure(), exposure(10.002, number=2)]))
    assert set(np.unique(mosaic.con)) == {0, 1, 2}
    assert np.isnan(mosaic.data[mosaic.con[0] == 0]).all()
    assert mosaic.meta.get("wcsinfo.s_region").count("POLYGON") == 2


def test_an_exposure_without_a_good_pixel_gives_nothing():
    images = dithers(2)
    flagged = images[1].replace(dq=np.full(SHAPE, PIXEL.DO_NOT_USE, np.uint32))
    mosaic = steps.resample(images.with_members([images[0], flagged]))
    assert set(np.unique(mosaic.con)) == {0, 1}
    empty = steps.resample(Exposures.of([flagged]))
    assert np.isnan(empty.data).all()
    assert not empty.wht.any()


def test_one_exposure_is_resampled_on_its_own():
    mosaic = steps.resample(exposure(**{"observation.visit_number": "001"}))
    assert mean(mosaic) == pytest.approx(5)
    assert mosaic.meta.get("resample.pointings") == 1
    assert mosaic.meta.get("filename") == "jw00001_cal.fits"
    assert "HDRTAB" not in mosaic.tables


def test_more_than_32_exposures_have_more_planes():
    images = Exposures.of([exposure(number=k, shape=(8, 9)) for k in range(34)])
    mosaic = steps.resample(images)
    assert mosaic.con.shape[0] == 2
    np.testing.assert_array_equal(mosaic.con[:, 4, 4], [-1, 3])


def test_weights_and_errors():
    images = dithers(2)
    light = images[1].replace(data=images[1].data + 3, var_rnoise=np.full(SHAPE, 1.5, np.float32))
    images = images.with_members([images[0], light])
    by_noise, equal = steps.resample(images), steps.resample(images, weight_type=None)
    by_time = steps.resample(images, weight_type="exptime")
    middle = tuple(n // 2 for n in by_noise.shape)
    assert by_noise.data[middle] == pytest.approx((5 * 2 + 8 / 1.5) / (2 + 1 / 1.5), rel=1e-4)
    assert by_noise.var_rnoise[middle] == pytest.approx(1 / (2 + 1 / 1.5), rel=1e-3)
    assert equal.data[middle] == by_time.data[middle] == pytest.approx(6.5, rel=1e-4)
    assert by_time.wht[middle] == pytest.approx(90 * equal.wht[middle])
    assert equal.var_poisson[middle] == pytest.approx(0.15, rel=1e-2)
    total = sum(getattr(by_noise, f"var_{n}")[middle] for n in ("rnoise", "poisson", "flat"))
    assert by_noise.err[middle] == pytest.approx(np.sqrt(total))


def test_what_is_asked_for_is_there():
    images = dithers(2)
    mosaic = steps.resample(images, enable_ctx=False, enable_err=False, fillval="-7", propagate_dq=True)
    assert set(mosaic.arrays()) == {"data", "wht", "dq"}
    assert mosaic.data.min() == -7
    assert set(steps.resample(images, report_var=False).arrays()) == {"data", "wht", "con", "err"}


def test_groups_can_be_left_beside_the_mosaic():
    one, two, three = dithers(3)
    images = Exposures.of([one, two.replace(meta=two.meta.set({"group_id": "1"})), three])
    with jw.byproducts() as left:
        mosaic = steps.resample(images, single=True)
    assert set(left) == {"group_0", "group_1"}
    assert left["group_0"].shape == mosaic.shape
    assert left["group_0"].meta.get("resample.pointings") == 1
    assert deposit(left["group_0"]) + deposit(left["group_1"]) == pytest.approx(deposit(mosaic), rel=1e-5)
    assert mosaic.meta.get("resample.pointings") == 2
    assert mosaic.meta.get("exposure.exposure_time") == 200  # of those taken at the same time once


def test_a_level_is_taken_off_once():
    images = dithers(2)
    meta = {"background.level": 2.0, "background.subtracted": False}
    with_level = images.with_members([images[0].replace(meta=images[0].meta.set(meta)), images[1]])
    mosaic = steps.resample(with_level)
    assert mosaic.data[mosaic.con[0] == 1].max() == pytest.approx(3, rel=1e-5)
    done = images[0].replace(meta=images[0].meta.set({**meta, "background.subtracted": True}))
    assert mean(steps.resample(images.with_members([done, images[1]]))) == pytest.approx(5)


def test_several_sets_share_a_grid(tmp_path):
    short, long = dithers(2), dithers(2, step=0.6, roll=80.0)
    wcs = jw.common_grid([short, long], pixel_scale=0.05)
    one, two = (steps.resample(images, output_wcs=wcs) for images in (short, long))
    assert one.shape == two.shape == wcs.gwcs.array_shape
    again = steps.resample(long, output_wcs=str(jw.save(one, tmp_path / "one_i2d.fits")))
    np.testing.assert_array_equal(again.data, two.data)
    assert one.history[-1].notes["pixel_scale"] == pytest.approx(0.05, rel=1e-4)


def test_maps_of_every_kind_agree():
    images = varied(dithers(2))
    exact = steps.resample(images, pixmap_tolerance=0)
    for options in ({}, {"pixmap_stepsize": 8.0, "pixmap_order": 3}, {"pixmap_stepsize": 4.0}):
        other = steps.resample(images, **options)
        good = exact.wht > 0.01 * np.median(exact.wht)
        np.testing.assert_allclose(other.data[good], exact.data[good], rtol=2e-3)
        assert 0 < other.history[-1].notes["map_error"] < 1e-3
    assert exact.history[-1].notes["map_step"] == 1


def test_noise_of_apertures():
    """Sums over boxes scatter as the scatter of pixels times NOISESCL says, and as `err` says as it stands."""
    random = np.random.default_rng(1)
    images = dithers(4, step=0.37, shape=(300, 300))
    noisy = [i.replace(data=random.normal(0, 1, i.shape).astype("f4")) for i in images]
    for ratio in (1.0, 0.6):
        mosaic = steps.resample(images.with_members(noisy), pixel_scale_ratio=ratio)
        k = 15
        inner = mosaic.data[mosaic.shape[0] // 3 :, mosaic.shape[1] // 3 :][: 9 * k, : 9 * k]
        everywhere = (mosaic.con[0] == 15) & (mosaic.wht > 0.8 * np.median(mosaic.wht[mosaic.con[0] == 15]))
        rows, columns = np.nonzero(everywhere)
        corners = [(y, x) for y in range(rows.min(), rows.max(), k) for x in range(columns.min(), columns.max(), k)]
        blocks = [mosaic.data[y : y + k, x : x + k] for y, x in corners if everywhere[y : y + k, x : x + k].all()]
        sums = np.array([b.sum() for b in blocks if b.shape == (k, k)])
        assert len(sums) > 100
        spread = np.std(sums) / k
        scale = mosaic.history[-1].notes["noise_scale"]
        assert spread / (np.std(inner) * scale) == pytest.approx(1, abs=0.13)
        assert spread / np.median(mosaic.err[everywhere]) == pytest.approx(1, abs=0.13)


@pytest.mark.parametrize("bad, words", [
    ({"crpix": [1.0]}, "two numbers"),
    ({"output_shape": [0, 5]}, "at least one pixel"),
    ({"pixel_scale": -1.0}, "positive size"),
    ({"pixfrac": 1.5}, "pixfrac"),
    ({"fillval": "void"}, "no number"),
    ({"pixmap_order": 2}, "pixmap_order"),
    ({"good_bits": "NONSENSE"}, "NONSENSE"),
    ({"pixel_scale": 500.0}, "give a smaller pixel_scale"),
    ({"output_wcs": "/nowhere/grid.asdf"}, "cannot be read"),
    ({"crval": [190.0, 30.0]}, "too far apart"),
])  # fmt: skip
def test_bad_input(bad, words):
    with pytest.raises(InputError, match=words):
        steps.resample(dithers(2), **bad)


def test_a_grid_elsewhere_is_refused():
    with pytest.raises(InputError, match="falls on the grid"):
        steps.resample(dithers(1), output_wcs=jw.common_grid([exposure(11.0)]))
    with pytest.raises(InputError, match="has no WCS"):
        steps.resample(dithers(1).with_members([exposure().replace(wcs=None)]))


def test_stars_keep_their_flux_and_place():
    """Simulated stars: summed over an aperture, the mosaic gives the flux that the catalogue has."""
    made = simulate.dithers(3, size=256, noise=False, cosmic_rays=0, bad_pixels=0, pointing_error=0, visit_error=0,
                            roll_error=0, n_galaxies=0, background=0.0, n_stars=6, seed=4)  # fmt: skip
    images = Exposures.of(made.images)
    mosaic = steps.resample(images, pixel_scale_ratio=0.8)
    light = mosaic.meta.get("photometry.pixelarea_steradians") * np.nansum(
        mosaic.data[mosaic.con[0] == 7].astype(float)
    )
    assert light > 0
    table = made.truth.catalogue
    x, y = mosaic.wcs.invert(table["ra"], table["dec"], with_bounding_box=False)
    rows, columns = np.indices(mosaic.shape)
    checked = 0
    for star, sx, sy in zip(table, x, y):
        near = (columns - sx) ** 2 + (rows - sy) ** 2 < 8**2
        if near.sum() < 190 or not (mosaic.con[0][near] == 7).all() or star["nearest"] < 0.9:
            continue
        values = mosaic.data[near].astype(float)
        assert (columns[near] * values).sum() / values.sum() == pytest.approx(sx, abs=0.05)
        assert (rows[near] * values).sum() / values.sum() == pytest.approx(sy, abs=0.05)
        checked += 1
    assert checked
