"""Large events: what is left to be flagged in whole frames, once single hits are found in all rows."""

from __future__ import annotations

from jwgpu.cut import here
from jwgpu.data import Image, Ramp
from jwgpu.numerics import jumps
from jwgpu.step import byproduct, note
from jwgpu.steps.jump import morphology as shapes
from jwgpu.steps.jump import showers as extended
from jwgpu.steps.jump import snowballs as round_events
from jwgpu.steps.jump.morphology import Morphology
from jwgpu.steps.jump.showers import Readout, Showers
from jwgpu.steps.jump.snowballs import Snowballs

_GAIN, _EXPECTED = "_gain_and_noise", "_expected_differences"


def leave_for_showers(ramp: Ramp, gain, readnoise, readout: Readout, after_snowballs: bool) -> None:
    """Leave what `large_events` has to know of all groups of a pixel to find showers.

    With snowballs the differences are looked at after these, by `large_events` itself.
    """
    left = {_GAIN: Image(data=gain, err=readnoise, unit="")}
    if not after_snowballs:
        typical, sigma = extended.expected(ramp.data, ramp.groupdq, None, gain, readnoise, readout)
        left[_EXPECTED] = Image(data=typical, err=sigma, unit="electron")
    byproduct(**left)


def large_events(
    ramp: Ramp,
    left: dict,
    *,
    max_extended_radius: int,
    expand_large_events: bool,
    snowball_method: str,
    snowballs: Snowballs,
    morphology: Morphology,
    find_showers: bool,
    showers: Showers,
    search,
    **others,
) -> Ramp:
    """Return the ramp with its snowballs and showers flagged; see `jump`, whose second part this is."""
    if not (expand_large_events or find_showers):
        return ramp
    groupdq, widest, events = ramp.own("groupdq"), 2.0 * max_extended_radius, 0
    group_time = ramp.meta.require("exposure.group_time", "jump")
    # Snowballs make groups SATURATED that showers still look at.
    both = find_showers and expand_large_events
    unusable = (groupdq & jumps.UNUSABLE) != 0 if both else None
    if expand_large_events and snowball_method == "ellipses":
        events = round_events.flag(groupdq, snowballs, widest, group_time)
    elif expand_large_events:
        events = shapes.flag(groupdq, morphology, snowballs.remembered(groupdq.shape[1], group_time))
    if expand_large_events:
        note(snowballs=events)
    if find_showers:
        events = 0
    if find_showers and _GAIN in left:
        planes, known = left.pop(_GAIN), left.pop(_EXPECTED, None)
        gain, noise = here(planes.data), here(planes.err)
        readout = Readout.of(ramp, ramp.n_integrations >= search.minimum_sigclip_groups)
        if known is None:
            expected = extended.expected(ramp.data, groupdq, unusable, gain, noise, readout)
        else:
            expected = here(known.data), here(known.err)
        events = extended.flag(
            ramp.data, groupdq, unusable, here(ramp.pixeldq), gain, expected, showers, widest, readout
        )
        note(showers=events)
    note(large_events=events)
    return ramp.replace(groupdq=groupdq)
