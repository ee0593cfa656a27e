"""What every step is run on: tiny exposures of every mode, taken through their pipeline up to that step."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from jwgpu import pipelines, simulate, steps
from jwgpu.data import Exposure, Reference
from jwgpu.step import Step

MODES = (
    "nircam", "nircam_sub", "nircam_gaps", "nircam_one_group", "nircam_two_groups", "nircam_three_groups",
    "nircam_snowball", "nircam_cyclic", "niriss", "nirspec", "nirspec_sub", "nirspec_picture_frame",
    "nirspec_irs2", "nirspec_irs2rapid", "fgs_image", "tso", "nircam_ipc", "nircam_dhs",
    "nircam_superstripe_repeat", "niriss_superstripe", "miri", "miri_averaged", "miri_sub", "fgs_id_stack",
    "fgs_acq1", "fgs_fineguide",
)  # fmt: skip

PARAMETERS = {
    "charge_migration": {"signal_threshold": 5000.0},
    "emicorr": {"algorithm": "sequential"},
    "flat_field": {"inverse": True},
    "firstframe": {"bright_use_group1": False},
    "jump": {"expand_large_events": True, "find_showers": True, "extend_min_area": 20, "minimum_sigclip_groups": 2},
    "picture_frame": {"mask_science_regions": False, "save_mask": True, "save_correction": True},
    "photom": {"apply_time_correction": False},
    "ramp_fit": {"algorithm": "LIKELY"},
    "superbias": {"cyclic_bias": True, "cyclic_period": 512},
}
"""Other parameters that a step is run with too: those that lead past what the defaults do."""


_IMAGES = ("nircam", "miri_sub", "fgs_image", "nirspec_sub")
LATER = {"assign_wcs": _IMAGES, "flat_field": _IMAGES, "photom": _IMAGES}
"""Steps that no pipeline holds yet, and the modes in which they run on the images that pipelines give."""


@dataclass(frozen=True)
class Situation:
    """A step in its place: the exposure that reaches it in some mode, and the references it gets."""

    mode: str
    step: Step
    exposure: Exposure
    references: tuple[Reference | None, ...]
    parameters: dict

    def run(self, exposure: Exposure | None = None, references=None, put=None):
        """Run the step, by default on its own arrays; `put` moves exposure and references first."""
        exposure = self.exposure if exposure is None else exposure
        references = self.references if references is None else references
        if put is not None:
            exposure, references = put(exposure), [put(r) for r in references]
        return self.step(exposure, *references, **self.parameters)

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
        images = [exposure for exposure in waiting if isinstance(exposure, step.noun)]
        usual = [Situation(mode, step, image, references, {}) for image in images]
        found += usual
        if step.name in PARAMETERS:
            found += [Situation(mode, step, image, references, PARAMETERS[step.name]) for image in images]
        waiting = [situation.run() for situation in usual]
    return tuple(found)


def cases(step: str) -> list[Situation]:
    """Return the situations of one step in all modes."""
    return [s for mode in MODES for s in situations(mode) if s.step.name == step]
