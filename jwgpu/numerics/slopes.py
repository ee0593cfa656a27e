"""Slopes of ramps: optimally weighted least squares over the segments between jumps.

`fit_slopes` runs the compiled kernel `ramp_slopes`; `fit_slopes_reference` is the same in array code: specification,
test oracle and fallback. Both give the same bits, since both take their weights from one table and add in one order.

A *segment* is a run of unflagged groups together with the jump it begins with. For its L groups d_j,

    slope = 2 sum(w_j u_j d_j) / (t sum(w_j u_j^2)),   u_j = 2 j - (L - 1),   w_j = |u_j|^p,

with t the time between groups and p growing from 0 (read noise rules) to 10 (photon noise rules: the ends count)
with the signal to noise of the rise over the segment [1]_. This is the weighted straight line, written about its
middle, where the weights are symmetric. The variances, with R the read noise of one group (electron), g the gain,
m the median of the differences of neighbouring groups, as a rate, and i the dark current, are

    read = 12 R^2 / (t^2 g^2 (L^3 - L)),    poisson = (m + i) / (t g (L - 1)).

Segments, of one integration or of all, are averaged with weights 1 / read: a weight that depended on the counts
themselves would favour ramps that happen to be faint.

These are the official formulas, and not quite true. Where the rise straddles a limit between two p, a ramp that happens
to rise gets the weights that follow its rise: slopes are biased by up to 0.35%. And the variances mix the read noise of
equal weights with the photon noise of the ends, at a rate that is 0 for half of the faintest pixels: errors are up to
9% too small, more for long faint ramps. With `Sampling.unbiased`

* p is chosen again by the signal to noise of t (L - 1) times the slope that the first choice gave. That slope is nearly
  the best, and what is nearly the best is nearly uncorrelated with its difference to others, so that the choice between
  them favours none (bias below 0.05%).
* the variances are those of the sum of the d_j as it is weighted (`segments.variance_forms`), with photons at the rate
  of the slope itself, of the integration or of the exposure, or 0 where it is negative, and of the dark current; the
  error is the root of their sum (true to 3%). Single groups keep the official formula, as do the read-noise variances
  of integrations with CHARGELOSS.

`benchmarks/truth.py` tabulates biases and errors of both.

References
----------
.. [1] Fixsen et al. 2000, PASP 112, 1350, doi:10.1086/316626
.. [2] Robberto 2008, JWST-STScI-0001490
"""

from __future__ import annotations

import numpy as np

from jwgpu import backend, kernels
from jwgpu.kernels.build import group_size
from jwgpu.numerics.segments import weight_table, whole_ramp
from jwgpu.numerics.slope_pixels import Sampling, Slopes, blocks


def fit_slopes(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling: Sampling) -> tuple[Slopes, Slopes]:
    """Fit every pixel's ramps, with the compiled kernel where there is one that holds so many groups.

    Parameters
    ----------
    data : (integration, group, y, x) float32, DN
    groupdq : (integration, group, y, x) uint8
    pixeldq : (y, x) uint32
    gain, readnoise : (y, x) float32, electron / DN and DN (of a difference of two single frames)
    dark : (y, x) float32 or None, electron / s
        Average dark current, added in the Poisson variance to a rate in DN / s as it stands, as in jwst; `unbiased`
        divides it by the gain.
    zeroframe : (integration, y, x) float32 or None, DN
        First frame, used where no group is good; 0 where it is not good either.
    sampling : Sampling

    Returns
    -------
    exposure, integrations : Slopes
        (y, x), and (integration, y, x).

    Raises
    ------
    ValueError
        Where the shapes do not agree.
    """
    xp = backend.namespace(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe)
    size = group_size(sampling.n_groups)
    if size is None or not kernels.available(data):
        return fit_slopes_reference(*checked(xp, data, groupdq, pixeldq, gain, readnoise, dark, zeroframe), sampling)
    arrays = checked(xp, data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, as_they_lie=True)
    arrays[:2], stride = kernels.as_they_lie(*arrays[:2])
    n_integrations, all_groups, *plane = data.shape
    exposure, integrations = _empty(xp, (*plane,)), _empty(xp, (n_integrations, *plane))
    kernels.launch(
        "ramp_slopes", size, pixeldq.size, *arrays, *_tables(data, sampling), *exposure, *integrations,
        np.int32(n_integrations), np.int32(all_groups), np.int32(sampling.first_group), np.int32(sampling.n_groups),
        np.int32(sampling.suppress_one_group), np.float64(sampling.group_time), np.float64(sampling.frame_time),
        np.float64(sampling.first_time), np.float64(np.sqrt(2.0 * sampling.n_frames)), stride,
    )  # fmt: skip
    return exposure, integrations


def checked(xp, data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, as_they_lie: bool = False) -> list:
    """Return the arrays C-contiguous and of the right type, since the kernel reads them by address.

    With `as_they_lie`, data and groupdq of the right type stay as they are.
    """
    n_integrations, _, *plane = data.shape
    wanted = (
        ("data", data, data.shape, xp.float32), ("groupdq", groupdq, data.shape, xp.uint8),
        ("pixeldq", pixeldq, (*plane,), xp.uint32), ("gain", gain, (*plane,), xp.float32),
        ("readnoise", readnoise, (*plane,), xp.float32), ("average dark current", dark, (*plane,), xp.float32),
        ("zero frame", zeroframe, (n_integrations, *plane), xp.float32),
    )  # fmt: skip
    for name, array, shape, _ in wanted:
        if array is not None and array.shape != shape:
            raise ValueError(f"the {name} has shape {array.shape}, where data of shape {data.shape} need {shape}")
    kept = ("data", "groupdq") if as_they_lie else ()
    return [
        a if a is None or (name in kept and a.dtype == dtype) else xp.ascontiguousarray(a, dtype=dtype)
        for name, a, _, dtype in wanted
    ]


def _empty(xp, shape) -> Slopes:
    planes = [xp.empty(shape, dtype=xp.float32) for _ in range(4)]
    return Slopes(*planes, xp.empty(shape, dtype=xp.uint32))


def _tables(data, sampling: Sampling):
    weights = weight_table(sampling.n_groups)
    kind = "gpu" if backend.is_device_array(data) else "cpu"
    tables = (weights, whole_ramp(weights), sampling.forms(weights))
    return [None if table is None else backend.to(table, kind) for table in tables]


def fit_slopes_reference(
    data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling: Sampling
) -> tuple[Slopes, Slopes]:
    """Fit every pixel's ramps in array code; arguments and result as in `fit_slopes`."""
    xp = backend.namespace(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe)
    n_integrations, _, *plane = data.shape
    exposure, integrations = _empty(xp, (pixeldq.size,)), _empty(xp, (n_integrations, pixeldq.size))
    for part, pixels, *ramps in blocks(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling):
        # Divisions by zero and NaN are meant: they end in the flags and variances of the pixel.
        with np.errstate(all="ignore"):
            one, each = pixels.fit(*ramps)
        for plane_, values in zip((*exposure, *integrations), (*one, *each)):
            plane_[..., part] = values
    return Slopes(*(a.reshape(plane) for a in exposure)), Slopes(*(a.reshape(-1, *plane) for a in integrations))
