"""Undo an on-board average that was divided by the wrong number of frames."""

from __future__ import annotations

from jwgpu.cut import Cut
from jwgpu.data import Ramp
from jwgpu.step import Skip, note, step


@step(unit="DN", streams=Cut("rows", sets=0), superstripes=True)
def group_scale(ramp: Ramp) -> Ramp:
    """Rescale the groups where on-board averaging divided by another number than that of the frames.

    Frames are summed on board and the sum is shifted right, so it is divided by a power of two (FRMDIVSR). Where
    the number of frames (NFRAMES) is not that power, the average is off by the factor FRMDIVSR / NFRAMES.

    Each group S becomes::

        S' = S FRMDIVSR / NFRAMES

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN. `meta.exposure.nframes` and `frame_divisor` are used.

    Returns
    -------
    Ramp
        `data` times FRMDIVSR / NFRAMES. The zero frame is a single frame and stays as it is.

    Skips when
    ----------
    NFRAMES is not given; FRMDIVSR equals NFRAMES or is not given.
    """
    frames = ramp.meta.get("exposure.nframes")
    divisor = ramp.meta.get("exposure.frame_divisor")
    if frames is None:
        raise Skip("the number of frames averaged into a group (NFRAMES) is not given")
    if divisor is None:
        if frames & (frames - 1) == 0:
            raise Skip(f"NFRAMES = {frames} is a power of two: the on-board average is right")
        raise Skip(f"NFRAMES = {frames}, but the on-board divisor (FRMDIVSR) is not given")
    if divisor == frames:
        raise Skip(f"the on-board divisor equals the number of frames ({frames})")
    scale = float(divisor) / float(frames)
    data = ramp.own("data")
    data *= scale
    note(scale=scale)
    return ramp.replace(data=data)
