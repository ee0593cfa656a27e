"""Small exposures of every kind, for tests and notebooks."""

from __future__ import annotations

from jwgpu.simulate.effects import IDEAL
from jwgpu.simulate.exposures import Simulation, exposure
from jwgpu.simulate.instruments import choose

_SMALL = dict(size=(64, 64), n_stars=6, n_galaxies=1)
_RAYS = dict(cosmic_rays=8.0)


def _guider(exp_type: str, readpatt: str, subarray: str, **options) -> dict:
    return dict(instrument="FGS", exp_type=exp_type, readpatt=readpatt, subarray=subarray, n_stars=3, n_galaxies=0,
                sky=50.0, **options)  # fmt: skip


_MODES = {
    "nircam": dict(**_SMALL, **_RAYS, n_groups=8, n_integrations=2),
    "nircam_a1": dict(**_SMALL, **_RAYS, detector="NRCA1", n_groups=6),
    "nircam_long": dict(**_SMALL, **_RAYS, detector="NRCBLONG", n_groups=6),
    "nircam_rapid": dict(**_SMALL, **_RAYS, readpatt="RAPID", n_groups=7),
    "nircam_gaps": dict(**_SMALL, **_RAYS, readpatt="SHALLOW4", n_groups=5),
    "nircam_snowball": dict(**_SMALL, **_RAYS, n_groups=8, n_integrations=2, snowballs=3.0),
    "nircam_no_zeroframe": dict(**_SMALL, **_RAYS, n_groups=5, zero_frame=False),
    "nircam_sub": dict(subarray="SUB64P", readpatt="RAPID", n_groups=8, n_integrations=2, n_stars=6, n_galaxies=0,
                       cosmic_rays=2000.0, sky=300.0),
    "nircam_sub_border": dict(subarray="SUB160", size=(64, 64), readpatt="RAPID", n_groups=6, n_stars=6,
                              n_galaxies=0, cosmic_rays=2000.0, sky=300.0),
    "nircam_ipc": dict(subarray="SUB160", size=(64, 64), readpatt="RAPID", n_groups=4, n_stars=6, n_galaxies=0,
                       ipc=True, sky=300.0),
    "nircam_cyclic": dict(subarray="SUB160", size=(72, 40), readpatt="RAPID", n_groups=3, n_integrations=20,
                          n_stars=3, n_galaxies=0, cyclic_bias=12.0, sky=50.0),
    "nircam_one_group": dict(**_SMALL, n_groups=1, n_integrations=2),
    "nircam_two_groups": dict(**_SMALL, **_RAYS, n_groups=2, n_integrations=2),
    "nircam_three_groups": dict(**_SMALL, **_RAYS, n_groups=3),
    "nircam_four_groups": dict(**_SMALL, **_RAYS, n_groups=4),
    "nircam_ideal": dict(size=(64, 64), n_groups=8, n_stars=0, n_galaxies=0, sky=20.0, effects=IDEAL),
    "nircam_dhs": dict(detector="NRCA2", subarray="SUB82STRIPE2_DHS", size=(82, 64), exp_type="NRC_TSGRISM",
                       readpatt="RAPID", n_groups=5, n_integrations=2, n_stars=60, n_galaxies=0, cosmic_rays=1000.0,
                       sky=100.0),
    "nircam_dhs_long": dict(detector="NRCALONG", subarray="SUB164STRIPE4_DHS", size=(164, 32), exp_type="NRC_TSGRISM",
                            readpatt="BRIGHT2", n_groups=4, n_stars=40, n_galaxies=0, cosmic_rays=1000.0, sky=100.0),
    "nircam_superstripe": dict(subarray="SUB64P_SUPSTP008", readpatt="RAPID", n_groups=5, n_integrations=2,
                               n_stars=200, n_galaxies=0, cosmic_rays=2000.0, sky=3000.0),
    "nircam_superstripe_repeat": dict(subarray="SUB64P_SUPSTP002", size=(8, 32), readpatt="RAPID", n_groups=3,
                                      n_integrations=2, n_stars=200, n_galaxies=0, cosmic_rays=2000.0, sky=3000.0),
    "niriss": dict(**_SMALL, **_RAYS, instrument="NIRISS", n_groups=6, n_integrations=2),
    "niriss_substrip256": dict(instrument="NIRISS", subarray="SUBSTRIP256", size=(64, 96), exp_type="NIS_SOSS",
                               readpatt="NISRAPID", n_groups=4, n_integrations=3, n_stars=4, n_galaxies=0,
                               cosmic_rays=2000.0, sky=100.0),
    "niriss_superstripe": dict(instrument="NIRISS", subarray="SUB680STRIPE_SOSS", size=(8, 684), exp_type="NIS_SOSS",
                               readpatt="NISRAPID", n_groups=4, n_integrations=2, n_stars=20, n_galaxies=0,
                               cosmic_rays=1000.0, sky=100.0),
    "nirspec": dict(**_SMALL, **_RAYS, instrument="NIRSPEC", n_groups=5, n_integrations=2),
    "nirspec_picture_frame": dict(instrument="NIRSPEC", size=(152, 152), n_groups=4, n_integrations=2, n_stars=4,
                                  n_galaxies=0, picture_frame=0.5),
    "nirspec_nrs2": dict(**_SMALL, **_RAYS, instrument="NIRSPEC", detector="NRS2", readpatt="NRSRAPID", n_groups=6),
    "nirspec_sub": dict(instrument="NIRSPEC", subarray="SUB2048", size=(32, 96), exp_type="NRS_BRIGHTOBJ",
                        readpatt="NRSRAPID", n_groups=5, n_integrations=3, n_stars=3, n_galaxies=0, sky=50.0,
                        cosmic_rays=2000.0),
    "nirspec_irs2": dict(**_SMALL, **_RAYS, instrument="NIRSPEC", readpatt="NRSIRS2", n_groups=5, n_integrations=2),
    "nirspec_irs2rapid": dict(**_SMALL, **_RAYS, instrument="NIRSPEC", detector="NRS2", readpatt="NRSIRS2RAPID",
                              n_groups=6),
    "fgs_image": dict(**_SMALL, **_RAYS, instrument="FGS", exp_type="FGS_IMAGE", n_groups=6, n_integrations=2),
    "fgs_image_guider1": dict(**_SMALL, **_RAYS, instrument="FGS", detector="GUIDER1", exp_type="FGS_IMAGE",
                              readpatt="FGS", n_groups=4),
    "tso": dict(subarray="SUB64P", size=(32, 48), exp_type="NRC_TSIMAGE", readpatt="RAPID", n_groups=3,
                n_integrations=20, n_stars=2, n_galaxies=0, sky=100.0, cosmic_rays=500.0),
    "miri": dict(instrument="MIRI", size=(64, 72), n_groups=12, n_integrations=2, n_stars=6, n_galaxies=1,
                 cosmic_rays=8.0),
    "miri_emi": dict(instrument="MIRI", size=(64, 72), n_groups=12, n_integrations=2, n_stars=6, n_galaxies=1,
                     emi=15.0),
    "miri_slow": dict(instrument="MIRI", size=(64, 72), readpatt="SLOWR1", n_groups=8, n_integrations=2, n_stars=6,
                      n_galaxies=1, cosmic_rays=1.0),
    "miri_averaged": dict(instrument="MIRI", size=(64, 72), readpatt="FASTGRPAVG", n_groups=8, n_integrations=2,
                          n_stars=6, n_galaxies=1, cosmic_rays=2.0),
    "miri_sub": dict(instrument="MIRI", subarray="SUB64", n_groups=10, n_integrations=4, n_stars=6, n_galaxies=0,
                     cosmic_rays=500.0, sky=3000.0),
    "miri_one_group": dict(instrument="MIRI", size=(64, 72), n_groups=1, n_integrations=2, n_stars=6, n_galaxies=1),
    "miri_three_groups": dict(instrument="MIRI", size=(64, 72), n_groups=3, n_stars=6, n_galaxies=1),
    "miri_two_groups": dict(instrument="MIRI", size=(64, 72), n_groups=2, n_stars=6, n_galaxies=1),
    "fgs_id_stack": _guider("FGS_ID-STACK", "ID", "2048X64", size=(64, 64), n_groups=2, n_integrations=2),
    "fgs_id_image": _guider("FGS_ID-IMAGE", "ID", "FULL", size=(64, 64), n_groups=2, n_integrations=2),
    "fgs_acq1": _guider("FGS_ACQ1", "ACQ1", "128X128", n_groups=2, n_integrations=6),
    "fgs_acq2": _guider("FGS_ACQ2", "ACQ2", "32X32", n_groups=2, n_integrations=5),
    "fgs_track": _guider("FGS_TRACK", "TRACK", "32X32", n_groups=2, n_integrations=20),
    "fgs_fineguide": _guider("FGS_FINEGUIDE", "FINEGUIDE", "8X8", n_groups=8, n_integrations=10),
}  # fmt: skip

_ALIASES = {"one_group": "nircam_one_group", "two_groups": "nircam_two_groups", "three_groups": "nircam_three_groups",
            "four_groups": "nircam_four_groups", "ideal": "nircam_ideal"}  # fmt: skip


def modes() -> tuple[str, ...]:
    """Return the modes that `tiny` knows."""
    return tuple(_MODES)


def tiny(mode: str = "nircam", *, seed: int = 1, **changes) -> Simulation:
    """Simulate a small exposure of some kind within a fraction of a second.

    Parameters
    ----------
    mode : str
        One of `modes()`; a name without its instrument means NIRCam (`"one_group"`).
    seed : int
    **changes
        Any argument of `exposure` or any effect.
    """
    options = choose("kind of tiny exposure", _ALIASES.get(mode, mode), _MODES)
    return exposure(**{"seed": seed, **options, **changes})
