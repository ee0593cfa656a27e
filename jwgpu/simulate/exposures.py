"""Simulated exposures with their references and the truth."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jwgpu import backend, markup
from jwgpu.data import Ramp
from jwgpu.errors import InputError
from jwgpu.simulate import glow, guiding, header, instruments, irs2, rays, scene, stripes, transients
from jwgpu.simulate import references as files
from jwgpu.simulate.effects import Effects, usual
from jwgpu.simulate.electronics import levels
from jwgpu.simulate.emi import Interference
from jwgpu.simulate.readout import ADC_MAXIMUM, read_out
from jwgpu.simulate.sensor import Sensor, sensor
from jwgpu.simulate.timing import Timing

LEAST_HIT = 50.0  # electrons; what leaves less is not listed among the hits

_USUAL = {
    "NIRCAM": ("NRC_IMAGE", "BRIGHT2"), "NIRISS": ("NIS_IMAGE", "NIS"), "NIRSPEC": ("NRS_MSASPEC", "NRS"),
    "MIRI": ("MIR_IMAGE", "FASTR1"), "FGS": ("FGS_ACQ1", "ACQ1"),
}  # fmt: skip
_DETECTORS = {"NIRCAM": "NRCB1", "NIRISS": "NIS", "NIRSPEC": "NRS1", "MIRI": "MIRIMAGE", "FGS": "GUIDER2"}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """What a perfect calibration would find.

    Attributes
    ----------
    rate : (y, x) float32, DN / s
        Detected light, dark current left out.
    rate_electron, dark : (y, x) float32, electron / s
    gain : (y, x) float32, electron / DN
    hits : (n, 4) int32
        Pixels hit by cosmic rays and snowballs: integration, first group affected, y, x.
    hit_charge : (n,) float32, electron
    snowballs : structured array
        integration, group, centre y and x, radius of the core (pixels); of stripes, of all rows and reads one by one.
    saturated : (integration, y, x) int16
        First group whose raw value reaches the saturation level; the number of groups where none does.
    sources : structured array
        kind, x, y, flux (electron / s), radius, ratio, angle; of stripes, on the strip of the detector they come from.
    bad_pixels : (y, x) uint32
        Flags of `jwgpu.data.PIXEL`.
    effects : Effects
    """

    rate: np.ndarray
    rate_electron: np.ndarray
    dark: np.ndarray
    gain: np.ndarray
    hits: np.ndarray
    hit_charge: np.ndarray
    snowballs: np.ndarray
    saturated: np.ndarray
    sources: np.ndarray
    bad_pixels: np.ndarray
    effects: Effects

    def _rows(self) -> list[tuple]:
        held = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return [
            (n, " x ".join(map(str, v.shape)), ", ".join(v.dtype.names or [v.dtype.name]))
            for n, v in held
            if isinstance(v, np.ndarray)
        ]

    def __repr__(self) -> str:
        return markup.text(("truth", "shape", "type"), self._rows())

    def _repr_html_(self) -> str:
        return markup.table(("truth", "shape", "type"), self._rows())


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """A raw exposure as `jwgpu.open` gives it, its references, and the truth.

    `files` are the references as they lie in files, where these hold more than the exposure needs.
    """

    ramp: Ramp
    references: Any
    truth: Truth
    files: Any = None

    def __repr__(self) -> str:
        hits, sources = len(self.truth.hits), len(self.truth.sources)
        return f"<Simulation of {self.ramp.name}: ramp, references, truth ({sources} sources, {hits} hits)>"


def _saturated(data: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the first group at or above the saturation level, (integration, y, x) int16."""
    first = np.full((data.shape[0], *data.shape[2:]), data.shape[1], np.int16)
    for group in reversed(range(data.shape[1])):
        first[data[:, group] >= level] = group
    return first


def _light(rng, det, shape, sky, n_stars, n_galaxies):
    """Return the source table and the light that falls on the pixels, electron / s."""
    share = shape[0] * shape[1] / 2048**2
    n_stars = max(4, round(1500 * share)) if n_stars is None else n_stars
    n_galaxies = max(1, round(400 * share)) if n_galaxies is None else n_galaxies
    table = scene.sources(rng, shape, n_stars, n_galaxies)
    sky = np.asarray(det.sky if sky is None else sky, np.float32)
    if sky.shape not in ((), shape):
        raise InputError(f"The sky has shape {sky.shape}; give a number or an array of shape {shape}.")
    return table, scene.render(table, shape, det.fwhm) + sky


def _truth(light, pixels: Sensor, deposits, data, table, timing, effects, layout) -> Truth:
    hits, charge = deposits.hits(timing, LEAST_HIT)
    electrons = light * pixels.response
    maps = dict(rate=electrons / pixels.gain, rate_electron=electrons, dark=pixels.dark, gain=pixels.gain,
                bad_pixels=files.mask_dq(pixels))  # fmt: skip
    if layout:
        saturated = layout.turned(_saturated(data, layout.compact(pixels).saturation))
        hits, charge = layout.hits(hits, charge)
        maps = {name: layout.final(array) for name, array in maps.items()}
    else:
        saturated = _saturated(data, pixels.saturation)
    return Truth(
        **maps, hits=hits, hit_charge=charge, snowballs=deposits.snowballs, saturated=saturated, sources=table,
        effects=effects,
    )  # fmt: skip


def exposure(
    instrument: str = "NIRCAM",
    detector: str | None = None,
    *,
    subarray: str = "FULL",
    size: tuple[int, int] | None = None,
    n_groups: int = 10,
    n_integrations: int = 1,
    readpatt: str | None = None,
    exp_type: str | None = None,
    filter: str | None = None,
    sky=None,
    n_stars: int | None = None,
    n_galaxies: int | None = None,
    zero_frame: bool | None = None,
    number: int = 1,
    seed: int = 1,
    detector_seed: int = 101,
    effects: Effects | None = None,
    **changes,
) -> Simulation:
    """Simulate a raw exposure.

    Light, dark current and cosmic rays are collected frame by frame; every frame passes inter-pixel capacitance, the
    inverse of the linearity polynomial and the bottom of the well, and receives bias, kTC, drift, 1/f and read noise.
    Frames are averaged into groups as the read pattern says, and rounded to whole DN once, after averaging.

    Parameters
    ----------
    instrument, detector : str
        NIRCAM (default detector NRCB1), NIRISS (NIS), NIRSPEC (NRS1), MIRI (MIRIMAGE) or FGS (GUIDER2).
    subarray : str
        `"FULL"` or a subarray by name.
    size : (rows, columns), optional
        With `"FULL"`: a miniature detector with its border of reference pixels, all outputs, and the timing of the
        full frame. With a subarray: that many pixels from the same corner; of stripes, along their rows alone.
    n_groups, n_integrations : int
    readpatt, exp_type, filter : str, optional
        Read pattern (BRIGHT2, NIS, NRS, FASTR1 or ACQ1 unless given, FGSRAPID for FGS_IMAGE), EXP_TYPE and filter
        name. NRSIRS2 and NRSIRS2RAPID give frames with interleaved reference pixels: of 3200 rows for 2048, and
        25/16 of the rows of a smaller `size`.
    sky : float or (y, x) array, electron / s
        Light besides the sources; an array can hold any scene.
    n_stars, n_galaxies : int, optional
        Sources in the field; in proportion to the area unless given.
    zero_frame : bool, optional
        Keep the first frame of each integration; NIRCam and NIRISS do unless told otherwise.
    number : int
        Exposure number in the file name; exposures follow each other every hour.
    seed, detector_seed : int
        The same seeds give the same bits. Exposures of one `detector_seed` share detector and references.
    effects : Effects, optional
        Which effects and how strong; the instrument's usual ones unless given. `simulate.IDEAL` is photon and read
        noise alone.
    **changes
        Single effects to change: `cosmic_rays=0`, `one_over_f=2.0`, `saturate=False`, ...; see `Effects`.

    Returns
    -------
    Simulation
        Ramp and references on the device in use, the truth on the host.

    Raises
    ------
    InputError
        For an unknown instrument, detector, subarray, read pattern or effect, or an impossible size.
    """
    instruments.choose("instrument", instrument, _USUAL)
    detector = detector or _DETECTORS[instrument]
    guides = instrument == "FGS" and exp_type not in ("FGS_IMAGE", "FGS_DARK")
    det = instruments.detector(instrument, detector)
    readpatt = readpatt or ("FGSRAPID" if instrument == "FGS" and not guides else _USUAL[instrument][1])
    n_frames, gap = instruments.choose("read pattern", readpatt, instruments.READ_PATTERNS[instrument])
    if n_groups < 1 or n_integrations < 1:
        raise InputError(f"{n_integrations} integrations of {n_groups} groups cannot be simulated; both start at 1.")
    layout = stripes.Layout.of(det, subarray, size)
    window = layout.window if layout else instruments.window(det, subarray, size, readpatt)
    field = layout.strip if layout else window
    timing = Timing(n_integrations, n_groups, n_frames, gap, window.frame_time)
    effects = (effects or usual(instrument, window.outputs, guides)).replace(**changes)
    zero_frame = instrument in ("NIRCAM", "NIRISS") if zero_frame is None else zero_frame
    interleaved = "IRS2" in readpatt
    if interleaved and zero_frame:
        raise InputError("A zero frame cannot be simulated in NIRSpec IRS2 format; leave zero_frame out.")
    divisor = 1 << (n_frames - 1).bit_length()  # sums of frames are divided by shifting bits

    make_pixels, make_references = np.random.SeedSequence([detector_seed, window.rows, window.columns]).spawn(2)
    make_scene, make_rays, make_levels, make_noise, make_output = np.random.SeedSequence([seed, number]).spawn(5)
    chip = sensor(np.random.default_rng(make_pixels), det, field, effects)
    table, light = _light(np.random.default_rng(make_scene), det, field.shape, sky, n_stars, n_galaxies)
    pixels, seen, clock, rates = chip, window, timing, light
    if layout:
        pixels, seen, clock, rates = layout.compact(chip), layout.seen, layout.clock(timing), layout.narrow(light)
    balls = effects.snowballs
    if balls is None:
        balls = 0.03 * timing.integration_time * window.rows * window.columns / 2048**2
    deposits = rays.deposits(
        np.random.default_rng(make_rays), clock, ~pixels.reference, det.pitch, effects.cosmic_rays, balls
    )
    noise = np.random.default_rng(make_levels)
    rough = effects.replace(quantize=False) if divisor != n_frames or interleaved else effects
    added = levels(noise, det, seen, clock, rough.replace(one_over_f=0.0) if interleaved else rough)
    if effects.emi and instrument == "MIRI":
        added = dataclasses.replace(
            added, emi=Interference.of(window, timing, readpatt, effects.emi, start=noise.random())
        )
    if effects.picture_frame and glow.shows(det, window):
        added = dataclasses.replace(added, glow=glow.Glow.of(noise, pixels.reference, timing, effects.picture_frame))
    data, zero = read_out(pixels, rates * pixels.response, clock, rough, deposits, added, make_noise, zero_frame)
    truth = _truth(light, chip, deposits, data, table, clock, effects, layout)
    spread = None
    if layout:
        spread, timing = layout.dark, layout.exposed(timing)
        zero = None if zero is None else layout.read(np.repeat(zero[:, None], layout.reads, axis=1))[:, 0]
        data = layout.read(data)
    if interleaved:
        data, spread = irs2.interleave(noise, det, data, effects.one_over_f, n_frames)
    if rough is not effects:
        data *= np.float32(n_frames / divisor)
        if effects.quantize:
            np.clip(np.rint(data, out=data), 0, ADC_MAXIMUM, out=data)
    exp_type = exp_type or _USUAL[instrument][0]
    meta = header.header(
        det,
        window,
        timing,
        read_pattern=readpatt,
        exp_type=exp_type,
        filter=filter or det.filter,
        zero=zero_frame,
        number=number,
        divisor=divisor,
        stripes=layout.keywords if layout else {},
    )
    start = header.start_of(number)
    if guides:
        tables = guiding.tables(make_output, exp_type, det, window, timing, table, start)
    else:
        tables = {"int_times": header.integration_times(timing, start)}
    ramp = Ramp(
        meta=meta,
        data=data,
        groupdq=np.zeros(data.shape, np.uint8),
        pixeldq=np.zeros(layout.planes if layout else data.shape[-2:], np.uint32),
        zeroframe=zero,
        refout=transients.reference_output(make_output, det, window, timing, effects) if instrument == "MIRI" else None,
        tables=tables,
    )
    made = files.references(np.random.default_rng(make_references), det, field, chip, clock, readpatt, guides, spread)
    kind = backend.current().kind
    if layout:
        needed = stripes.cut(made, meta, window.shape)
        made["dark"] = needed["dark"] = stripes.own_dark(needed["dark"], meta, window.shape)
        return Simulation(ramp.to(kind), collect(needed).to(kind), truth, collect(made))
    return Simulation(ramp.to(kind), collect(made).to(kind), truth)


def collect(made: dict):
    """Return the references as the collection that steps and pipelines take."""
    from jwgpu.reference import References  # loads the reference package when an exposure is made, not on import

    return References.from_mapping(made, context="simulated")
