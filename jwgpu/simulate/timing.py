"""When frames are read: groups, averaged frames, dropped frames."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Timing:
    """The clock of an exposure.

    Attributes
    ----------
    n_integrations, n_groups : int
    n_frames : int
        Frames averaged into a group.
    gap : int
        Frames dropped between groups.
    frame_time : float
        Seconds.
    """

    n_integrations: int
    n_groups: int
    n_frames: int
    gap: int
    frame_time: float

    @property
    def group_time(self) -> float:
        """Seconds from group to group."""
        return (self.n_frames + self.gap) * self.frame_time

    @property
    def total_frames(self) -> int:
        """Frames from the reset to the last read, dropped ones included."""
        return self.n_groups * (self.n_frames + self.gap) - self.gap

    @property
    def integration_time(self) -> float:
        """Seconds from the reset to the last read."""
        return self.total_frames * self.frame_time

    def read_after(self, frame: np.ndarray) -> np.ndarray:
        """Return which read (frames that are kept, counted from 0) first sees what arrives in `frame`."""
        group, position = np.divmod(frame, self.n_frames + self.gap)
        return np.where(position < self.n_frames, group * self.n_frames + position, (group + 1) * self.n_frames)
