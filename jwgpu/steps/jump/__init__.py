"""Find cosmic rays: groups whose difference from the one before stands out from the rest of the ramp.

Around large hits more is flagged than stands out: `snowballs` of near-infrared detectors, `showers` of MIRI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from jwgpu import backend
from jwgpu.cut import Cut, whole
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics import jumps
from jwgpu.step import Skip, count, note, step
from jwgpu.steps.jump.morphology import Morphology
from jwgpu.steps.jump.morphology import flag as flag_shapes
from jwgpu.steps.jump.showers import FEWEST_DIFFERENCES, Readout, Showers
from jwgpu.steps.jump.showers import flag as flag_showers
from jwgpu.steps.jump.snowballs import Snowballs
from jwgpu.steps.jump.snowballs import flag as flag_ellipses


@dataclass(frozen=True)
class After:
    """Which groups after a large jump are flagged too: persistence and brighter-fatter transients call for it.

    Attributes
    ----------
    after_jump_flag_dn1, after_jump_flag_time1 : float
        DN and seconds: after jumps at least so large, the groups of so many seconds are flagged too. 0 s flags none.
    after_jump_flag_dn2, after_jump_flag_time2 : float
        A second such pair.
    """

    after_jump_flag_dn1: float = 0.0
    after_jump_flag_time1: float = 0.0
    after_jump_flag_dn2: float = 0.0
    after_jump_flag_time2: float = 0.0

    def electrons_and_groups(self, gain: Reference, group_time: float) -> tuple[tuple[float, int], ...]:
        """Return the pairs in electrons, by the median gain, and groups; those that flag no group are left out."""
        pairs = [
            (self.after_jump_flag_dn1, int(self.after_jump_flag_time1 // group_time)),
            (self.after_jump_flag_dn2, int(self.after_jump_flag_time2 // group_time)),
        ]
        if max(n for _, n in pairs) < 1:
            return ()
        values = gain.whole.data
        xp = backend.namespace(values)
        known = values[~xp.isnan(values)].astype(np.float32, copy=False)
        if not known.size:
            return ()
        median = np.float32(float(xp.median(known)))
        return tuple((float(np.float32(dn) * median), n) for dn, n in pairs if n >= 1)


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    # Sigma clipping looks at whole groups, and large events are found in whole frames.
    n_values = ramp.shape[0] * (1 if parameters["only_use_ints"] else ramp.shape[1])
    frames = parameters["expand_large_events"] or parameters["find_showers"]
    if frames or n_values >= parameters["minimum_sigclip_groups"]:
        return Cut(None)
    halo = int(parameters["flag_4_neighbors"])
    return Cut("rows", halo, sets=int(GROUP.JUMP_DET), asks=int(GROUP.DO_NOT_USE))


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


@step(unit="DN", streams=_cut, asks=_lost_groups, finish=_rates)
def jump(
    ramp: Ramp,
    gain: Reference,
    readnoise: Reference,
    *,
    rejection_threshold: float = 4.0,
    three_group_rejection_threshold: float = 6.0,
    four_group_rejection_threshold: float = 5.0,
    flag_4_neighbors: bool = True,
    max_jump_to_flag_neighbors: float = 1000.0,
    min_jump_to_flag_neighbors: float = 10.0,
    min_diffs_single_pass: int = 10,
    minimum_sigclip_groups: int = 100,
    only_use_ints: bool = True,
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
    rejection_threshold : float
        Sigma at which a difference counts as a jump, for four or more usable differences of a pixel.
    three_group_rejection_threshold, four_group_rejection_threshold : float
        The same for two and for three usable differences (of three and of four groups).
    flag_4_neighbors : bool
        Flag the four neighbours of a hit pixel in the same group too: charge diffuses.
    max_jump_to_flag_neighbors, min_jump_to_flag_neighbors : float
        Sigma; neighbours are flagged for jumps between these.
    min_diffs_single_pass : int
        From so many differences in an integration on, one comparison with the median finds all jumps. With fewer, the
        largest jump is taken out and the search repeated until nothing stands out.
    minimum_sigclip_groups : int
        From so many integrations on, a difference is compared with the same one of the other integrations instead, and
        those beyond `rejection_threshold` standard deviations are clipped.
    only_use_ints : bool
        If False, all differences of a pixel are clipped together, from so many groups in all on.
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
        The method "morphology": `opening_radius`, `largest_hole`, `growth_factor`, `ring_width`, `after_jumps`.
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
    if min(rejection_threshold, three_group_rejection_threshold, four_group_rejection_threshold) < 0:
        raise InputError("jump: a rejection threshold is negative; thresholds are numbers of sigma, 0 or more")
    n_integrations, n_groups, *plane = ramp.shape
    if n_groups < 3:
        raise Skip(f"two-point differences need at least 3 groups, there are {n_groups}")
    lost = whole(_lost_groups, ramp).sum(axis=1)
    usable = n_groups - int(lost.max())
    clip = _clips(n_integrations, n_integrations * n_groups - int(lost.sum()), minimum_sigclip_groups, only_use_ints)
    if usable < 3 and not clip:
        raise Skip(f"an integration has only {usable} usable groups, two-point differences need 3")
    group_time = ramp.meta.require("exposure.group_time", "jump")
    xp = backend.namespace(ramp.data)
    electrons_per_dn = xp.asarray(gain.check_shape("data", plane), dtype=np.float32)
    noise = xp.asarray(readnoise.check_shape("data", plane), dtype=np.float32)
    rules = jumps.Rules(
        single_pass=usable - 1 >= min_diffs_single_pass,
        four=rejection_threshold,
        three=four_group_rejection_threshold,
        two=three_group_rejection_threshold,
        spread=(min_jump_to_flag_neighbors, max_jump_to_flag_neighbors) if flag_4_neighbors else None,
        after=after.electrons_and_groups(gain, group_time),
        n_frames=int(ramp.meta.require("exposure.nframes", "jump")),
        clip=clip,
    )
    groupdq = ramp.own("groupdq")
    # Snowballs make groups SATURATED that showers still look at.
    unusable = (groupdq & jumps.UNUSABLE) != 0 if find_showers and expand_large_events else None
    found = jumps.two_point_difference(ramp.data, groupdq, electrons_per_dn, noise, rules)
    flagged = {"groupdq": groupdq}
    unknown_gain = ~(electrons_per_dn > 0)
    if bool(unknown_gain.any()):
        flagged["pixeldq"] = ramp.own("pixeldq")
        flagged["pixeldq"] |= unknown_gain * (PIXEL.NO_GAIN_VALUE | PIXEL.DO_NOT_USE)
    events, widest = 0, 2.0 * max_extended_radius
    if expand_large_events and snowball_method == "ellipses":
        events = flag_ellipses(groupdq, snowballs, widest, group_time)
    elif expand_large_events:
        events = flag_shapes(groupdq, morphology)
    if expand_large_events:
        note(snowballs=events)
    if find_showers and n_integrations * (n_groups - 1) - int(lost.sum()) >= FEWEST_DIFFERENCES:
        readout = Readout(group_time, rules.n_frames, n_integrations >= minimum_sigclip_groups)
        pixeldq = flagged.get("pixeldq", ramp.pixeldq)
        events = flag_showers(
            ramp.data, groupdq, unusable, pixeldq, electrons_per_dn, noise, showers, widest, readout
        )  # fmt: skip
        note(showers=events)
    elif find_showers:
        events = 0
    count(groups_hit=found, pixels_without_gain=unknown_gain)
    note(groups_lost=int(lost.sum()), large_events=events, single_pass=rules.single_pass)
    return ramp.replace(**flagged)


def _clips(n_integrations: int, n_groups: int, minimum: int, only_use_ints: bool) -> str | None:
    """Say what is clipped, with so many usable groups in all: "integrations", "all" or nothing."""
    if only_use_ints:
        return "integrations" if n_integrations >= minimum else None
    return "all" if n_groups >= minimum else None
