"""What every step is run on: tiny exposures of every mode, taken through their pipeline up to that step."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from jwgpu import pipelines, simulate, steps
from jwgpu.data import Exposure, Exposures, Image, Reference
from jwgpu.step import Step

MODES = (
    "nircam", "nircam_sub", "nircam_gaps", "nircam_one_group", "nircam_two_groups", "nircam_three_groups",
    "nircam_snowball", "nircam_cyclic", "niriss", "nirspec", "nirspec_sub", "nirspec_picture_frame",
    "nirspec_irs2", "nirspec_irs2rapid", "fgs_image", "tso", "nircam_ipc", "nircam_dhs",
    "nircam_superstripe_repeat", "niriss_superstripe", "miri", "miri_averaged", "miri_sub", "fgs_id_stack",
    "fgs_acq1", "fgs_fineguide",
)  # fmt: skip

PARAMETERS = {
    "bkg_subtract": {"save_combined_background": True, "maxiters": 1},
    "charge_migration": {"signal_threshold": 5000.0},
    "emicorr": {"algorithm": "sequential"},
    "flat_field": {"inverse": True},
    "firstframe": {"bright_use_group1": False},
    "jump": {"expand_large_events": True, "find_showers": True, "extend_min_area": 20, "minimum_sigclip_groups": 2},
    "clean_flicker_noise": {"background_method": "model", "single_mask": False, "fit_histogram": True},
    "picture_frame": {"mask_science_regions": False, "save_mask": True, "save_correction": True},
    "outlier_detection": {
        "snr": "3.0 2.0",
        "scale": "0.5 0.3",
        "balance": 0.3,
        "weight_type": "exptime",
        "pixfrac": 0.7,
        "kernel": "turbo",
    },
    "photom": {"apply_time_correction": False},
    "ramp_fit": {"algorithm": "LIKELY"},
    "resample": {
        "kernel": "lanczos3",
        "weight_type": "exptime",
        "pixel_scale_ratio": 1.6,
        "propagate_dq": True,
        "pixmap_tolerance": 0.0,
        "single": True,
    },
    "skymatch": {"skymethod": "global+match", "subtract": True, "skystat": "median", "matching": "plane"},
    "source_catalog": {"npixels": 5, "snr_threshold": 2.0, "localbkg_width": 5},
    "superbias": {"cyclic_bias": True, "cyclic_period": 512},
    "tweakreg": {
        "starfinder": "dao",
        "snr_threshold": 3.0,
        "separation": 0.2,
        "tolerance": 0.1,
        "minobj": 1,
        "fitgeometry": "shift",
        "expand_refcat": True,
    },
}
"""Other parameters that a step is run with too: those that lead past what the defaults do."""


_IMAGES = ("nircam", "miri_sub", "fgs_image", "nirspec_sub")
_CALIBRATED = tuple(mode for mode in _IMAGES if mode != "nirspec_sub")  # in MJy/sr
LATER = {
    **dict.fromkeys(("bkg_subtract", "assign_wcs", "flat_field", "photom"), _IMAGES), "source_catalog": _CALIBRATED,
    "assign_mtwcs": _IMAGES, "tweakreg": _CALIBRATED, "skymatch": _CALIBRATED, "outlier_detection": _CALIBRATED,
    "resample": _CALIBRATED,
}  # fmt: skip
"""Steps that no pipeline holds yet, and the modes in which they run on the images that pipelines give; those of many
exposures on a set of each image that has coordinates and the same one dithered."""

ASIDE = ("source_catalog", "assign_mtwcs", "resample")
"""Those whose result the next step does not get."""

ROLES = {"background": ("NRC_IMAGE",)}
"""Roles of other exposures, and EXP_TYPEs for which tests give them to steps."""


@dataclass(frozen=True)
class Situation:
    """A step in its place: the exposure that reaches it in some mode, and the references it gets."""

    mode: str
    step: Step
    exposure: Exposure
    references: tuple[Reference | None, ...]
    parameters: dict
    roles: dict[str, Exposures] = field(default_factory=dict)

    def run(self, exposure: Exposure | None = None, references=None, roles=None, put=None):
        """Run the step, by default on its own arrays; `put` moves exposure, references and other exposures first."""
        exposure = self.exposure if exposure is None else exposure
        references = self.references if references is None else references
        roles = self.roles if roles is None else roles
        if put is not None:
            exposure, (references, roles) = put(exposure), self.beside(put)
        return self.step(exposure, **dict(zip(self.step.references, references)), **roles, **self.parameters)

    def beside(self, put) -> tuple[list, dict]:
        """Return references and other exposures, each moved by `put`."""
        return [put(r) for r in self.references], {name: put(those) for name, those in self.roles.items()}

    def __str__(self) -> str:
        return f"{self.step.name} on {self.mode}"


def parts(outcome) -> dict[str, Exposure]:
    """Return the nouns that a step gave, by name."""
    return outcome._asdict() if hasattr(outcome, "_asdict") else {"result": outcome}


@functools.cache
def situations(mode: str) -> tuple[Situation, ...]:
    """Run the pipeline of a mode and return every step with what it was given."""
    simulation = simulate.tiny(mode)
    waiting, found = [simulation.ramp], []
    for call in pipelines.choose(simulation.ramp).calls:
        references = tuple(simulation.references.get(kind) for kind in call.references)
        after = []
        for exposure in waiting:
            found.append(Situation(mode, call.step, exposure, references, dict(call.parameters)))
            outcome = list(parts(found[-1].run()).values())
            if call.name in PARAMETERS:
                found.append(Situation(mode, call.step, exposure, references, PARAMETERS[call.name]))
            after += [exposure] if call.skip else outcome
        waiting = after
    for step in (steps.get(name) for name, modes in LATER.items() if mode in modes):
        references = tuple(simulation.references.get(kind) for kind in step.references)
        if step.nouns[0] is Exposures:
            planes = [e for e in waiting if isinstance(e, Image) and not e.per_integration and e.wcs is not None]
            waiting = [e for e in waiting if isinstance(e, Exposures)] + [dithered(e, simulation) for e in planes]
        images = [exposure for exposure in waiting if isinstance(exposure, step.nouns)]
        given = [{}, PARAMETERS[step.name]] if step.name in PARAMETERS else [{}]
        these = [Situation(mode, step, i, references, values, _roles(step, i)) for i in images for values in given]
        found += these
        usual = [situation for situation in these if not situation.parameters]
        waiting = [s.exposure if step.name in ASIDE else s.run() for s in usual]
    return tuple(found)


def dithered(image: Image, simulation) -> Exposures:
    """Return a set of an image and of the same one taken three pixels to the north."""
    north = 3 * float(simulation.ramp.meta.photometry.pixelarea_arcsecsq or 0.001) ** 0.5 / 3600  # degrees
    image = image.replace(meta=image.meta.set({"wcsinfo.mt_ra": 0.0, "wcsinfo.mt_dec": 0.0}))
    meta = {"wcsinfo.dec_ref": image.meta.get("wcsinfo.dec_ref", 0.0) + north, "wcsinfo.mt_dec": north,
            "observation.exposure_number": "00002"}  # fmt: skip
    moved = image.replace(meta=image.meta.set(meta))
    references = [simulation.references.get(kind) for kind in steps.assign_wcs.references]
    moved = steps.assign_wcs(moved, *references).replace(history=image.history)
    return Exposures.of([image, moved], product_name="dithered")


def _roles(step: Step, exposure: Exposure) -> dict[str, Exposures]:
    """Return other exposures for a step that takes them: its own, twice."""
    kind = exposure.meta.get("exposure.type")
    one = exposure[0] if isinstance(exposure, Exposures) else exposure
    return {role: Exposures.of([one, one]) for role in step.roles if kind in ROLES[role]}


def cases(step: str) -> list[Situation]:
    """Return the situations of one step in all modes."""
    return [s for mode in MODES for s in situations(mode) if s.step.name == step]
