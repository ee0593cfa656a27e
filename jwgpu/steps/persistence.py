"""Flag what may be an afterglow: charge trapped by bright light is let go for a long time after."""

from __future__ import annotations

import math

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.cut import Cut, own_rows, rows_of_whole
from jwgpu.data import GROUP, Ramp, Reference, Windows
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import row_blocks
from jwgpu.step import ParameterError, Skip, byproduct, count, step

EPOCH = 40587.0
"""Modified Julian date of 1970-01-01, from which the ends of windows are counted in seconds."""

_DAY = 86400.0

# Rows treated at a time, through all groups: what is known of their windows stays in a small cache.
_ROWS = 16
_WINDOWS = np.dtype([("row", "i4"), ("column", "i4"), ("end", "f8")])


@step(unit="DN", streams=Cut("rows", sets=int(GROUP.PERSISTENCE | GROUP.DO_NOT_USE)))
def persistence(
    ramp: Ramp,
    persistence_array_file: Reference | None = None,
    *,
    save_persistence: str | None = None,
    persistence_time: int | None = None,
    dn_threshold: float | None = None,
    persistence_dnu: bool = False,
) -> Ramp:
    """Flag groups of a pixel for some time after it was saturated or bright.

    A window of `persistence_time` seconds opens when a pixel saturates for the first time in an integration, and when
    its signal exceeds `dn_threshold` while no window is open. Every group read while its window is open is flagged::

        PERSISTENCE        t_opened <= t < t_opened + persistence_time

    These are the groups of the bright source itself, and those of the integrations that follow.

    Windows outlive an exposure. Those still open at its end are left in `tables["PERSISTENCE"]` of the result; give
    this table to the next exposure of the same detector, and its first groups are flagged too::

        later = later.replace(tables={**later.tables, "PERSISTENCE": earlier.tables["PERSISTENCE"]})

    `jwgpu run` does so for the exposures of a command. From one command, or session, to the next they travel in a
    file: the same name as `save_persistence` and as `persistence_array_file` keeps it up to date.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN; `groupdq`. The time of each group comes from `tables["int_times"]`, or
        from `meta.exposure.start_time` and `integration_time` where there is no such table, and from
        `meta.exposure.group_time`. `tables["PERSISTENCE"]` (row, column, end in seconds since 1970) lists the windows
        that an earlier exposure left open.
    persistence_array_file : Reference, optional
        Windows that an earlier exposure left open, by detector, in the form in which `save_persistence` and the
        official step write them. Those of another `persistence_time` are passed over. Only you can give it; a file
        that is not there yet holds none.
    save_persistence : str, optional
        Name of an ASDF file for the windows left open: they are left beside the result, as `save_persistence`, and
        saved there; other detectors in the file stay as they are.
    persistence_time : int, optional
        Length of a window in seconds.
    dn_threshold : float, optional
        Signal in DN above which a window opens; without it only saturation opens one.
    persistence_dnu : bool
        Flag DO_NOT_USE together with PERSISTENCE.

    Returns
    -------
    Ramp
        `groupdq` with the flags; `tables["PERSISTENCE"]`.

    Raises
    ------
    ParameterError
        `persistence_time` is not positive.
    InputError
        The times of the groups are not known, a window lies outside the exposure, or the file holds no windows.

    Skips when
    ----------
    No `persistence_time` is given.

    Differs from jwst
    -----------------
    Windows go from exposure to exposure without a file, too. Without a `persistence_time`, the step there ends as
    FAILED.

    References
    ----------
    .. [1] Smith, R. M., et al. 2008, Proc. SPIE 7021, 70210J, doi:10.1117/12.789372.
    """
    if persistence_time is None:
        raise Skip("no persistence_time is given")
    if persistence_time <= 0:
        raise ParameterError(f"persistence.persistence_time = {persistence_time}: expected a number of seconds above 0")
    xp = namespace(ramp.data)
    shape = ramp.shape[-2:]
    group_time = float(ramp.meta.require("exposure.group_time", "persistence"))
    flag = GROUP.PERSISTENCE | (GROUP.DO_NOT_USE if persistence_dnu else np.uint8(0))
    ends = _opened(ramp, shape, persistence_array_file, persistence_time)
    groupdq = ramp.own("groupdq")
    starts = _starts(ramp)
    flagged = xp.zeros(shape[0], dtype=np.int64)
    for rows in row_blocks(ends, rows=_ROWS):
        for start, planes, flags in zip(starts, ramp.data, groupdq):
            clock = start, group_time, persistence_time
            flagged[rows] += _flag(xp, planes[:, rows], flags[:, rows], ends[rows], clock, dn_threshold, flag)
    count(flagged_groups=flagged)
    table = _table(xp, ends)
    if save_persistence is not None:
        left = {name: table[name] for name in _WINDOWS.names}
        meta = ramp.meta.set({"jwgpu.output": save_persistence})
        byproduct(save_persistence=Windows(**left, persistence_time=persistence_time, meta=meta))
    return ramp.replace(groupdq=groupdq, tables={**ramp.tables, "PERSISTENCE": table})


def _flag(xp, planes, flags, ends, clock, dn_threshold, flag):
    """Flag the groups of an integration, (group, y, x), within a window, and go on with the ends of windows, in place.

    `clock` is the start of the integration (seconds since 1970), the time of a group and the length of a window (s).

    Returns
    -------
    (y,) int
        Number of groups of pixels of each row that were flagged.
    """
    times_saturated = xp.zeros(ends.shape, dtype=np.uint32)
    flagged = xp.zeros(len(ends), dtype=np.int64)
    time, group_time, length = clock
    for plane, dq in zip(planes, flags):
        time += group_time
        end = time + length
        xp.copyto(ends, 0, where=ends < time)
        times_saturated += (dq & GROUP.SATURATED) != 0
        xp.copyto(ends, end, where=times_saturated == 1)
        if dn_threshold is not None:
            xp.copyto(ends, end, where=(plane > dn_threshold) & ~(ends > 0))
        # A window that would end after one opened now has not begun yet.
        xp.copyto(ends, 0, where=ends > end)
        within = ends > 0
        dq |= within.astype(np.uint8) * flag
        flagged += xp.count_nonzero(within, axis=-1)
    return flagged


def _starts(ramp: Ramp) -> list[float]:
    """Return when each integration starts, in seconds since 1970."""
    table = ramp.tables.get("int_times")
    n_known = 0 if table is None else len(table)
    # float64: seconds since 1970 have ten digits before the point
    starts = [(float(day) - EPOCH) * _DAY for day in (table["int_start_MJD_UTC"] if n_known else ())]
    starts = starts[: ramp.n_integrations]
    if len(starts) < ramp.n_integrations:
        first = float(ramp.meta.require("exposure.start_time", "persistence"))
        length = float(ramp.meta.require("exposure.integration_time", "persistence"))
        starts += [(first - EPOCH) * _DAY + i * length for i in range(len(starts), ramp.n_integrations)]
    if not all(math.isfinite(start) for start in starts):
        raise InputError(f"{ramp.name}: the start of an integration is not a number; mend its INT_TIMES table")
    return starts


def _opened(ramp: Ramp, shape, file: Reference | None, persistence_time: int):
    """Return (y, x) float64: the end of the window that each pixel came with, 0 where there is none."""
    ends = np.zeros(shape)
    table = ramp.tables.get("PERSISTENCE")
    if table is not None:
        _open(ends, table["row"], table["column"], table["end"], f"the table PERSISTENCE of {ramp.name}")
    if file is not None:
        if not any(name.endswith(".vals") for name in file.arrays):
            raise InputError(f"{file.name} holds no windows of persistence; give a file that save_persistence wrote")
        detector = ramp.meta.require("instrument.detector", "persistence")
        names = [f"{detector}.{name}" for name in ("rows", "cols", "vals")]
        if file.meta.get(f"{detector}.pers_time") == persistence_time and all(name in file for name in names):
            _open(ends, *(backend.to_host(file.arrays[name]) for name in names), file.name)
    return backend.to(ends, ramp.device)


def _open(ends, rows, columns, new, owner: str) -> None:
    """Open windows in place; of two of a pixel, that which ends later counts."""
    if not len(rows):
        return
    first, n_rows = rows_of_whole(ends.shape[0])
    if min(rows.min(), columns.min()) < 0 or rows.max() >= n_rows or columns.max() >= ends.shape[1]:
        raise InputError(
            f"{owner} has windows of persistence up to row {rows.max()}, column {columns.max()}, and the exposure "
            f"{n_rows} x {ends.shape[1]} pixels (y, x); give those of an exposure of the same subarray"
        )
    here = (rows >= first) & (rows < first + ends.shape[0])
    rows, columns, new = rows[here] - first, columns[here], new[here]
    ends[rows, columns] = np.maximum(ends[rows, columns], new)


def _table(xp, ends) -> np.ndarray:
    """Return the windows that are open in rows that are no halo: row, column, end in seconds since 1970."""
    first, _ = rows_of_whole(ends.shape[0])
    own = own_rows()
    ends = ends[own]
    rows, columns = (backend.to_host(index) for index in xp.nonzero(ends))
    table = np.zeros(len(rows), _WINDOWS)
    table["row"], table["column"] = rows + first + (own.start or 0), columns
    table["end"] = backend.to_host(ends)[rows, columns]
    return table
