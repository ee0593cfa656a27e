"""Find cosmic rays: groups whose difference from the one before stands out from the rest of the ramp.

Around large hits more is flagged than stands out: `snowballs` of near-infrared detectors, `showers` of MIRI.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from jwgpu import backend
from jwgpu.cut import Cut, seen, whole
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.numerics import jumps
from jwgpu.step import Skip, count, note, step
from jwgpu.steps.jump.events import large_events, leave_for_showers
from jwgpu.steps.jump.morphology import Morphology
from jwgpu.steps.jump.search import After, Search, rules
from jwgpu.steps.jump.showers import FEWEST_DIFFERENCES, Readout, Showers
from jwgpu.steps.jump.snowballs import Snowballs


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    n_values = ramp.shape[0] * (1 if parameters["only_use_ints"] else ramp.shape[1])
    clips = n_values >= parameters["minimum_sigclip_groups"]
    events = parameters["expand_large_events"] or parameters["find_showers"]
    if parameters["find_showers"] and (parameters["expand_large_events"] or clips):
        # Showers would need ramps after snowballs, or a typical frame for each group.
        return Cut()
    halo, sets = int(parameters["flag_4_neighbors"]), 255 if events else int(GROUP.JUMP_DET)
    return Cut("rows", halo, sets, asks=int(GROUP.DO_NOT_USE), looks=clips, frames=events)


def _lost_groups(ramp: Ramp, parameters: dict) -> np.ndarray:
    """Say which groups (integration, group) are DO_NOT_USE in every pixel."""
    groupdq = ramp.groupdq
    lost = [(plane & GROUP.DO_NOT_USE).all() for plane in groupdq.reshape(-1, *groupdq.shape[2:])]
    return backend.to_host(backend.namespace(groupdq).stack(lost)).reshape(groupdq.shape[:2])


def _rates(ramp: Ramp, notes: dict) -> dict:
    """Return hits per 1000 pixels and second, and events per 1e6."""
    n_integrations, n_groups, *plane = ramp.shape
    # Groups lost everywhere and one group of each integration give no difference.
    seconds = ramp.meta.exposure.group_time * (n_integrations * (n_groups - 1) - notes["groups_lost"])
    if not seconds > 0:
        return {}
    return {
        "exposure.primary_cosmic_rays": 1000 * notes["groups_hit"] / (seconds * plane[0] * plane[1]),
        "exposure.extended_emission_events": 1e6 * notes["large_events"] / (seconds * plane[0] * plane[1]),
    }


def _clipped_groups(
    ramp: Ramp, gain: Reference, readnoise: Reference, *, search: Search, after: After, **others
) -> np.ndarray:
    """Say in which groups (integration, group) clipping leaves out every pixel, but for those lost anyway."""
    lost = whole(_lost_groups, ramp)
    try:
        found = rules(ramp, gain, lost, search, after)
    except Skip:  # as the step itself will say
        return np.zeros_like(lost)
    if found.clip is None:
        return np.zeros_like(lost)
    groupdq, plane = ramp.groupdq.copy(), ramp.shape[-2:]
    alone = replace(found, spread=None, after=(), spared=np.zeros_like(lost))
    jumps.two_point_difference(ramp.data, groupdq, _plane(gain, plane), _plane(readnoise, plane), alone)
    return jumps.whole_groups(groupdq) & ~lost


def _plane(reference: Reference, shape):
    data = reference.check_shape("data", shape)
    return backend.namespace(data).asarray(data, dtype=np.float32)


@step(unit="DN", streams=_cut, asks=_lost_groups, looks=_clipped_groups, frames=large_events, finish=_rates)
def jump(
    ramp: Ramp,
    gain: Reference,
    readnoise: Reference,
    *,
    search: Search = Search(),
    after: After = After(),
    max_extended_radius: int = 200,
    expand_large_events: bool = False,
    snowball_method: Literal["ellipses", "morphology"] = "ellipses",
    snowballs: Snowballs = Snowballs(),
    morphology: Morphology = Morphology(),
    find_showers: bool = False,
    showers: Showers = Showers(),
) -> Ramp:
    """Flag cosmic-ray hits as JUMP_DET in `groupdq`.

    Differences of neighbouring groups, in electrons, are compared with their median over all integrations of the pixel
    [1]_; `jwgpu.numerics.jumps` has the formulae. Groups flagged DO_NOT_USE or SATURATED take no part.

    Parameters
    ----------
    ramp : Ramp
        Linear ramps, DN.
    gain : Reference
        `data` (y, x), electron / DN. Pixels where it is not positive become DO_NOT_USE and NO_GAIN_VALUE in `pixeldq`.
    readnoise : Reference
        `data` (y, x), DN: noise of the difference of two frames.
    search : Search
        What counts as a jump: `rejection_threshold`, `three_group_rejection_threshold`,
        `four_group_rejection_threshold`, `flag_4_neighbors`, `max_jump_to_flag_neighbors`,
        `min_jump_to_flag_neighbors`, `min_diffs_single_pass`, `minimum_sigclip_groups`, `only_use_ints`.
    after : After
        Which groups after a jump are flagged: `after_jump_flag_dn1`, `after_jump_flag_time1` and a second pair.
    max_extended_radius : int
        Pixels: no ellipse of a snowball or shower grows larger.
    expand_large_events : bool
        Look for snowballs: round hits of near-infrared detectors with a saturated core and a faint halo.
    snowball_method : {"ellipses", "morphology"}
        By ellipses around blobs of jumps and saturated cores, as the official step does, or by the shape of jumps.
    snowballs : Snowballs
        The method "ellipses": `min_sat_area`, `min_jump_area`, `expand_factor`, `sat_required_snowball`,
        `min_sat_radius_extend`, `sat_expand`, `edge_size`, `mask_snowball_core_next_int`,
        `snowball_time_masked_next_int`.
    morphology : Morphology
        The method "morphology": `opening_radius`, `largest_hole`, `growth_factor`, `ring_width`, `after_jumps`; and
        `mask_snowball_core_next_int` and `snowball_time_masked_next_int` of `snowballs`.
    find_showers : bool
        Look for showers: faint extended emission that MIRI sees after a hit.
    showers : Showers
        `max_shower_amplitude`, `extend_snr_threshold`, `extend_min_area`, `extend_inner_radius`, `extend_outer_radius`,
        `extend_ellipse_expand_ratio`, `time_masked_after_shower`.

    Returns
    -------
    Ramp
        With JUMP_DET in `groupdq`, NO_GAIN_VALUE in `pixeldq`, and the metadata `exposure.primary_cosmic_rays`
        (groups hit per 1000 pixels and second, neighbours not counted) and `exposure.extended_emission_events`
        (snowballs, or showers where these are looked for, per 1e6 pixels and second).

    Raises
    ------
    InputError
        A rejection threshold is negative.
    ValueError
        A reference does not fit the exposure, or the exposure does not say `nframes` or `group_time`.

    Skips when
    ----------
    There are fewer than three groups, or an integration has fewer than three that are not DO_NOT_USE in every pixel.

    Differs from jwst
    -----------------
    * With fewer than three usable groups the official step ends as COMPLETE with a negative PRIMECRS and flags bad
      gains; here it is skipped and says why.
    * JUMP_DET that came with an unusable group is removed before hits are counted, not after.
    * Pixels exactly on the rim of a snowball's or shower's ellipse are outside. There, rounding decides in the official
      step: four pixels or a few more of a circle, 3 to 7 in 10000 flagged pixels of an exposure.
    * `snowball_method` and the parameters of `morphology` are not there.
    * `minimum_groups` is not a parameter: the official step sets it to 3 whatever is asked for. Nor is `use_ellipses`,
      which does nothing there.

    References
    ----------
    .. [1] Anderson & Gordon 2011, PASP 123, 1237, doi:10.1086/662593
    """
    lost = whole(_lost_groups, ramp)
    found = replace(rules(ramp, gain, lost, search, after), spared=seen(_clipped_groups))
    n_integrations, n_groups, *plane = ramp.shape
    electrons_per_dn, noise = _plane(gain, plane), _plane(readnoise, plane)
    groupdq = ramp.own("groupdq")
    hits = jumps.two_point_difference(ramp.data, groupdq, electrons_per_dn, noise, found)
    flagged = {"groupdq": groupdq}
    unknown_gain = ~(electrons_per_dn > 0)
    if bool(unknown_gain.any()):
        flagged["pixeldq"] = ramp.own("pixeldq")
        flagged["pixeldq"] |= unknown_gain * (PIXEL.NO_GAIN_VALUE | PIXEL.DO_NOT_USE)
    count(groups_hit=hits, pixels_without_gain=unknown_gain)
    note(groups_lost=int(lost.sum()), large_events=0, single_pass=found.single_pass)
    ramp = ramp.replace(**flagged)
    if find_showers and n_integrations * (n_groups - 1) - int(lost.sum()) >= FEWEST_DIFFERENCES:
        readout = Readout.of(ramp, n_integrations >= search.minimum_sigclip_groups)
        leave_for_showers(ramp, electrons_per_dn, noise, readout, after_snowballs=expand_large_events)
    return ramp
