"""Sections: neighbouring steps that an exposure goes through piece by piece, each piece through all of them."""

from __future__ import annotations

import dataclasses
import errno
import functools
import time
import warnings
from collections.abc import Callable

import numpy as np

from jwgpu import backend
from jwgpu.backend import FileArray, files
from jwgpu.cut import Count, Cut, part, visiting
from jwgpu.data import Exposure, Ramp
from jwgpu.data.irs2 import is_irs2
from jwgpu.data.pieces import Assembly, Cutter, Piece, unchanged
from jwgpu.errors import InputError
from jwgpu.pipelines import room as rooms
from jwgpu.pipelines.apply import apply, leave_out
from jwgpu.pipelines.room import Room
from jwgpu.running import listening, watched
from jwgpu.step import Step

FRAMES = 0.5
"""What part of a step whole frames take that come after the rows, on a bar."""


@dataclasses.dataclass(frozen=True)
class Section:
    """Calls of a pipeline that stand next to each other, and how an exposure may be cut for all of them.

    With `frames`, the last of them has something left to do to whole frames after all rows.
    """

    calls: tuple
    axis: str | None
    halo: int = 0
    frames: bool = False

    @property
    def in_pieces(self) -> bool:
        """Whether the exposure goes through it in pieces."""
        return self.axis in ("rows", "integration")


def first(calls, exposure, references, ends, room: Room) -> Section:
    """Return the longest section that `calls` begin with; one call alone where the exposure is not to be cut.

    A step that asks about flags of the whole exposure begins a section where a step before may change them, one that
    looks at data always does; one whose result is wanted (`ends`), and one that has whole frames to go through after
    the rows, end it.
    """
    cut = Cut() if calls[0].skip else _cut(calls[0], exposure, references, room)
    axis = cut.axis
    if axis in (None, "frames"):
        return Section((calls[0],), axis)
    chosen, halo, sets = [], 0, 0
    for call in calls:
        if not call.skip:
            cut = _cut(call, exposure, references, room)
            if cut.axis != axis or (cut.asks & sets) or (cut.looks and chosen):
                break
            halo, sets = halo + cut.halo, sets | cut.sets
        chosen.append(call)
        if call.name in ends or (cut.frames and not call.skip):
            break
    return Section(tuple(chosen), axis, halo, cut.frames and not chosen[-1].skip)


def _cut(call, exposure, references, room: Room) -> Cut:
    """Return how the exposure is to be cut for a call: not at all where that is of no use."""
    if not isinstance(call.step, Step) or not isinstance(exposure, Ramp) or call.step.nouns != (Ramp,):
        return Cut()
    wanted = [kind for kind in call.references if call.wants(kind, exposure)]
    lacking = call.references.keys() - [kind for kind in wanted if references.exists(kind, call.name)]
    cut = call.step.cut(exposure, call.parameters, lacking)
    if cut.axis == "rows" and (room.piece is None or is_irs2(exposure.meta, exposure.shape)):
        return Cut()
    if cut.axis == "integration" and room.frames is None:
        return Cut()
    if cut.axis == "rows" and room.frames is None and exposure.nbytes <= room.piece:
        return Cut()
    return cut


def run(section: Section, name: str, exposure: Exposure, references, room: Room, advance: Callable):
    """Take an exposure through a section.

    Parameters
    ----------
    section : Section
    name : str
        What the exposure is called among the products.
    exposure : Exposure
        Its arrays that are donated, and scratch, are written over.
    references : References
    room : Room
    advance : function of a number
        Told of how many steps, and fractions of a step, have been done.

    Returns
    -------
    outcome, beside : dict
        Exposures and by-products by name.
    """
    cutter = Cutter(exposure, section.axis, section.halo, room.device)
    size = _length(section, exposure, cutter, room)
    if section.frames:
        check_frames(section.calls[-1].name, exposure, room)
    work = _Work(section, name, exposure, references, room)
    work.ask(cutter.length, size)
    start, of_frames = 0, FRAMES if section.frames else 0.0
    while start < cutter.length:
        stop = min(start + size, cutter.length)
        try:
            piece = cutter.piece(start, stop)
            made = work.make(piece, cutter.reach(start, stop))
        except MemoryError as error:
            if size == 1 or cutter.in_place:  # what was worked on in place cannot be cut again
                raise
            size = max(1, min(size, cutter.length) // 2)
            warnings.warn(f"out of memory ({error}); going on with pieces half as large", stacklevel=2)
            continue
        try:  # from here on the exposure is written over, so that no piece may be cut from there again
            work.put(piece, *made)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise InputError(f"the folder for what does not fit into memory, {room.folder}, is full; name another "
                                 "one (--scratch, scratch=)") from error  # fmt: skip
            raise
        del piece, made
        cutter.done()
        advance((len(section.calls) - of_frames) * (stop - start) / cutter.length)
        start = stop
    shown = moved(advance, of_frames)
    with watched(shown):
        made = work.results()
    shown(1.0)
    return made


def moved(advance: Callable, share: float = 1.0) -> Callable[[float], None]:
    """Return a function of what part of something is done, 0 to 1, that moves a bar on, by `share` of a step in all."""
    before = 0.0

    def show(done: float) -> None:
        nonlocal before
        advance(share * (done - before))
        before = done

    return show


def _length(section: Section, exposure: Exposure, cutter: Cutter, room: Room) -> int:
    """Return how many rows, or integrations, a piece has."""
    each = exposure.nbytes / cutter.length
    if section.axis == "rows":
        least = min(rooms.LEAST_ROWS, int(rooms.LARGEST / each)) if room.frames is None else 1
        return max(int(room.piece / each) - 2 * section.halo, least, 1)
    check_frames(section.calls[0].name, exposure, room)
    return max(int(room.frames / each), 1)


def check_frames(step: str, exposure: Exposure, room: Room) -> None:
    """Refuse an exposure of which a step cannot have an integration in memory."""
    each = exposure.nbytes / exposure.shape[0]
    if room.frames is not None and each > room.frames:
        raise InputError(
            f"step {step} needs whole frames, and an integration of {exposure.name} takes {rooms.words(int(each))} "
            f"where {rooms.words(room.frames)} may be used; allow more memory (--max-memory, max_memory=) or leave "
            f"the step out (--skip {step})"
        )


class _Work:
    """A section on its way through the pieces of an exposure."""

    def __init__(self, section: Section, name: str, exposure: Exposure, references, room: Room):
        self._section, self._name, self._exposure, self._references = section, name, exposure, references
        self._room, self._stripe = room, None
        self._answers: dict[str, dict[Callable, np.ndarray]] = {call.name: {} for call in section.calls}
        self._products: dict[str, Assembly] = {}
        self._beside: dict[str, Assembly] = {}
        self._records: dict[str, list[tuple]] = {}
        self._makers: dict[str, int] = {}  # number of the call that left a by-product

    def ask(self, length: int, size: int) -> None:
        """Put the steps' questions to the whole exposure."""
        calls = [call for call in self._section.calls if not call.skip]
        cuts = {call.name: call.step.cut(self._exposure, call.parameters) for call in calls}
        asking = [call for call in calls if cuts[call.name].asks]
        parts = [slice(start, min(start + size, length)) for start in range(0, length, size)]
        for rows in parts if asking else ():
            piece = self._some(rows, "groupdq")
            for call in asking:
                answer = call.step.asks(piece, call.step.complete(call.parameters))
                before = self._answers[call.name].setdefault(call.step.asks, answer)
                before &= answer
        if calls and cuts[calls[0].name].looks:
            self._look(calls[0], parts)

    def _look(self, call, parts: list[slice]) -> None:
        answers, step = self._answers[call.name], call.step
        for rows in parts:
            references = self._cut_references(rows.start, rows.stop)[call.name]
            with part(slice(None), answers):
                parameters = step.grouped(step.complete(call.parameters))
                answer = step.looks(self._some(rows, "groupdq", "data"), *references, **parameters)
            before = answers.setdefault(step.looks, answer)
            before &= answer
            if not before.any():
                break

    def _some(self, rows: slice, *names: str) -> Exposure:
        """Return rows of some arrays, and none of the others but data that are not to be looked at."""
        whole = self._exposure
        arrays = {name: backend.to(files.read(getattr(whole, name), rows=rows), self._room.device) for name in names}
        others = {name: None for name in whole.arrays() if name != "data"}
        return whole.replace(**{**others, **arrays}, _donated=frozenset())

    def make(self, piece: Piece, reach: tuple[int, int]) -> tuple[dict, set, dict]:
        """Take a piece through the section; return the results, which of its arrays were changed, and by-products."""
        references = self._cut_references(*reach)
        parts, changed, beside = {self._name: piece.exposure}, set(), {}
        for number, call in enumerate(self._section.calls):
            if call.skip:
                parts = {name: leave_out(call, made) for name, made in parts.items()}
                continue
            before = parts.pop(self._name).donate()
            place = piece.integrations.start or 0, reach[0], self._exposure.shape[-2]
            with part(piece.own, self._answers[call.name], *place):
                parts, left = apply(call, self._name, before, references[call.name])
            beside |= left
            self._makers |= dict.fromkeys(left, number)
            for made in parts.values():
                changed |= made.arrays().keys() - unchanged(before, made)
        return parts, changed, beside

    def put(self, piece: Piece, parts: dict, changed: set, beside: dict) -> None:
        """Take what was made of a piece to its places."""
        for name, made in parts.items():
            self._assembly(self._products, name, made).add(made, changed, piece)
            self._records.setdefault(name, []).append(made.history[len(self._exposure.history) :])
        for name, made in beside.items():
            self._assembly(self._beside, name, made).add(made, set(made.arrays()), piece)

    def results(self) -> tuple[dict, dict]:
        """Return products and by-products, put together, once the last step has been through their frames."""
        self._stripe = None
        beside = {name: made.exposure().replace(_donated=frozenset()) for name, made in self._beside.items()}
        return {n: self._finished(n, made.exposure(), beside) for n, made in self._products.items()}, beside

    def _finished(self, name: str, whole: Exposure, beside: dict) -> Exposure:
        records = [_merged(same) for same in zip(*self._records[name])]
        done = [record.status == "COMPLETE" and not call.skip for call, record in zip(self._section.calls, records)]
        if self._section.frames and done[-1]:
            step, record = self._section.calls[-1].step, records[-1]
            start, parameters = time.perf_counter(), step.grouped(record.parameters)
            place = visiting(self._room.device), files.copied_to(self._room.folder)
            with place[0], place[1], backend.counting() as traffic, listening() as (notes, _):
                whole = step.frames(whole, beside, **parameters)
            records[-1] = dataclasses.replace(
                record,
                notes={**record.notes, **notes},
                seconds=record.seconds + time.perf_counter() - start,
                bytes_up=record.bytes_up + traffic.bytes_up,
                bytes_down=record.bytes_down + traffic.bytes_down,
            )
        for number in (n for n, complete in enumerate(done) if complete):
            step, notes = self._section.calls[number].step, records[number].notes
            whole = step.finished(whole, self._exposure, notes)
            for key in beside.keys() & self._makers.keys() if step.finish is not None else ():
                if self._makers[key] > number:
                    beside[key] = step.finished(beside[key], self._exposure, notes)
        return whole.replace(history=(*self._exposure.history, *records), _donated=frozenset(), _taken=set())

    def _assembly(self, those: dict, name: str, made: Exposure) -> Assembly:
        if name not in those:
            ours = those is self._products and isinstance(made, type(self._exposure))
            whole = self._exposure if ours else None
            make = functools.partial(_allocate, self._room.folder if ours or those is self._beside else None)
            those[name] = Assembly(whole, self._exposure.shape[-2], make)
        return those[name]

    def _cut_references(self, start: int, stop: int) -> dict[str, list]:
        """Return the references of each call for some rows; from files, they are read for many rows at a time."""
        n_rows = self._exposure.shape[-2]
        if self._stripe is None or stop > self._stripe[1] or start < self._stripe[0]:
            self._stripe = None  # released before the next is read
            rows = max(int(rooms.OF_REFERENCES * n_rows / self._exposure.nbytes), stop - start)
            end = n_rows if self._section.axis == "integration" else min(start + rows, n_rows)
            self._stripe = start, end, self._read_references(start, end)
        first, _, references = self._stripe

        def cut(reference):
            if reference is None or stop - start == n_rows:
                return reference
            if reference.is_piece:
                return reference.rows(slice(start - first, stop - first), self._stripe[1] - first)
            return reference.rows(slice(start, stop), n_rows)

        return {name: [cut(reference) for reference in those] for name, those in references.items()}

    def _read_references(self, start: int, stop: int) -> dict[str, list]:
        rows = None if stop - start == self._exposure.shape[-2] else (start, stop)
        return {
            call.name: [
                self._reference(call, kind, needed, rows) if call.wants(kind, self._exposure) else None
                for kind, needed in call.references.items()
            ]
            for call in self._section.calls
            if not call.skip
        }

    def _reference(self, call, kind: str, needed: bool, rows: tuple[int, int] | None):
        reference = self._references.get(kind, required=needed, step=call.name, rows=rows)
        return None if reference is None else reference.to(self._room.device)


def _allocate(folder, shape, dtype):
    """Return an array on the host: in a file of `folder`, if there is one, where it has more than two axes."""
    return FileArray.scratch(shape, dtype, folder) if folder and len(shape) > 2 else np.empty(shape, dtype)


def _merged(records):
    """Return the record of the whole from those of its pieces."""
    one = records[0]
    if any((other.status, other.reason) != (one.status, one.reason) for other in records):
        raise RuntimeError(f"step {one.step} did not decide alike for all pieces of an exposure")
    notes = {n: Count(sum(r.notes[n] for r in records)) if isinstance(v, Count) else v for n, v in one.notes.items()}
    totals = {n: sum(getattr(r, n) for r in records) for n in ("seconds", "bytes_up", "bytes_down")}
    return dataclasses.replace(one, notes=notes, **totals)
