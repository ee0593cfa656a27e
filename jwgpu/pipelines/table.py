"""Which steps run for which kind of exposure: a table, not an if-chain.

Time series (TSO) have no table of their own: the official pipeline takes them through the same steps and leaves what
is different (which steps are off, thresholds) to parameter references (`Pipeline.with_parameters`).
"""

from __future__ import annotations

NEAR_INFRARED = (
    "group_scale",
    "dq_init",
    "saturation",
    "ipc",
    "superbias",
    "refpix",
    "linearity",
    "dark_current",
    "charge_migration",
    "jump",
    "picture_frame",
    "clean_flicker_noise",
    "persistence",
    "ramp_fit",
    "gain_scale",
)

MIRI = (
    "group_scale",
    "dq_init",
    "emicorr",
    "saturation",
    "ipc",
    "firstframe",
    "lastframe",
    "reset",
    "linearity",
    "rscd",
    "dark_current",
    "refpix",
    "charge_migration",
    "jump",
    "picture_frame",
    "clean_flicker_noise",
    "persistence",
    "ramp_fit",
    "gain_scale",
)

DARK_NEAR_INFRARED = (
    "group_scale",
    "dq_init",
    "saturation",
    "ipc",
    "superbias",
    "refpix",
    "linearity",
)

DARK_MIRI = (
    "group_scale",
    "dq_init",
    "emicorr",
    "saturation",
    "ipc",
    "firstframe",
    "lastframe",
    "reset",
    "linearity",
    "rscd",
)

GUIDER = ("dq_init", "guider_cds")

IMAGE2 = (
    "bkg_subtract",
    "assign_wcs",
    "flat_field",
    "photom",
    "resample",
)

IMAGE3 = (
    "assign_mtwcs",
    "tweakreg",
    "skymatch",
    "outlier_detection",
    "resample",
    "source_catalog",
)

OFF = frozenset(
    (
        "emicorr",
        "firstframe",
        "charge_migration",
        "picture_frame",
        "clean_flicker_noise",
        "persistence",
    )
)  # fmt: skip
"""Steps that stand in a table but are left out unless they are asked for, by the user or by a parameter reference."""

TABLES = {
    "detector1, near-infrared": ("detector1", NEAR_INFRARED),
    "detector1, MIRI": ("detector1", MIRI),
    "dark, near-infrared": ("dark", DARK_NEAR_INFRARED),
    "dark, MIRI": ("dark", DARK_MIRI),
    "guider": ("guider", GUIDER),
    "image2": ("image2", IMAGE2),
    "image3": ("image3", IMAGE3),
}
"""Every table by its label: name of the pipeline, steps in order."""

GUIDER_MODES = frozenset(
    ("FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")
)  # fmt: skip
"""EXP_TYPEs of the guider."""

DARK_MODES = frozenset(
    ("NRC_DARK", "NIS_DARK", "NRS_DARK", "FGS_DARK", "MIR_DARKALL", "MIR_DARKIMG", "MIR_DARKMRS", "MIR_DARK")
)  # fmt: skip
"""EXP_TYPEs of exposures without light, which become corrected ramps; all others become rates, by `detector1`."""

MOSAIC_MODES = frozenset(("NRC_IMAGE", "NIS_IMAGE", "MIR_IMAGE", "FGS_IMAGE"))
"""EXP_TYPEs whose planes `image2` resamples and of which `image3` makes mosaics."""

IMAGE_MODES = MOSAIC_MODES | frozenset(
    "MIR_4QPM MIR_LYOT MIR_CORONCAL MIR_TACQ MIR_TACONFIRM NIS_AMI NIS_FOCUS NIS_TACQ NIS_TACONFIRM NRC_CORON "
    "NRC_FOCUS NRC_TSIMAGE NRC_TACQ NRC_TACONFIRM FGS_FOCUS NRS_MIMF NRS_IMAGE NRS_FOCUS NRS_TACQ NRS_TACONFIRM "
    "NRS_MSATA NRS_TASLIT NRS_WATA NRS_CONFIRM NRS_VERIFY".split()
)
"""EXP_TYPEs whose rates `image2` calibrates."""

BESIDE = {"resample": "i2d", "source_catalog": "catalog"}
"""Steps whose result stands beside what it was made of, and its name among the products."""
