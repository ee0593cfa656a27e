"""Ramps and disturbance fitted together.

Of pixels that scatter little, the readings y of all that share a phase are added up. For a trial phase of the wave z,
a straight line y = p + q t + c z through the groups t has its least squares at an amplitude c that follows from sums
over t in closed form; so has chi squared, a c**2 + b c up to a constant. The trial phase with the least of it wins.
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import is_device_array, namespace
from jwgpu.cut import integration
from jwgpu.numerics.blocks import over_planes, over_rows, row_blocks
from jwgpu.numerics.spline import evaluate_wave, wave_spline
from jwgpu.steps.emicorr.cases import OUTPUTS, Clock, Line

TRIALS = 500
"""Trial phases."""

_QUIET = 2.0  # pixels whose readings scatter by less than this many times the median take part
_BAD = slice(1 * OUTPUTS, 3 * OUTPUTS)  # columns of bad reference pixels
_LOCKED = 1e-10  # share of a wave's power beside constant and slope, below which it cannot be told from them
_ROWS = 32
_PHASES = 100_000  # phases of the wave evaluated at a time on the host
_DEVICE_PHASES = 4_000_000


def correct(data, pixeldq, clock: Clock, line: Line, separately: bool) -> float:
    """Subtract one line from `data` in place, and return its mean amplitude in units of the reference wave.

    Parameters
    ----------
    data : (integration, group, y, x) float32, DN
    pixeldq : (y, x) uint32
        Pixels with any flag do not take part in the fit.
    separately : bool
        Fit every integration for itself.
    """
    xp = namespace(pixeldq)
    quiet = _quiet_pixels(data, pixeldq)
    if quiet is None:
        return 0.0
    spline = wave_spline(line.wave)
    phase = _wrapped(xp, clock.ticks(xp) / line.period)
    step = clock.frame / line.period % 1
    lag = step * clock.shape[1] + clock.resets / line.period  # phase from integration to integration
    n_phases = line.wave.size
    readings, counts = _sums(data, quiet, (phase * n_phases).astype(np.int64).ravel(), n_phases)
    del quiet
    squares, products = _chi_squared(xp, readings, counts, spline, step)
    lags = [lag * i for i in range(clock.shape[0])]
    if separately:
        fits = [_best(xp, squares[i : i + 1], products[i : i + 1], lags[i : i + 1]) for i in range(len(lags))]
    else:
        fits = [_best(xp, squares, products, lags)] * len(lags)
    _subtract(data, phase, step, lags, fits, spline.astype(np.float32))
    return float(sum(amplitude for amplitude, _ in fits) / len(fits))


def _wrapped(xp, phase):
    return phase - xp.floor(phase)


def _quiet_pixels(data, pixeldq):
    """Return (integration, y, x) bool: unflagged pixels of little scatter; None where no pixel has a finite one."""
    xp = namespace(pixeldq)
    scatter = xp.empty((data.shape[0], *data.shape[2:]), dtype=np.float32)
    for k, found in enumerate(scatter):
        with np.errstate(invalid="ignore", over="ignore"), integration(data, k) as groups:

            def measure(rows, groups=groups, found=found):
                found[rows] = groups[:, rows].std(axis=0)

            over_rows(measure, groups, rows=_ROWS // 2)
    known = xp.isfinite(scatter)
    finite = scatter if bool(known.all()) else scatter[known]
    if finite.size == 0:
        return None
    quiet = scatter < _QUIET * xp.median(finite)
    quiet &= pixeldq == 0
    quiet[..., _BAD] = False
    return quiet


def _sums(data, quiet, bins, n_phases: int):
    """Return the added readings of the quiet pixels of each phase, and how many they are.

    Returns
    -------
    readings : (integration, phase, group) float64, DN
        float64: a million readings of 10^4 DN, in which waves of a few DN are looked for.
    counts : (integration, phase) float64
    """
    xp = namespace(quiet)
    readings = xp.empty((data.shape[0], n_phases, data.shape[1]))
    counts = xp.empty((data.shape[0], n_phases))

    def add(image):
        # Not a product of matrices: on the host, that would start threads in each of these.
        outputs = image.reshape(-1, OUTPUTS)
        total = outputs[:, 0].astype(np.float64)
        for output in range(1, OUTPUTS):
            total += outputs[:, output]
        return xp.bincount(bins, weights=total, minlength=n_phases)

    for i, chosen in enumerate(quiet):
        counts[i] = add(chosen)
        with integration(data, i) as groups:

            def add_group(j, i=i, chosen=chosen, groups=groups):
                image = groups[j]
                # A product is faster, but NaN times 0 is NaN.
                known = bool(xp.isfinite(image.sum()))
                readings[i, :, j] = add(image * chosen if known else xp.where(chosen, image, np.float32(0)))

            over_planes(add_group, groups)
    return readings, counts


def _chi_squared(xp, readings, counts, spline, step: float):
    """Return a and b of chi squared, each (integration, trial); a is NaN where the wave is locked to the groups."""
    n_integrations, n_phases, n_groups = readings.shape
    t = xp.arange(n_groups).astype(np.float64)
    s_t, s_tt = n_groups * (n_groups - 1) / 2, n_groups * (n_groups - 1) * (2 * n_groups - 1) / 6
    delta = n_groups * s_tt - s_t**2
    s_y, s_ty = readings.sum(axis=2), readings @ t
    constant, slope = s_tt * s_y - s_t * s_ty, n_groups * s_ty - s_t * s_y
    flat = readings.reshape(n_integrations, -1)
    template = _wrapped(xp, (xp.arange(n_phases)[:, None] + 0.5) / n_phases + t * step)
    squares, products = [], []
    some = max(1, (_DEVICE_PHASES if is_device_array(readings) else _PHASES) // template.size)
    for first in range(0, TRIALS, some):
        trials = xp.arange(first, min(first + some, TRIALS)) / TRIALS
        z = evaluate_wave(spline, _wrapped(xp, template + trials[:, None, None]))
        s_z, s_tz, s_zz = z.sum(axis=2), z @ t, (z * z).sum(axis=2)
        own = s_zz - (s_tt * s_z**2 - 2 * s_t * s_z * s_tz + n_groups * s_tz**2) / delta
        a, power = counts @ own.T, counts @ s_zz.T
        squares.append(xp.where(a > _LOCKED * power, a, np.nan))
        products.append(2 / delta * (constant @ s_z.T + slope @ s_tz.T) - 2 * (flat @ z.reshape(z.shape[0], -1).T))
    return xp.concatenate(squares, axis=1), xp.concatenate(products, axis=1)


def _best(xp, squares, products, lags: list[float]):
    """Return amplitude and phase of the least chi squared over some integrations, 0-dimensional arrays."""
    grid = xp.arange(TRIALS) / TRIALS

    def added(phases):
        """Return a and b at `phases`, added over the integrations at their next trial phases."""
        a, b = xp.zeros(phases.size), xp.zeros(phases.size)
        for i, lag in enumerate(lags):
            nearest = ((grid - phases[:, None] - lag) % 1).argmin(axis=1)
            a += squares[i, nearest]
            b += products[i, nearest]
        return a, b

    a, b = added(grid)
    known = xp.isfinite(a) & xp.isfinite(b)
    chi_squared = xp.where(known, -(b**2) / xp.where(known, 4 * a, 1), np.inf)
    best = chi_squared.argmin()
    before, here, after = (chi_squared[(best + k) % TRIALS] for k in (-1, 0, 1))
    known = xp.isfinite(before) & xp.isfinite(here) & xp.isfinite(after)
    before, here, after = (xp.where(known, c, 0) for c in (before, here, after))
    bend = before - 2 * here + after
    vertex = xp.where(bend > 0, (before - after) / xp.where(bend > 0, 2 * bend, 1), 0)
    phase = grid[best] + vertex / TRIALS
    a, b = added(phase.reshape(1))
    known = xp.isfinite(a) & xp.isfinite(b)
    return xp.where(known, -b / xp.where(known, 2 * a, 1), 0)[0], phase


def _subtract(data, phase, step: float, lags: list[float], fits: list, spline) -> None:
    """Subtract the fitted waves from `data` in place."""
    xp = namespace(phase)
    for k, (lag, (amplitude, first)) in enumerate(zip(lags, fits)):
        scaled = spline * amplitude.astype(np.float32)
        with integration(data, k, write=True) as groups:

            def subtract(j, groups=groups, lag=lag, first=first, scaled=scaled):
                group = groups[j]
                for rows in row_blocks(group, rows=_ROWS):
                    wave = evaluate_wave(scaled, _wrapped(xp, phase[rows] + (first + (lag + step * j))))
                    group[rows] -= xp.repeat(wave, OUTPUTS, axis=1)

            over_planes(subtract, groups)
