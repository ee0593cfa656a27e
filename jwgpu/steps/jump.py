"""Find cosmic rays: groups whose difference from the one before stands out from the rest of the ramp."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics import jumps
from jwgpu.step import Skip, note, step


@step(unit="DN")
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
    after_jump_flag_dn1: float = 0.0,
    after_jump_flag_time1: float = 0.0,
    after_jump_flag_dn2: float = 0.0,
    after_jump_flag_time2: float = 0.0,
    min_diffs_single_pass: int = 10,
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
    after_jump_flag_dn1, after_jump_flag_time1 : float
        DN and seconds: after jumps at least so large, the groups of so many seconds are flagged as well. Persistence
        and brighter-fatter transients call for it. 0 s flags none.
    after_jump_flag_dn2, after_jump_flag_time2 : float
        A second such pair.
    min_diffs_single_pass : int
        From so many differences in an integration on, one comparison with the median finds all jumps. With fewer, the
        largest jump is taken out and the search repeated until nothing stands out.

    Returns
    -------
    Ramp
        With JUMP_DET in `groupdq`, NO_GAIN_VALUE in `pixeldq`, and the metadata `exposure.primary_cosmic_rays`
        (groups hit per 1000 pixels and second, neighbours not counted) and `exposure.extended_emission_events`.

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
    * From 100 integrations on the official step clips each difference across the integrations. Here two-point
      differences serve any number of integrations.
    * With fewer than three usable groups the official step ends as COMPLETE with a negative PRIMECRS and flags bad
      gains; here it is skipped and says why.
    * JUMP_DET that came with an unusable group is removed before hits are counted, not after.
    * Snowballs and showers are not part of this step; EXTNCRS is 0.

    References
    ----------
    .. [1] Anderson & Gordon 2011, PASP 123, 1237, doi:10.1086/662593
    """
    if min(rejection_threshold, three_group_rejection_threshold, four_group_rejection_threshold) < 0:
        raise InputError("jump: a rejection threshold is negative; thresholds are numbers of sigma, 0 or more")
    n_integrations, n_groups, *plane = ramp.shape
    if n_groups < 3:
        raise Skip(f"two-point differences need at least 3 groups, there are {n_groups}")
    lost = _lost_groups(ramp.groupdq)
    usable = n_groups - int(lost.max())
    if usable < 3:
        raise Skip(f"an integration has only {usable} usable groups, two-point differences need 3")
    group_time = ramp.meta.require("exposure.group_time", "jump")
    xp = backend.namespace(ramp.data)
    electrons_per_dn = xp.asarray(gain.check_shape("data", plane), dtype=np.float32)
    noise = xp.asarray(readnoise.check_shape("data", plane), dtype=np.float32)
    after = ((after_jump_flag_dn1, after_jump_flag_time1), (after_jump_flag_dn2, after_jump_flag_time2))
    rules = jumps.Rules(
        single_pass=usable - 1 >= min_diffs_single_pass,
        four=rejection_threshold,
        three=four_group_rejection_threshold,
        two=three_group_rejection_threshold,
        spread=(min_jump_to_flag_neighbors, max_jump_to_flag_neighbors) if flag_4_neighbors else None,
        after=_after(after, electrons_per_dn, group_time),
        n_frames=int(ramp.meta.require("exposure.nframes", "jump")),
    )
    groupdq = ramp.own("groupdq")
    found = jumps.two_point_difference(ramp.data, groupdq, electrons_per_dn, noise, rules)
    flagged = {"groupdq": groupdq}
    unknown_gain = ~(electrons_per_dn > 0)
    without_gain = int(xp.count_nonzero(unknown_gain))
    if without_gain:
        flagged["pixeldq"] = ramp.own("pixeldq")
        flagged["pixeldq"] |= unknown_gain * (PIXEL.NO_GAIN_VALUE | PIXEL.DO_NOT_USE)
    # Groups lost everywhere and one group of each integration give no difference.
    seconds = group_time * (n_integrations * (n_groups - 1) - int(lost.sum()))
    rates = {}
    if seconds > 0:
        rates["exposure.primary_cosmic_rays"] = 1000 * found / (seconds * plane[0] * plane[1])
        rates["exposure.extended_emission_events"] = 0.0
    note(groups_hit=found, pixels_without_gain=without_gain, single_pass=rules.single_pass)
    return ramp.replace(**flagged, meta=ramp.meta.set(rates))


def _lost_groups(groupdq) -> np.ndarray:
    """Count, for each integration, the groups that are DO_NOT_USE in every pixel."""
    xp = backend.namespace(groupdq)
    n_integrations, n_groups = groupdq.shape[:2]
    lost = [(plane & GROUP.DO_NOT_USE).all() for plane in groupdq.reshape(-1, *groupdq.shape[2:])]
    return backend.to_host(xp.stack(lost)).reshape(n_integrations, n_groups).sum(axis=1)


def _after(pairs, gain, group_time: float) -> tuple[tuple[float, int], ...]:
    """Turn (DN, seconds) into (electrons, groups) with the median gain; pairs that flag no group are left out."""
    groups = [int(seconds // group_time) for _, seconds in pairs]
    if max(groups) < 1:
        return ()
    xp = backend.namespace(gain)
    known = gain[~xp.isnan(gain)]
    if not known.size:
        return ()
    median = np.float32(float(xp.median(known)))
    return tuple((float(np.float32(dn) * median), n) for (dn, _), n in zip(pairs, groups) if n >= 1)
