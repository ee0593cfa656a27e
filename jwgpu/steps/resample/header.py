"""The header of a mosaic."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from jwgpu.data import Exposures, Image, Meta
from jwgpu.numerics import outlines
from jwgpu.steps.resample.tiles import exposure_time

_OLD = re.compile(r"wcsinfo\.(cd[12]_[12]|[ab]p?_\d_\d|[ab]p?_order|v[23]_ref|ra_ref|dec_ref|roll_ref|v3yangle|vparity"
                  r"|pc\d_\d|cdelt\d|sipmxerr|sipiverr)")  # fmt: skip


def product_meta(meta: Meta, images: Exposures, indices: Sequence[int], grid, facts: dict) -> Meta:
    """Return the metadata of a mosaic.

    Parameters
    ----------
    meta : Meta
        Of the exposures, blended.
    images : Exposures
    indices : sequence of int
        Of those that went into it.
    grid : Grid
    facts : dict
        Parameters by name: `pixfrac`, `kernel`, `fillval`, `weight_type`, `pixel_scale_ratio`.
    """
    groups = [group for group in images.groups() if set(group) & set(indices)]
    each = [images[next(k for k in group if k in indices)] for group in groups]
    area = grid.pixel_scale**2
    values = {
        **{path: None for path, _ in meta.items() if _OLD.fullmatch(path)},
        **_times(each),
        **_linear(meta, grid.wcs),
        "wcsinfo.s_region": region([images[k] for k in indices], grid),
        "photometry.pixelarea_steradians": area * np.radians(1 / 3600) ** 2,
        "photometry.pixelarea_arcsecsq": area,
        "resample.pointings": len(groups),
        "background.level": None, "background.subtracted": None,
        **{f"resample.{name}": value for name, value in facts.items()},
    }  # fmt: skip
    return meta.set({path: v.item() if isinstance(v, np.generic) else v for path, v in values.items()})


def _times(each: list[Image]) -> dict:
    """Return times of a product of exposures that were taken one after the other."""

    def all_of(name):
        return [value for image in each if (value := image.meta.get(f"exposure.{name}")) is not None]

    total, duration = sum(all_of("exposure_time")), sum(all_of("duration"))
    measured = [exposure_time(image) for image in each]
    return {
        "exposure.exposure_time": total, "exposure.effective_exposure_time": total,
        "exposure.duration": duration, "exposure.elapsed_exposure_time": duration,
        "exposure.start_time": min(all_of("start_time"), default=None),
        "exposure.end_time": max(all_of("end_time"), default=None),
        "exposure.measurement_time": sum(t for t, _ in measured) if all(own for _, own in measured) else None,
    }  # fmt: skip


def _linear(meta: Meta, wcs) -> dict:
    """Return the keywords of the tangent plane; of another WCS, those of a plane that is close to it."""
    transform = wcs.gwcs.forward_transform
    if type(transform).__name__ != "FITSImagingWCSTransform":
        from jwgpu.wcs import sip

        values, _ = sip.keywords(
            meta, wcs, max_pix_error=None, degree=1, max_inv_pix_error=None, inv_degree=0, npoints=12
        )
        return {path: v for path, v in values.items() if not re.match(r"wcsinfo\.([ab]p?_|sip)", path)}
    found = {"ctype1": "RA---TAN", "ctype2": "DEC--TAN", "cunit1": "deg", "cunit2": "deg", "wcsaxes": 2}
    code = transform.projection.prjprm.code
    found |= {f"ctype{axis}": f"{name:-<4}-{code}" for axis, name in ((1, "RA"), (2, "DEC"))}
    matrix = np.asarray(transform.pc.value)
    for axis in (1, 2):
        found |= {f"crpix{axis}": float(transform.crpix.value[axis - 1]) + 1,
                  f"crval{axis}": float(transform.crval.value[axis - 1]),
                  f"cdelt{axis}": float(transform.cdelt.value[axis - 1])}  # fmt: skip
        found |= {f"pc{axis}_{other}": float(matrix[axis - 1, other - 1]) for other in (1, 2)}
    frame = getattr(getattr(wcs.gwcs.output_frame, "reference_frame", None), "name", "icrs")
    return {f"wcsinfo.{name}": value for name, value in found.items()} | {"wcsinfo.radesys": frame.upper()}


def region(images: Sequence[Image], grid) -> str | None:
    """Return the outline of exposures together, as far as the grid goes, as an S_REGION; None for none.

    Clockwise in pixels, as the official one.
    """
    from jwgpu.wcs.mosaic import regions
    from jwgpu.wcs.outline import outline

    polygons = []
    for image in images:
        words = image.meta.get("wcsinfo.s_region") or outline(image.wcs)
        polygons += [np.stack(grid.wcs.invert(*p.T, with_bounding_box=False), axis=-1) for p in regions(words)]
    if not np.isfinite(np.concatenate(polygons)).all():
        return None
    box = grid.wcs.bounding_box or tuple((-0.5, n - 0.5) for n in grid.shape[::-1])
    low, high = [a for a, _ in box], [b for _, b in box]
    parts = outlines.within(outlines.union(polygons), low, high)
    if not parts:
        return None
    corners = [np.stack(grid.wcs.forward(*part[::-1].T), axis=-1) for part in parts]
    return "  ".join("POLYGON ICRS  " + " ".join(f"{v:.9f}" for v in points.ravel()) for points in corners)
