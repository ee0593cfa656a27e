"""Put exposures on one grid of the sky: the mosaic."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.data import Exposures, Image
from jwgpu.data.blend import TABLE, blend, table
from jwgpu.errors import InputError
from jwgpu.numerics.correlated import noise_scale
from jwgpu.numerics.drizzle import Drop
from jwgpu.step import byproduct, note, step
from jwgpu.steps.resample import header, noise
from jwgpu.steps.resample.tiles import Plan, combine
from jwgpu.wcs import WCS

Kernel = Literal["square", "gaussian", "point", "turbo", "lanczos2", "lanczos3"]


@dataclasses.dataclass(frozen=True)
class Output:
    """The grid of the mosaic (see `resample`)."""

    output_shape: list[int] | None = None
    crpix: list[float] | None = None
    crval: list[float] | None = None
    rotation: float | None = None
    pixel_scale_ratio: float = 1.0
    pixel_scale: float | None = None
    output_wcs: str | WCS = ""


@dataclasses.dataclass(frozen=True)
class Content:
    """What the mosaic has besides values and weights (see `resample`)."""

    single: bool = False
    blendheaders: bool = True
    enable_ctx: bool = True
    enable_err: bool = True
    report_var: bool = True
    propagate_dq: bool = False


@dataclasses.dataclass(frozen=True)
class Map:
    """How pixels find their place on the grid (see `resample`)."""

    pixmap_stepsize: float = 1.0
    pixmap_order: int = 1
    pixmap_tolerance: float = 1e-5


@step(unit=None)
def resample(
    images: Exposures | Image,
    *,
    pixfrac: float = 1.0,
    kernel: Kernel = "square",
    fillval: str = "NAN",
    weight_type: Literal["ivm", "exptime"] | None = "ivm",
    good_bits: str | None = "~DO_NOT_USE+NON_SCIENCE",
    output: Output = Output(),
    content: Content = Content(),
    map: Map = Map(),
) -> Image:
    """Put exposures on one grid of the sky: the mosaic.

    Every pixel falls as a drop on the grid, a tangent plane without distortion, and gives each output pixel the part of
    its light that falls there (`numerics.drizzle` has the formulas: values, weights, variances). The background level
    that skymatch has found is taken off where it has not been.

    The mosaic is made in tiles for which memory is set aside; of each exposure only what falls there is read. Time
    grows with the number of exposures, memory does not; every bit is the same whatever the tiles are.

    Values in neighbouring pixels of a mosaic are correlated: noise of sums over many pixels is larger than their
    scatter says, by a factor of about 1.5 with pixels as large as the detector's, 2.4 with half and 4.4 with a quarter
    of their side. That of this mosaic, with its dithers, drops and weights in pieces of it, stands in the history
    (`noise_scale`) and in the header (NOISESCL). `err` is larger than the scatter by about as much; see
    `numerics.correlated`, and `correlated_noise` of source_catalog for the errors of fluxes.

    Parameters
    ----------
    images : Exposures or Image
        `data` (y, x), `dq`, `var_rnoise`, `var_poisson`, `var_flat`, `wcs` of each, in surface brightness.
    pixfrac : float
        Side of a drop over that of the pixel, 0 to 1.
    kernel : {"square", "gaussian", "point", "turbo", "lanczos2", "lanczos3"}
        Shape of the drops. The Gaussian and the Lanczos kernels do not conserve flux.
    fillval : str
        Value of pixels without light: a number in words, or "NAN" or "INDEF" for NaN.
    weight_type : {"ivm", "exptime"}, optional
        Weights of pixels: the inverse of the variance of read noise, the measurement time of the exposure (or else its
        exposure time), or 1.
    good_bits : str, optional
        Flags that a pixel may have: names or values joined by `+`, after `~` all but those. None lets all pass. What is
        NaN in any of its arrays never counts.
    output : Output
        The grid. `pixel_scale`: side of a pixel, arcsec; or `pixel_scale_ratio`: the same over that of the first
        exposure. `rotation`: position angle of the y axis, degrees; that of the first exposure if not given. `crpix`:
        pixel (x, y), from 0, of `crval`; `crval`: where the plane touches the sky (ra, dec), degrees. `output_shape`:
        pixels (x, y). By default it holds all exposures. Or `output_wcs`: a grid that is there already, as a WCS
        (`mosaic.wcs`, `jw.common_grid`), an ASDF file with a gwcs as `wcs`, or a product.
    content : Content
        `enable_ctx`: which exposures have gone into each pixel (`con`). `enable_err`: errors; `report_var`: variances,
        too. `propagate_dq`: flags of all pixels that have gone into each. `blendheaders`: combine the headers of the
        exposures, with a table of what is in each; otherwise the first stands for all. `single`: leave also a mosaic of
        each group of exposures taken together beside the whole (by-products `group_0` and so on).
    map : Map
        `pixmap_stepsize`: pixels between points at which the WCS is evaluated, with straight lines (`pixmap_order` 1)
        or cubics (3) between them. With 1, the map is good to `pixmap_tolerance` output pixels: it is interpolated
        between points as long as the error, which is measured, is less; with a tolerance of 0 it is exact.

    Returns
    -------
    Image
        `data`, `wht`, `con` (plane, y, x), `err`, `var_rnoise`, `var_poisson`, `var_flat`, `dq` as far as asked for, on
        the device of the exposures; in files where the set has a scratch folder.

    Raises
    ------
    InputError
        An exposure has no WCS or more than one plane, the grid has no pixels or no exposure falls on it, the file with
        the grid cannot be read, or a parameter is out of range.

    Differs from jwst
    -----------------
    Every pixel within the bounding box of its WCS counts. Officially, pixels at the edges of an exposure or of the
    mosaic are lost where a polygon with straight sides does not hold them, or where the map ends beside them. A part of
    a pixel below 1e-10, which is rounding, leaves no bit in the context. `weight_type=None` is accepted. Exposures
    without a variance of read noise weigh the same, and their other variances are averaged. `single` comes beside the
    mosaic, with errors from variances. Whether exposures wait in memory or in files is a matter of the set, not of a
    parameter `in_memory`. NaN never counts, whatever `good_bits`. The outline in S_REGION may begin at another corner.

    References
    ----------
    Fruchter & Hook 2002, doi:10.1086/338393; Casertano et al. 2000, doi:10.1086/316851 (weights).
    """
    from jwgpu.wcs import mosaic
    from jwgpu.wcs.pixmap import Pixmap

    alone = isinstance(images, Image)
    images = Exposures.of([images]) if alone else images
    _check(images, output, map)
    if output.output_wcs:
        grid = mosaic.given(output.output_wcs, output.output_shape)
    else:
        names = [f.name for f in dataclasses.fields(Output) if f.name != "output_wcs"]
        grid = mosaic.grid(images, **{name: getattr(output, name) for name in names})
    ratio = mosaic.scale_ratio(grid, images[0])
    drop = Drop(kernel, pixfrac, ratio)
    plan = Plan(drop, _fill(fillval), weight_type, good_bits, content.enable_ctx, content.enable_err,
                content.enable_err and content.report_var, content.propagate_dq)  # fmt: skip
    xp = _library(images)
    ways = {"tolerance": map.pixmap_tolerance, "order": 3}
    if map.pixmap_stepsize > 1:
        ways |= {"step": map.pixmap_stepsize, "order": map.pixmap_order}
    maps = [Pixmap(image.wcs, grid.wcs, image.shape[-2:], xp=xp, **ways) for image in images]
    everything = range(len(images))
    if not any(m.window((0, 0), grid.shape) for m in maps):
        raise InputError(f"no exposure of {images.name} falls on the grid of the mosaic; give another output_wcs")
    facts = {"pixfrac": pixfrac, "kernel": kernel, "fillval": str(fillval), "weight_type": str(weight_type),
             "pixel_scale_ratio": ratio}  # fmt: skip
    note(shape=list(grid.shape), pixel_scale=grid.pixel_scale, map_step=min(m.step for m in maps),
         map_error=max(m.error for m in maps))  # fmt: skip

    def made(indices) -> Image:
        metas = [images[k].meta for k in indices]
        blended = content.blendheaders and not alone
        scale = noise_scale(noise.correlated(images, indices, maps, grid.shape, plan))
        if indices == everything:
            note(noise_scale=scale)
        meta = header.product_meta(blend(metas) if blended else metas[0], images, indices, grid, facts)
        meta = meta.set(
            {"extra_fits.SCI.header": (("NOISESCL", scale, "noise of large apertures over pixel scatter"),)}
        )
        arrays = combine(images, indices, maps, grid.shape, plan)
        tables = {TABLE: table(metas)} if blended else {}
        return Image(meta=meta, unit=images.unit, history=images.history, wcs=grid.wcs, tables=tables, **arrays)

    if content.single:
        byproduct(**{f"group_{n}": made(group) for n, group in enumerate(images.groups())})
    result = made(everything)
    name = images.meta.get("asn.product_name")
    own = {path: value for path, value in images.meta.items() if path.startswith("asn.")}
    return result.replace(meta=result.meta.set({} if alone else {**own, "filename": name and f"{name}_i2d.fits"}))


def _check(images: Exposures, output: Output, map: Map) -> None:
    for image in images:
        if image.data.ndim != 2:
            raise InputError(f"{image.name} has a plane for each integration; a mosaic is made of images of one plane")
        if image.wcs is None:
            raise InputError(f"{image.name} has no WCS; let assign_wcs give it one")
    for name in ("output_shape", "crpix", "crval"):
        value = getattr(output, name)
        if value is not None and (len(value) != 2 or None in value):
            raise InputError(f"resample.{name} = {value}: give two numbers, or None")
    if output.output_shape is not None and min(output.output_shape) < 1:
        raise InputError(f"resample.output_shape = {output.output_shape}: a mosaic has at least one pixel")
    for name in ("pixel_scale", "pixel_scale_ratio"):
        value = getattr(output, name)
        if value is not None and not value > 0:
            raise InputError(f"resample.{name} = {value}: a pixel has a positive size")
    if map.pixmap_order not in (1, 3) or map.pixmap_stepsize < 1 or map.pixmap_tolerance < 0:
        raise InputError("resample: pixmap_order is 1 or 3, pixmap_stepsize at least 1, pixmap_tolerance at least 0")


def _fill(words: str) -> float:
    if str(words).strip().upper() in ("NAN", "INDEF", ""):
        return np.nan
    try:
        return float(words)
    except ValueError:
        raise InputError(f"resample.fillval = {words!r} is no number, nor NAN") from None


def _library(images: Exposures):
    """Return the array library of the device that the exposures live on, or are read to."""
    return namespace(backend.to(np.zeros(1), images.device))
