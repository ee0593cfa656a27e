"""Many exposures as one value: what the steps of stage 3 work on, and what an association gives by role."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from jwgpu import backend, markup
from jwgpu.backend import FileArray, Scratch
from jwgpu.backend.files import Blanked
from jwgpu.data.exposure import Exposure
from jwgpu.data.image import Image
from jwgpu.data.meta import Meta
from jwgpu.data.pieces import in_files
from jwgpu.errors import InputError

_TIMED = ("program_number", "observation_number", "visit_number", "visit_group", "sequence_id", "activity_id",
          "exposure_number")  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Exposures(Exposure):
    """Images in order, in one unit and on one device, and the metadata of the product they belong to.

    The arrays of a member are in memory or in files; `loaded()` gives the members one at a time with their arrays in
    memory, so that a set may be larger than the memory is. Like every noun it is never changed: a step returns another
    one, made with `with_members`.

    >>> images = jw.Exposures.of([jw.open(path, lazy=True) for path in paths], product_name="m51", scratch="/tmp")
    >>> halved = images.with_members(images.put(m.replace(data=m.data / 2)) for m in images.loaded())

    Attributes
    ----------
    members : tuple of Image
    meta : Meta
        What all members agree on, and `asn.product_name`, `asn.pool_name`, `asn.table_name`.
    unit : str
        That of the members.
    history : tuple of Record
        Of the first member before, where all went through the same steps, and of the steps that worked on the set; each
        member has the latter in its own history, too.
    scratch : str or None
        Folder where `put` leaves arrays; None where they stay in memory.

    Raises
    ------
    InputError
        There are no members, or they differ in unit or device.
    """

    members: tuple[Image, ...]
    scratch: str | None = None
    _lent: dict = dataclasses.field(
        default_factory=dict
    )  # id of an array in memory: the array, where it lies in a file
    _room: Scratch | None = None

    def __post_init__(self):
        object.__setattr__(self, "members", tuple(self.members))
        if not self.members:
            raise InputError(f"{self.name}: there are no exposures; give at least one")
        wrong = next((m for m in self.members if not isinstance(m, Image)), None)
        if wrong is not None:
            raise InputError(f"{self.name}: {wrong.name} is no image; give calibrated images (_cal)")
        self._one("unit", {m.unit for m in self.members}, "bring them to one, for example with photom")
        places = {m.device for m in self.members if not in_files(m)}
        self._one("device", places, "bring them together with .to('cpu') or .to('gpu')")
        object.__setattr__(self, "unit", self.members[0].unit)
        if self.scratch is not None and self._room is None:
            object.__setattr__(self, "_room", Scratch(self.scratch))

    def _one(self, what: str, found: set, remedy: str) -> None:
        if len(found) > 1:
            raise InputError(f"the exposures of {self.name} differ in {what} ({', '.join(sorted(found))}); {remedy}")

    @classmethod
    def of(
        cls, images: Iterable[Image], product_name: str | None = None, scratch: str | None = None, **more: Any
    ) -> Self:
        """Make a set of images.

        Parameters
        ----------
        images : iterable of Image
        product_name : str, optional
            Name of what will be made of them, without suffix and folder.
        scratch : str, optional
            Folder for arrays that steps change; in memory without one.
        **more
            Other metadata of the product: `pool_name`, `table_name`.
        """
        members = tuple(images)
        own = {f"asn.{name}": value for name, value in {"product_name": product_name, **more}.items()}
        same = len({tuple((r.step, r.status) for r in member.history) for member in members}) == 1
        return cls(
            members=members,
            meta=Meta(common([member.meta for member in members])).set(own),
            history=members[0].history if same else (),
            scratch=None if scratch is None else str(scratch),
        )

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.members)

    def __getitem__(self, index):
        return self.members[index]

    @property
    def name(self) -> str:
        """Name of the product."""
        return self.meta.get("asn.product_name") or f"unnamed set of {len(self.members)}"

    @property
    def device(self) -> str:
        """`"gpu"` or `"cpu"`: where the arrays of the members live, or go to where they are in files."""
        if all(in_files(member) for member in self.members):
            return backend.current().kind
        return next(member.device for member in self.members if not in_files(member))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of members, as a shape."""
        return (len(self.members),)

    def arrays(self) -> dict:
        """Return the arrays of all members, called `"0.data"` to `"n.area"`."""
        return {f"{k}.{name}": a for k, member in enumerate(self.members) for name, a in member.arrays().items()}

    def with_arrays(self, arrays: Mapping) -> Self:
        """Return a copy with some arrays changed, named as in `arrays()`."""
        changes: list[dict] = [{} for _ in self.members]
        for label, array in arrays.items():
            k, _, name = label.partition(".")
            changes[int(k)][name] = array
        return self.with_members(m.replace(**those) for m, those in zip(self.members, changes))

    def with_members(self, members: Iterable[Image]) -> Self:
        """Return the set with other members."""
        return self.replace(members=tuple(members))

    def loaded(self) -> Iterator[Image]:
        """Give the members one at a time, with their arrays in memory and on the device of the set."""
        return (self.load(k) for k in range(len(self.members)))

    def load(self, index: int) -> Image:
        """Return a member with its arrays in memory; those that were read for it may be written over (`own`)."""
        member = self.members[index]
        if not in_files(member):
            return member
        files = {name: array for name, array in member.arrays().items() if isinstance(array, FileArray)}
        read = {name: backend.to(array.read(), self.device) for name, array in files.items()}
        for name, array in read.items():
            key = id(array)
            # The entry goes with the array, before another one can have its id.
            self._lent[key] = weakref.ref(array, lambda _, key=key: self._lent.pop(key, None)), files[name]
        rest = {n: backend.to(a, self.device) for n, a in member.arrays().items() if n not in files}
        return member.replace(**read, **rest, _donated=frozenset(read), _taken=set())

    def rows(self, index: int, name: str, rows: slice = slice(None)):
        """Return some rows of one array of a member, in memory and on the device of the set; None where it has none."""
        array = getattr(self.members[index], name)
        if not isinstance(array, FileArray):
            return None if array is None else array[..., rows, :]
        return backend.to(array.read(rows=rows), self.device)

    def put(self, image: Image, index: int | None = None, *, blanked: bool = False) -> Image:
        """Return an image with its arrays in files of `scratch`, if there is one; unchanged otherwise.

        Arrays that `load` has read and no step has asked to write into go back to the file that they came from.

        Parameters
        ----------
        image : Image
        index : int, optional
            Of the member that the image replaces: its files serve for arrays that are the same.
        blanked : bool
            Say that floats that `load` has read were only made NaN, all of them where `data` is: they stay in their
            files, too, and are read as they are now.
        """
        if self._room is None:
            return image.replace(_donated=frozenset())
        placed, blank = {}, None
        for name, array in image.arrays().items():
            if isinstance(array, FileArray):
                continue
            lent, file = self._lent.get(id(array), (None, None))
            if lent is not None and lent() is array and name not in image._taken:
                placed[name] = file
            elif lent is not None and lent() is array and blanked and array.dtype.kind == "f":
                if blank is None:
                    blank = self._room.hold(Blanked.packed(np.isnan(backend.to_host(image.data))))
                placed[name] = Blanked(file, blank)
            elif index is not None and getattr(self.members[index], name) is array:
                placed[name] = array
            else:
                placed[name] = self._room.hold(backend.to_host(array))
        return image.replace(**placed, _donated=frozenset())

    def groups(self) -> list[tuple[int, ...]]:
        """Return the indices of members that were exposed at the same time, in the order of the first of each.

        They are those of one `group_id`, or else of one visit, sequence and exposure number; a member that does not
        say is a group of its own.
        """
        found: dict[Any, list[int]] = {}
        for k, member in enumerate(self.members):
            meta = member.meta
            taken = tuple(meta.get(f"observation.{name}") for name in _TIMED)
            key = meta.get("group_id") or (taken if None not in taken else k)
            found.setdefault(str(key), []).append(k)
        return [tuple(group) for group in found.values()]

    def to(self, kind: str) -> Self:
        """Return the set with all arrays that are not in files on `"cpu"` or `"gpu"`."""
        return self.with_members(m if in_files(m) else m.to(kind) for m in self.members)

    def own(self, name: str):
        """Refuse: arrays belong to the members, `member.own("data")`."""
        raise ValueError(
            f"{self.name} is a set of exposures; arrays are owned by its members ({name!r} of one of them)"
        )

    def donate(self, keep: tuple[Exposure, ...] = ()) -> Self:
        """Allow `own` of the members to hand out those arrays that share no memory with an exposure in `keep`."""
        return self.with_members(m.donate(keep) for m in self.members)

    def recorded(self, record, **changes) -> Self:
        """Return a copy with `record` added to the history of the set and of each member.

        Members that the step has left as they were, which it says with `note(left_out={str(k): why})`, were skipped.
        """
        left = record.notes.get("left_out", {})
        own = {k: dataclasses.replace(record, status="SKIPPED", reason=why) for k, why in left.items()}
        members = tuple(member.recorded(own.get(str(k), record)) for k, member in enumerate(self.members))
        return self.replace(history=(*self.history, record), members=members, **changes)

    def _repr_html_(self) -> str:
        rows = [
            (k, m.name, " x ".join(map(str, m.shape)), "in a file" if in_files(m) else "") for k, m in enumerate(self)
        ]
        done = ", ".join(r.step if r.status == "COMPLETE" else f"{r.step} (skipped)" for r in self.history)
        remarks = [f"and {len(rows) - 40} more"] if len(rows) > 40 else []
        title = f"Exposures {self.name}: {len(self.members)} images"
        remarks += [f"{self.unit}, on {self.device}; history: {done or 'none'}"]
        return markup.table(("", "name", "shape", "where"), rows[:40], title, remarks)

    def __repr__(self) -> str:
        lines = [f"<Exposures {self.name}: {len(self.members)} images, {self.unit}, on {self.device}"]
        lines += [f"  {k} {m.name} {tuple(m.shape)}{' in a file' if in_files(m) else ''}" for k, m in enumerate(self)]
        steps = " ".join(r.step + ("" if r.status == "COMPLETE" else " (skipped)") for r in self.history)
        return "\n".join([*lines[:41], f"  history: {steps or 'none'}>"])


def common(metas: list[Meta]) -> dict[str, Any]:
    """Return the metadata that all of `metas` agree on, but for what says which file and which product each was."""
    first, *others = [dict(meta.items()) for meta in metas] or [{}]
    same = {path: value for path, value in first.items() if all(other.get(path) == value for other in others)}
    return {p: v for p, v in same.items() if p != "filename" and not p.startswith(("asn.", "jwgpu.", "extra_fits."))}
