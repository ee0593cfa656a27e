"""A NIRSpec of straight optics: reference files from which both packages find where light falls."""

from __future__ import annotations

import json
import warnings

import numpy as np
from astropy.io import fits
from astropy.modeling.models import Identity, Mapping, Polynomial1D, Polynomial2D, Scale, Shift
from stdatamodels.jwst import datamodels

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import Image, Meta

N = 2048
PIXEL = 1.8e-5  # m
PITCH = (1.05e-4, 2.04e-4)  # m, of the shutters
STUCK = ((1, 40, 2), (1, 200, 1), (4, 100, 1))  # quadrant, x, y
MSA_FILE = "jw00001001001_01_msa.fits"


def _line(scale, offset):
    return Scale(scale[0]) & Scale(scale[1]) | Shift(offset[0]) & Shift(offset[1])


def _disperser(grating):
    m = datamodels.DisperserModel()
    m.theta_x, m.theta_y, m.theta_z, m.tilt_x = 0.0333, -0.2755, -0.142, 0.0
    for sensor, zero, slope in (("x", 0.34, -8269.0), ("y", 0.03, 6000.0)):
        tilt = {"temperatures": [37.0], "zeroreadings": [zero], "unit": "arcsec"}
        setattr(m, f"gwa_tilt{sensor}", {**tilt, "tilt_model": Polynomial1D(1, c0=2784.0, c1=slope)})
    if grating == "PRISM":
        m.angle, m.tilt_y, m.tref, m.pref, m.wbound = -16.5, 24.29, 35.0, 0.0, [4e-7, 7e-6]
        m.kcoef, m.lcoef = [0.58339748, 0.46085267, 3.8915394], [0.00252643, 0.010078333, 1200.556]
        m.tcoef = [-2.66e-05, 0.0, 0.0, 0.0, 0.0, 0.0]
    else:
        m.groovedensity, m.tilt_y = 95013.0, -4.1
    m.meta.instrument.grating = grating
    return m


def _msa():
    rows = np.arange(365 * 2)
    shutters = {}
    for quadrant, (x, y) in {1: (-0.005, 0.006), 2: (-0.005, -0.02), 3: (-0.044, -0.02), 4: (-0.044, 0.006)}.items():
        columns = (x + rows % 365 * PITCH[0], y + rows // 365 * PITCH[1], 0 * rows + 0.8e-4, 0 * rows + PITCH[1] / 1.15)
        shutters[f"Q{quadrant}"] = np.stack([rows + 1.0, *columns], axis=1)
    slits = ((0.0271, -0.0027), (0.0348, -0.0012), (0.0298, 0.0003), (0.0288, 0.0016), (-0.0346, 0.0027))
    sizes = ((7.6e-5, 1.26e-3), (7.6e-5, 1.28e-3), (1.55e-4, 1.45e-3), (6.3e-4, 6.2e-4), (7.9e-5, 1.28e-3))
    shutters["Q5"] = np.array([[k + 1, *at, *size] for k, (at, size) in enumerate(zip(slits, sizes))])
    columns = np.dtype([(name, "f8") for name in ("NO", "XC", "YC", "SIZEX", "SIZEY")])
    shutters = {name: table.view(columns)[:, 0] for name, table in shutters.items()}
    return datamodels.MSAModel(models={name: Shift(0.0) & Shift(1e-5) for name in shutters}, data=shutters)


def _models(grating):
    """Yield reference type and data model."""
    units = {"input_units": "m", "output_units": "m"}
    half = N * PIXEL / 2
    plane = dict(nrs1_model=_line((PIXEL, PIXEL), (-0.0197 - half, -half)),
                 nrs2_model=_line((-PIXEL, -PIXEL), (0.0197 + half, half)))  # fmt: skip
    yield "fpa", datamodels.FPAModel(**plane)
    yield "camera", datamodels.CameraModel(model=_line((3.521, 3.707), (0.002, 0.294)), **units)
    yield "collimator", datamodels.CollimatorModel(model=_line((1.574, 1.645), (-0.0021, -0.2949)).inverse, **units)
    yield "disperser", _disperser(grating)
    ranges = dict(wrange_selector=["CLEAR_PRISM", "F100LP_G140M"], order=[-1, -1],
                  wrange=[[6e-7, 5.3e-6], [9.7e-7, 1.89e-6]])  # fmt: skip
    yield "wavelengthrange", datamodels.WavelengthrangeModel(**ranges, wunits="m")
    yield "msa", _msa()
    slices = np.arange(30)
    place = (slices - 14.5) * 9e-4
    rows = np.stack([slices, place, 0 * place, 0 * place + 9e-4, 0 * place + 0.027], axis=1)
    yield "ifuslicer", datamodels.IFUSlicerModel(model=Shift(0.0) & Shift(0.0), data=rows)
    post = {}
    for k in slices:
        linear = Shift(-place[k]) & Shift(0.0) | Scale(0.04) & Scale(0.04) | Shift(0.0271) & Shift((k - 14.5) * 1.36e-3)
        bent = Polynomial2D(1, c1_0=20.0, c0_1=30.0)
        one = {"xpoly": Polynomial2D(1, c1_0=1.0), "ypoly": Polynomial2D(1, c0_1=1.0)}
        post[f"slice_{k}"] = {"linear": linear, "xpoly_distortion": bent, "ypoly_distortion": bent, **one}
    yield "ifupost", datamodels.IFUPostModel(slice_models=post)
    flat = Mapping((0, 1), n_inputs=3)
    flat.inverse = Mapping((0, 1), n_inputs=3)
    yield "ifufore", datamodels.IFUFOREModel(model=flat, **units)
    yield "fore", datamodels.FOREModel(model=flat.copy(), **units)
    yield "ote", datamodels.OTEModel(model=Identity(2), **units)
    same = Identity(3)
    same.inverse = Identity(3)
    yield "chromcorr", datamodels.ChromCorrModel(model=same, **units)


def write(folder, grating="PRISM", **options):
    """Write the reference files into a folder, as the options of ASDF say; return their paths by type."""
    folder.mkdir()
    paths = {}
    for kind, model in _models(grating):
        values = dict(description="straight", author="tests", pedigree="DUMMY", useafter="2020-01-01T00:00:00")
        for name, value in values.items():
            setattr(model.meta, name, value)
        model.meta.reftype, model.meta.telescope, model.meta.instrument.name = kind, "JWST", "NIRSPEC"
        model.meta.instrument.detector = "N/A"
        paths[kind] = folder / f"nirspec_{kind}.asdf"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of filters that no header here names
            model.save(str(paths[kind]), **options)
    states = ("Internal state", "TA state", "state")
    shutters = [{"Q": q, "x": x, "y": y, **dict.fromkeys(states, "closed"), states[k]: "open"}
                for k, (q, x, y) in enumerate(STUCK)]  # fmt: skip
    shutters.append({"Q": 1, "x": 3, "y": 3, **dict.fromkeys(states, "closed")})
    paths["msaoper"] = folder / "nirspec_msaoper.json"
    head = {"reftype": "MSAOPER", "instrument": "NIRSPEC", "useafter": "2020-01-01T00:00:00"}
    paths["msaoper"].write_text(json.dumps({**head, "msaoper": shutters}))
    return paths


def write_shutters(folder, rows, fixed=()):
    """Write an MSA metadata file: rows of (slitlet, quadrant, row, column, background, primary), and fixed slits."""
    whole = [(s, 1, q, x, y, s, b, "OPEN", 0.5, 0.5, 1, p, "NONE") for s, q, x, y, b, p in rows]
    whole += [(0, 1, 5, 0, 0, 9, "N", "OPEN", 0.5, 0.5, 1, "Y", name) for name in fixed]
    whole += [(77, 2, 1, 300, 2, 1, "N", "OPEN", 0.5, 0.5, 1, "Y", "NONE")]  # of another configuration
    names = (
        "slitlet_id msa_metadata_id shutter_quadrant shutter_row shutter_column source_id background shutter_state "
        "estimated_source_in_shutter_x estimated_source_in_shutter_y dither_point_index primary_source fixed_slit"
    )
    kinds = "i2 i2 i2 i2 i2 i4 S1 S6 f4 f4 i2 S1 S6".split()
    shutters = fits.BinTableHDU(np.array(whole, dtype=list(zip(names.split(), kinds))), name="SHUTTER_INFO")
    sources = np.array([(1, 1, "a", "a", 0.0, 0.0, "", 1.0)], dtype=[
        ("program", "i4"), ("source_id", "i4"), ("source_name", "S9"), ("alias", "S9"), ("ra", "f8"), ("dec", "f8"),
        ("preimage_id", "S9"), ("stellarity", "f4")])  # fmt: skip
    path = folder / MSA_FILE
    hdus = fits.HDUList([fits.PrimaryHDU(), shutters, fits.BinTableHDU(sources, name="SOURCE_INFO")])
    hdus.writeto(path, overwrite=True)
    return path


def image(kind, grating="PRISM", detector="NRS1", **changes):
    """Return a rate of noise whose header says how the instrument stood."""
    values = {
        "filename": "a_rate.fits", "telescope": "JWST", "observation.date": "2025-10-06",
        "observation.time": "00:00:00", "observation.program_number": "00001",
        "instrument.name": "NIRSPEC", "instrument.detector": detector,
        "instrument.filter": "CLEAR" if grating == "PRISM" else "F100LP", "instrument.grating": grating,
        "instrument.gwa_xtilt": 0.341, "instrument.gwa_ytilt": 0.031, "instrument.gwa_tilt": 37.0,
        "instrument.lamp_state": "NONE", "instrument.fixed_slit": "S200A1", "instrument.msa_metadata_id": 1,
        "instrument.msa_metadata_file": MSA_FILE, "dither.position_number": 1, "exposure.type": kind,
        "subarray.name": "FULL", "subarray.xstart": 1, "subarray.ystart": 1, "subarray.xsize": N, "subarray.ysize": N,
        "wcsinfo.v2_ref": 0.0, "wcsinfo.v3_ref": 0.0, "wcsinfo.roll_ref": 0.0, "wcsinfo.ra_ref": 10.0,
        "wcsinfo.dec_ref": 0.0, "wcsinfo.v3yangle": 0.0, "wcsinfo.vparity": -1, "wcsinfo.velosys": 20000.0,
        "velocity_aberration.scale_factor": 1.0,
    }  # fmt: skip
    data = np.random.default_rng(2).normal(1, 0.1, (N, N)).astype(np.float32)
    return Image(data=data, dq=np.zeros(data.shape, np.uint32), unit="DN/s", meta=Meta(values | changes))


def load(exposure, folder, **overrides):
    """Return the references for `picture_frame` that the folder has, by type."""
    refs = jw.references(exposure, folder=folder, overrides=overrides)
    optics = [kind for kind in steps.picture_frame.references if kind not in ("pictureframe", "gain", "readnoise")]
    wanted = [kind for kind in optics if steps.picture_frame.wants(kind, exposure, {})]
    return {kind: found for kind in wanted if (found := refs.get(kind)) is not None}
