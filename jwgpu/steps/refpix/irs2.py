"""NIRSpec IRS2: reference pixels among the science pixels predict the noise frequency by frequency.

The arithmetic is in float32 and complex64, as that of the official package; statistics are in float64.
"""

from __future__ import annotations

import functools

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace, ndimage
from jwgpu.data import PIXEL, Ramp, Reference
from jwgpu.data.irs2 import PERIOD, REFERENCE, SCIENCE, SECTIONS, TICKS, Interleaved
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_planes, row_blocks
from jwgpu.numerics.fourier import irfft, rfft
from jwgpu.step import Skip, note
from jwgpu.steps.refpix import bad_pixels

_END_LINES = 4
"""Lines at either end of a frame that a straight line in time is fitted to."""
_FILL_PASSES = 3
_FULL_TIME = 2048 * 712
_TAPER = 110000
"""Time in pixels that sets the length of the filter's edges, for the full frame."""
_COSINE = 32
_SAMPLES = (0, 2, 0, 2, 1, 3, 1, 3)
"""Which of the four reference samples stands where in the eight pixels of time about a jump."""


def correct(ramp: Ramp, reference: Reference | None, n_sigma: float, means, preserve: bool) -> Ramp:
    """Return the ramp without the noise its reference pixels and reference output predict; see the step.

    `means` says how the clipped means of the first and last lines are subtracted first; None leaves them.
    """
    given = (ramp.meta.get("exposure.nrs_normal") or SCIENCE, ramp.meta.get("exposure.nrs_reference") or REFERENCE)
    if given != (SCIENCE, REFERENCE):
        raise Skip(f"IRS2 frames of {given[0]} science and {given[1]} reference pixels in turn are not known")
    if reference is None:
        raise Skip("there is no refpix reference for this exposure")
    layout = Interleaved.of(ramp.meta, ramp.shape)
    weights = _weights(reference, layout, ramp)
    xp = namespace(ramp.data)
    data, pixeldq = ramp.own("data"), ramp.own("pixeldq")
    seen = layout.view(data)
    bad = bad_pixels.find(seen, layout.view(pixeldq), layout, n_sigma)
    layout.view(pixeldq)[:, bad] |= PIXEL.BAD_REF_PIXEL | PIXEL.DO_NOT_USE
    if means is not None:
        bad_pixels.subtract_means(seen, layout.view(pixeldq), layout, means)
    bad_pixels.replace(seen, bad, bad, layout)
    if "dq_table" in reference:
        bad = bad_pixels.replace_listed(seen, bad, reference.dq_table, layout)
    note(bad_reference_pixels=int(bad.sum()))
    shape = ramp.shape if preserve else (*ramp.shape[:2], *layout.shape)
    out = data if preserve else xp.empty(shape, dtype=xp.float32)
    for integration, result in zip(data, out):
        _correct_integration(integration, result, weights, layout, preserve)
    if preserve:
        return ramp.replace(data=out, pixeldq=pixeldq)
    return ramp.replace(
        data=out,
        groupdq=layout.strip(ramp.groupdq),
        pixeldq=layout.strip(pixeldq),
        zeroframe=None if ramp.zeroframe is None else layout.strip(ramp.zeroframe),
    )


def _weights(reference: Reference, layout: Interleaved, ramp: Ramp):
    """Return the weights of the reference output and of the reference pixels: (amplifier, frequency) complex64 each.

    The file has both halves of the spectrum, with real and imaginary parts in turn. Of weights that are not those of a
    real series, the part that acts on the real part of the result is taken.
    """
    n = layout.lines * layout.ticks
    table = reference.irs2_table
    if len(table) != 2 * n:
        raise InputError(
            f"refpix reference {reference.name}: its table has {len(table)} rows where {ramp.name}, of {layout.lines} "
            f"lines of {layout.ticks} pixels of time, needs {2 * n}; use a reference made for this readout"
        )
    made = []
    for kind in ("alpha", "beta"):
        halves = np.empty((SECTIONS - 1, n // 2 + 1), np.complex64)
        for amplifier, half in enumerate(halves):
            whole = np.ascontiguousarray(table[f"{kind}_{amplifier}"], np.float32).view(np.complex64)
            mirrored = np.concatenate([whole[:1], whole[: n // 2 - 1 : -1]])
            half[:] = (whole[: n // 2 + 1] + mirrored.conj()) / 2
        made.append(backend.to(halves, ramp.device))
    return made


def _correct_integration(groups, out, weights, layout: Interleaved, preserve: bool) -> None:
    """Correct (group, y, x) `groups` into `out`, which may be the same array."""
    xp = namespace(groups)
    # float64: where a value equals the mean of its ramp exactly, it counts as missing.
    level = groups.sum(axis=0, dtype=xp.float64) / groups.shape[0]
    holes = not bool(xp.isfinite(level).all())
    if holes:
        good = xp.isfinite(groups)
        level = xp.where(good, groups, 0).sum(axis=0, dtype=xp.float64) / xp.maximum(good.sum(axis=0), 1)
    time_filter = backend.to(_filter(layout.lines, layout.ticks), "gpu" if backend.is_device_array(groups) else "cpu")
    offset = level
    if not preserve:
        offset = layout.strip(level)
    else:
        among = layout.interleaved(xp) & (xp.arange(layout.columns) >= layout.section)
        offset = level.copy()
        layout.view(offset)[:, among] = 0

    def correct(k):
        group, result = groups[k], out[k]
        drift = xp.empty(group.shape, dtype=xp.float32)
        for rows in row_blocks(group):
            drift[rows] = group[rows] - level[rows]
        if holes:
            missing = ~xp.isfinite(group)
            drift[missing] = 0
        clean = _clean(layout.view(drift), weights, layout, time_filter, preserve)
        layout.view(result)[...] = clean
        result += offset
        if holes:
            missing = missing if preserve else layout.strip(missing)
            result[missing] = xp.nan

    over_planes(correct, groups)


def _clean(frame, weights, layout: Interleaved, time_filter, preserve: bool):
    """Return (line, column) `frame`, free of its mean over the ramp, without the predicted noise."""
    xp = namespace(frame)
    n_times = layout.lines * layout.ticks
    series = _level(layout.in_time(layout.pixels(frame, 0)))
    series = _filled(series, layout, time_filter)
    output = rfft(series.ravel())
    sections = range(1, SECTIONS)
    times = [_level(layout.in_time(layout.pixels(frame, k))) for k in sections]
    spectra = rfft(xp.stack([_samples(t, layout).ravel() for t in times]))
    alpha, beta = weights
    spectra *= beta
    spectra += alpha * output
    noise = irfft(spectra, n_times)
    columns = layout.columns if preserve else layout.section // PERIOD * SCIENCE * (SECTIONS - 1)
    clean = xp.empty((layout.lines, columns), dtype=xp.float32)
    for k, time, predicted in zip(sections, times, noise):
        pixels = layout.from_time(time - predicted.reshape(time.shape))
        layout.put(clean, k, _chosen(pixels, preserve))
    if preserve:
        layout.put(clean, 0, _chosen(layout.from_time(series), preserve))
    return clean


def _chosen(pixels, preserve: bool):
    """Return (line, period, 20) pixels as lines, with or without the reference pixels among them."""
    xp = namespace(pixels)
    half = SCIENCE // 2
    if not preserve:
        pixels = xp.concatenate([pixels[..., :half], pixels[..., half + REFERENCE :]], axis=-1)
    return pixels.reshape(pixels.shape[0], -1)


def _level(series):
    """Take from (line, ticks) `series` the straight line in time through its first and last lines; 0 stays 0."""
    xp = namespace(series)
    n = series.size
    time = (xp.arange(n, dtype=xp.float32) - np.float32((n - 1) / 2)).reshape(series.shape)
    y = xp.concatenate([series[:_END_LINES], series[-_END_LINES:]]).astype(xp.float64)
    x = xp.concatenate([time[:_END_LINES], time[-_END_LINES:]]).astype(xp.float64)
    there = y != 0
    count = xp.maximum(there.sum(), 1)
    mean_x, mean_y = (x * there).sum() / count, y.sum() / count
    x = (x - mean_x) * there
    spread = (x * x).sum()
    slope = (x * y).sum() / xp.where(spread > 0, spread, 1)
    line = (mean_y - slope * mean_x).astype(xp.float32) + time * slope.astype(xp.float32)
    return series - xp.where(series != 0, line, 0)


def _filled(series, layout: Interleaved, time_filter):
    """Fill what is missing of the reference output's (line, ticks) `series`, and the noise of all but its own pixels.

    First each 0 takes the cosine-weighted mean about it; then all places that are not those of science pixels take
    what the slow (and the fastest) frequencies of the rest say, in three passes.
    """
    xp = namespace(series)
    taps = xp.sin(xp.arange(1, _COSINE, dtype=xp.float32) / _COSINE * np.float32(np.pi))
    flat = series.ravel()
    there = (flat != 0).astype(xp.float32)
    convolve = ndimage(flat).convolve1d
    weight = convolve(there, taps, mode="wrap")
    guess = convolve(flat, taps, mode="wrap") / xp.where(weight == 0, 1, weight)
    flat = flat + xp.where(weight == 0, 0, guess) * (1 - there)
    tick = xp.arange(layout.ticks) % TICKS
    own = (tick < SCIENCE // 2) | (tick >= SCIENCE // 2 + REFERENCE + 2)
    own &= xp.arange(layout.ticks) < layout.section // PERIOD * TICKS
    original = flat.reshape(series.shape)
    filled = original
    for _ in range(_FILL_PASSES):
        smooth = irfft(rfft(filled.ravel()) * time_filter, flat.size).reshape(series.shape)
        filled = xp.where(own, original, smooth)
    return filled


@functools.lru_cache(maxsize=2)
def _filter(lines: int, ticks: int) -> np.ndarray:
    """Return the filter of slow and of the fastest frequencies, with cosine edges, for the half spectrum: float32."""
    n = lines * ticks
    edge = _TAPER * n // _FULL_TIME // TICKS
    flat = ticks // TICKS * lines // 2 - edge // 2
    fall = (np.cos(np.arange(edge) * np.pi / edge) + 1) / 2
    parts = (np.ones(flat), fall, np.zeros(n // 2 - 2 * flat - 2 * edge), fall[::-1], np.ones(flat + 1))
    return np.concatenate(parts).astype(np.float32)


def _samples(series, layout: Interleaved):
    """Return (line, ticks) series of the reference pixels alone, each repeated over the pixels of time about it."""
    xp = namespace(series)
    first = SCIENCE // 2 + 1
    start = first - REFERENCE // 2
    alone = xp.zeros_like(series)
    stop = layout.section // PERIOD * TICKS
    for place, sample in enumerate(_SAMPLES):
        alone[:, start + place : stop : TICKS] = series[:, first + sample : stop : TICKS]
    return alone
