"""Which steps run for which kind of exposure: a table, not an if-chain."""

from __future__ import annotations

NEAR_INFRARED = (
    "group_scale",
    "dq_init",
    "saturation",
    "superbias",
    "refpix",
    "linearity",
    "dark_current",
    "jump",
    "ramp_fit",
    "gain_scale",
)

MIRI = (
    "group_scale",
    "dq_init",
    "saturation",
    "linearity",
    "dark_current",
    "refpix",
    "jump",
    "ramp_fit",
    "gain_scale",
)

GUIDER = ("dq_init", "guider_cds")

GUIDER_MODES = frozenset(
    ("FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")
)  # fmt: skip
"""EXP_TYPEs of the guider; every other exposure is calibrated by `detector1`."""
