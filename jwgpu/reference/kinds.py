"""What is known of each reference type: its name, the arrays a file must have, which of them are per pixel."""

from __future__ import annotations

import difflib

NAMES = frozenset(
    "abvegaoffset apcorr area barshadow bkg camera chromcorr collimator cubepar dark dflat disperser distortion "
    "drizpars emicorr extract1d fflat filteroffset flat fore fpa fringe fringefreq gain ifufore ifupost ifuslicer "
    "ipc lastframe linearity mask mrsptcorr mrsxartcorr msa msaoper nrm ote pastasoss pathloss persat photom "
    "pictureframe psf psfmask readnoise refpix regions reset resol rscd saturation sflat sirskernel speckernel "
    "specprofile spectrace specwcs straymask superbias throughput trapdensity trappars tsophot wavecorr "
    "wavelengthrange wavemap wfssbkg user_supplied_dq persistence_array_file "
    "msametafile skylist user_mask".split()
)

GIVEN = frozenset(("user_supplied_dq", "persistence_array_file", "msametafile", "skylist", "user_mask"))
"""Types that the user alone can give, or that lie beside the exposure: neither CRDS nor a folder is asked for them."""

BESIDE = {"msametafile": "instrument.msa_metadata_file"}
"""Types of which the header of the exposure names a file in the exposure's folder: path of the name."""

# Arrays without which a file of the type is of no use. The last two axes of images are the pixels of the detector.
REQUIRED = {
    "mask": ("dq",),
    "superbias": ("data",),
    "saturation": ("data",),
    "linearity": ("coeffs",),
    "gain": ("data",),
    "readnoise": ("data",),
    "dark": ("data",),
    "ipc": ("data",),
    "reset": ("data",),
    "rscd": ("rscd_group_skip_table",),
    "refpix": ("irs2_table",),
    "pictureframe": ("data",),
    "flat": ("data",),
    "user_mask": ("data",),
}

# What else is read of these types. Files hold more: the errors of a dark are as large as the dark and no step reads
# them, and side products can have any shape. A dq array that is left out has nothing flagged.
OPTIONAL = {
    "superbias": ("dq",),
    "saturation": ("dq",),
    "linearity": ("dq", "inv_coeffs"),
    "dark": ("dq", "average_dark_current"),
    "reset": ("dq",),
    "refpix": ("dq_table",),
    "flat": ("dq", "err"),
}

# The transform without which a file of the type is of no use.
MODELS = {"distortion": "model"}

# Types that describe the detector: the optical elements in the header of such a file are those it was measured with.
DETECTOR = frozenset(
    "mask saturation superbias linearity dark gain readnoise ipc refpix rscd reset lastframe persat trapdensity "
    "trappars emicorr sirskernel pictureframe".split()
)


def check(name: str) -> str:
    """Return `name` if there is such a reference type.

    Raises
    ------
    AttributeError
        Naming the nearest type there is.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, 1, 0.5)
        raise AttributeError(f"no reference type is called {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return name
