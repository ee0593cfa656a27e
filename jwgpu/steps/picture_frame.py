"""Remove the picture frame of NIRSpec: a thermal glow that is stronger along the edges of the detectors."""

from __future__ import annotations

import numpy as np

from jwgpu import scene
from jwgpu.backend import namespace
from jwgpu.data import Exposure, Image, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics.background import background_pixels, level
from jwgpu.step import Skip, byproduct, note, step

# Rows or columns of a full frame, counted from either border: where the edge begins, where it ends and where the
# centre begins. Reference pixels and those beside them belong to neither.
_NEAR, _FAR = (4, 75, 76), (5, 63, 64)


@step(unit=None, wanted=scene.WANTED)
def picture_frame(
    exposure: Exposure,
    pictureframe: Reference,
    gain: Reference | None = None,
    readnoise: Reference | None = None,
    camera: Reference | None = None,
    collimator: Reference | None = None,
    disperser: Reference | None = None,
    fpa: Reference | None = None,
    wavelengthrange: Reference | None = None,
    msa: Reference | None = None,
    ifuslicer: Reference | None = None,
    ifupost: Reference | None = None,
    msaoper: Reference | None = None,
    msametafile: Reference | None = None,
    *,
    mask_science_regions: bool = True,
    n_sigma: float = 2.0,
    save_mask: bool = False,
    save_correction: bool = False,
) -> Exposure:
    """Scale the picture frame to the background of every group and subtract it.

    The reference is an image p of the glow. In each group g, less the first group of its integration, the median
    levels c of the centre and e of the edge are measured in pixels that show nothing but background; with those of the
    reference in the same pixels, c_p and e_p::

        g' = g - (c - e) / (c_p - e_p) (p - e_p) - e

    Background are the pixels of a draft rate image that lie from three standard deviations below to `n_sigma` above
    its sigma-clipped median. The draft rate is fitted as `ramp_fit` does by default; of a rate, or one per integration,
    it is the exposure itself, each plane of which is corrected.

    Parameters
    ----------
    exposure : Ramp or Image
        NIRSpec full frame: groups after `jump` and before `ramp_fit`, in DN, or rates in DN/s.
    pictureframe : Reference
        `data` (y, x), DN / s. A pixel that is NaN there becomes NaN.
    gain, readnoise : Reference, optional
        As in `ramp_fit`, for the draft rate of a ramp.
    camera, collimator, disperser, fpa, wavelengthrange, msa, ifuslicer, ifupost : Reference, optional
        The optics, shutters and fixed slits (`msa`), and the slices of the IFU, for `mask_science_regions`.
    msaoper : Reference, optional
        Shutters that are always open, for the same.
    msametafile : Reference, optional
        Which shutters were open in a MOS exposure. It is no reference of CRDS, but the file that MSAMETFL names, and
        is looked for beside the exposure.
    mask_science_regions : bool
        Take no pixel for background that light may reach: the boxes around spectra of fixed slits and MOS slitlets,
        the pixels of IFU slices, those of shutters that do not close, those flagged MSA_FAILED_OPEN and, for MOS and
        IFU, the rows of the fixed slits. What is not masked as its references are missing, the record says.
    n_sigma : float
        Upper limit of the background in standard deviations; 0 for no clipping.
    save_mask : bool
        Leave the background pixels (1) as the by-product `pctfrm_mask`.
    save_correction : bool
        Leave what was added to the data as the by-product `pctfrm_correction`.

    Returns
    -------
    Ramp or Image
        `data` less the picture frame; the first group of an integration is unchanged.

    Raises
    ------
    InputError
        The reference has another shape than the exposure, or no difference between centre and edge.

    Skips when
    ----------
    The exposure is not a NIRSpec full frame, has one group, or shows no background in its centre or along its edge;
    there is no reference, or for a ramp no gain or read noise; of a MOS exposure whose spectra are to be masked the MSA
    metadata file is missing.

    Differs from jwst
    -----------------
    * Where the references of the optics are missing the official step fails. Here clipping alone then tells spectra
      from background, as it does in both with `mask_science_regions=False`. Sky in slits is too faint to be clipped
      and counts as background: in simulated exposures of five groups with a glow of 0.01 DN/s at the border and sky
      of 0.05 DN/s in 29 slitlets (0.015 in 28 slices, 0.05 in four fixed slits) that changes the correction by 0.009
      (0.010, 0.001) DN/s, as much as the glow itself.
    * Spectra of lamps are not masked, nor what else is of no exposure type that observes the sky through slits or
      slices. The official step masks slits for the same types, and failed-open shutters for lamps as well.
    * Edges are counted from the border of the frame that is given; there they are rows and columns of 2048 x 2048.
    * A reference without contrast is an error; there everything becomes NaN.

    References
    ----------
    .. [1] Rauscher, B. J. 2024, PASP 136, 015001, doi:10.1088/1538-3873/ad1b36.
    """
    slope = pictureframe.check_shape("data", exposure.shape[-2:])
    xp = namespace(exposure.data, slope)
    if not scene.is_nirspec_full(exposure):
        raise Skip("only NIRSpec full frames show a picture frame")
    rate, dq = scene.draft_rate(exposure, gain, readnoise)
    optics = (camera, collimator, disperser, fpa, wavelengthrange, msa, ifuslicer, ifupost, msaoper, msametafile)
    hidden = scene.nirspec_spectra(exposure, dq, optics) if mask_science_regions else None
    background = background_pixels(rate, hidden, above=n_sigma)
    if background.ndim == 3:
        background = background.all(axis=0)
    centre, edge = (background & region for region in _regions(xp, background.shape))
    counts = {"centre": int(centre.sum()), "edge": int(edge.sum())}
    note(**{f"background_{where}": n for where, n in counts.items()})
    if save_mask:
        byproduct(pctfrm_mask=Image(data=background.astype(np.float32), unit="", meta=exposure.meta))
    for where, n in counts.items():
        if not n:
            raise Skip(f"no pixel of the {where} shows background alone")
    before = exposure.data.copy() if save_correction else None
    data = exposure.own("data")
    glow = _Glow(pictureframe, slope, centre, edge)
    if isinstance(exposure, Ramp):
        for first, *later in data:
            for group in later:
                group -= first
                group += first - glow.of(group)
    else:
        for plane in data if data.ndim == 3 else data[None]:
            plane -= glow.of(plane)
    if save_correction:
        byproduct(pctfrm_correction=scene.beside(exposure, data - before))
    return exposure.replace(data=data)


class _Glow:
    """The picture frame of a reference, and how it is scaled to an image. All of it float32, as in the data."""

    def __init__(self, reference: Reference, slope, centre, edge):
        self.slope, self.centre, self.edge = slope, centre, edge
        self.low = level(slope[edge])
        self.contrast = level(slope[centre]) - self.low
        if not bool(abs(self.contrast) > 0):
            raise InputError(
                f"{reference.name} has the same level in the centre and along the edge of the detector, or none where "
                "the exposure shows background, so that it cannot be scaled; give another pictureframe reference"
            )
        self.shape = slope - self.low

    def of(self, image):
        """Return the picture frame of an image (y, x)."""
        low = level(image[self.edge])
        return (level(image[self.centre]) - low) / self.contrast * self.shape + low


def _regions(xp, shape: tuple[int, int]):
    """Return the pixels of the centre and those along the edge of a full frame."""
    axes = []
    for size in shape:
        near, far = xp.arange(size), xp.arange(size)[::-1]
        edge = ((near >= _NEAR[0]) & (near < _NEAR[1])) | ((far >= _FAR[0]) & (far < _FAR[1]))
        axes.append(((near >= _NEAR[2]) & (far >= _FAR[2]), edge, (near >= _NEAR[0]) & (far >= _FAR[0])))
    (inside_y, edge_y, used_y), (inside_x, edge_x, used_x) = axes
    return inside_y[:, None] & inside_x, (edge_y[:, None] | edge_x) & used_y[:, None] & used_x
