"""The search for single hits: what counts as a jump, and what is flagged with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwgpu import backend
from jwgpu.data import Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics import jumps
from jwgpu.step import Skip


@dataclass(frozen=True)
class Search:
    """What counts as a jump, and when its neighbours are flagged too.

    Attributes
    ----------
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
    """

    rejection_threshold: float = 4.0
    three_group_rejection_threshold: float = 6.0
    four_group_rejection_threshold: float = 5.0
    flag_4_neighbors: bool = True
    max_jump_to_flag_neighbors: float = 1000.0
    min_jump_to_flag_neighbors: float = 10.0
    min_diffs_single_pass: int = 10
    minimum_sigclip_groups: int = 100
    only_use_ints: bool = True


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


def rules(ramp: Ramp, gain: Reference, lost: np.ndarray, search: Search, after: After) -> jumps.Rules:
    """Return the rules of the search, where some groups (integration, group) are lost in all pixels.

    Raises
    ------
    InputError
        A threshold is negative.
    Skip
        There are too few groups.
    """
    thresholds = (
        search.rejection_threshold, search.four_group_rejection_threshold, search.three_group_rejection_threshold,
    )  # fmt: skip
    if min(thresholds) < 0:
        raise InputError("jump: a rejection threshold is negative; thresholds are numbers of sigma, 0 or more")
    n_integrations, n_groups, *_ = ramp.shape
    if n_groups < 3:
        raise Skip(f"two-point differences need at least 3 groups, there are {n_groups}")
    usable = n_groups - int(lost.sum(axis=1).max())
    clip = _clips(n_integrations, n_integrations * n_groups - int(lost.sum()), search)
    if usable < 3 and not clip:
        raise Skip(f"an integration has only {usable} usable groups, two-point differences need 3")
    limits = search.min_jump_to_flag_neighbors, search.max_jump_to_flag_neighbors
    return jumps.Rules(
        usable - 1 >= search.min_diffs_single_pass,
        *thresholds,
        spread=limits if search.flag_4_neighbors else None,
        after=after.electrons_and_groups(gain, ramp.meta.require("exposure.group_time", "jump")),
        n_frames=int(ramp.meta.require("exposure.nframes", "jump")),
        clip=clip,
    )


def _clips(n_integrations: int, n_groups: int, search: Search) -> str | None:
    """Say what is clipped, with so many usable groups in all: "integrations", "all" or nothing."""
    if search.only_use_ints:
        return "integrations" if n_integrations >= search.minimum_sigclip_groups else None
    return "all" if n_groups >= search.minimum_sigclip_groups else None
