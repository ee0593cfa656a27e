"""The pipeline of an exposure, or of many."""

from __future__ import annotations

from jwgpu import steps
from jwgpu.data import Exposure, Exposures, Image, Ramp
from jwgpu.errors import InputError
from jwgpu.pipelines import table
from jwgpu.pipelines.core import Call, Pipeline
from jwgpu.pipelines.origins import CODE
from jwgpu.provenance import state_path


def detector1(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a ramp to rates, for the detector `ramp` was read from.

    Parameters
    ----------
    ramp : Ramp, optional
        Decides between the near-infrared and the MIRI order of steps; near-infrared without it.
    """
    return _pipeline("detector1, MIRI" if _is_miri(ramp) else "detector1, near-infrared")


def dark(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a dark exposure to a corrected ramp, of which dark references are made.

    Parameters
    ----------
    ramp : Ramp, optional
        As for `detector1`.
    """
    return _pipeline("dark, MIRI" if _is_miri(ramp) else "dark, near-infrared")


def guider(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a guider exposure to calibrated count-rate images, the same for every guider mode."""
    return _pipeline("guider")


def image2(image: Image | None = None) -> Pipeline:
    """Return the pipeline from a rate to a calibrated image.

    Parameters
    ----------
    image : Image, optional
        Where it is a stack, or of a mode that is not resampled on its own, resample is left out.
    """
    pipeline = _pipeline("image2")
    if image is None:
        return pipeline
    plain = not image.per_integration and _mode(image) in table.MOSAIC_MODES
    return pipeline if plain else _off(pipeline, "resample")


def image3(images: Exposures | Image | None = None) -> Pipeline:
    """Return the pipeline from calibrated images to a mosaic and a catalogue.

    Parameters
    ----------
    images : Exposures, optional
        Of a moving target, the coordinates follow the target (assign_mtwcs) instead of being aligned (tweakreg).
    """
    moving = images is not None and str(images.meta.target.type).upper() == "MOVING"
    return _off(_pipeline("image3"), "tweakreg" if moving else "assign_mtwcs")


def choose(exposure: Exposure) -> Pipeline:
    """Return the pipeline that belongs to an exposure, or to many: from raw to rate, to calibrated image, to mosaic.

    A raw exposure gets that of its EXP_TYPE and instrument, a rate `image2`, calibrated images `image3`. For one that
    has been through some of the steps, it starts after the last of them: no correction is applied twice.

    Raises
    ------
    InputError
        For a mode whose rates are not calibrated here, and for a product that is past all steps.
    """
    pipeline = _of(exposure)
    names = pipeline.names()
    here = {record.step for record in exposure.history if record.status == "COMPLETE"}
    done = [name for name in names if name in here or exposure.meta.get(state_path(name)) == "COMPLETE"]
    rest = names[names.index(done[-1]) + 1 :] if done else names
    if not rest:
        raise InputError(
            f"{exposure.name} has been through {'stage 1' if isinstance(exposure, Ramp) else pipeline.name} already "
            f"({', '.join(done)}); give what it was made from"
        )
    return pipeline.from_(rest[0])


def single(name: str, exposure: Exposure) -> Pipeline:
    """Return a pipeline of one step, for what the parameter files of the exposure's own pipeline say of it.

    Parameters
    ----------
    name : str
        The step, whether it stands in the pipeline of the exposure or not.
    exposure : Ramp, Image or Exposures
    """
    if isinstance(exposure, Ramp):
        kind = _stage1(exposure).name
    else:
        kind = "image3" if isinstance(exposure, Exposures) or name in table.IMAGE3 else "image2"
    return Pipeline(kind, (Call(steps.get(name)),))


def _of(exposure: Exposure) -> Pipeline:
    if isinstance(exposure, Ramp):
        return _stage1(exposure)
    mode = _mode(exposure)
    if isinstance(exposure, Exposures) or exposure.meta.cal_step.photom == "COMPLETE" or _done(exposure, "photom"):
        if mode not in table.MOSAIC_MODES:
            raise InputError(
                f"{exposure.name} is of EXP_TYPE {mode or 'unknown'}; mosaics are made of images of the sky"
            )
        return image3(exposure)
    if mode not in table.IMAGE_MODES:
        raise InputError(
            f"{exposure.name} is a rate of EXP_TYPE {mode or 'unknown'}; what follows stage 1 is done for images alone"
        )
    return image2(exposure)


def _stage1(ramp: Ramp) -> Pipeline:
    mode = _mode(ramp)
    return (guider if mode in table.GUIDER_MODES else dark if mode in table.DARK_MODES else detector1)(ramp)


def _mode(exposure: Exposure) -> str:
    return str(exposure.meta.get("exposure.type", "")).upper()


def _done(exposure: Exposure, step: str) -> bool:
    return any(record.step == step and record.status == "COMPLETE" for record in exposure.history)


def _off(pipeline: Pipeline, name: str) -> Pipeline:
    """Return the pipeline with a step off because of the kind of the exposure."""
    calls = [call.switched(True, CODE) if call.name == name else call for call in pipeline.calls]
    return Pipeline(pipeline.name, tuple(calls))


def _is_miri(ramp: Ramp | None) -> bool:
    return ramp is not None and str(ramp.meta.instrument.name).upper() == "MIRI"


def _pipeline(label: str) -> Pipeline:
    name, order = table.TABLES[label]
    off = {True: {"skip": CODE}, False: {}}
    calls = [Call(steps.get(step), skip=step in table.OFF, origins=off[step in table.OFF]) for step in order]
    return Pipeline(name, tuple(calls))
