"""The reference files of one exposure: chosen and read when they are asked for, not before."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path

from jwgpu import markup
from jwgpu.data import Exposure, Exposures, Meta, Reference
from jwgpu.errors import InputError
from jwgpu.reference import cache, crds, folder, kinds, parameters
from jwgpu.reference.load import load
from jwgpu.reference.window import Window

_NONE = ("", "N/A", "NONE")


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the reference of one type comes from.

    Attributes
    ----------
    kind : str
        Reference type.
    origin : str
        `"CRDS"`, `"folder"`, `"override"`, `"memory"`, `"beside the exposure"`, or `"user"` for what the user could
        give and did not.
    path : Path or None
        The file, where it is on this machine already.
    name : str
        As it is written into products (`crds://...` for a file of CRDS); `"N/A"` where there is none.
    reference : Reference or None
        One that was made in memory.
    absent : bool
        True where nobody has said that there is none: a folder simply does not have this type.
    """

    kind: str
    origin: str
    path: Path | None = None
    name: str = "N/A"
    reference: Reference | None = None
    absent: bool = False


class References:
    """The references of one exposure, by type: `refs.gain`, `refs.get("gain")`, `refs.require("gain")`.

    Made by `references(exposure)`. Nothing is chosen, fetched or read before a type is asked for; what has been read
    stays in the cache of `jwgpu.reference.cache` for the next exposure.
    """

    def __init__(self, meta: Meta, window: Window | None, device: str, where: Path | None, overrides: dict, context):
        self._meta, self._window, self._device = meta, window, device
        self._folder, self._overrides, self._given_context = where, overrides, context
        self._sources: dict[str, Source] = {}

    @classmethod
    def from_mapping(cls, references: Mapping[str, Reference | None], context: str = "simulated") -> References:
        """Make a set of references that are in memory; types it does not name have none.

        Parameters
        ----------
        references : mapping
            Type: Reference, already of the shape of the exposure, or None.
        context : str
            What `context` answers, as it is written into products.
        """
        made = cls(Meta(), None, "cpu", None, {}, context)
        for kind, reference in references.items():
            made._sources[kind] = Source(kind, "memory", None, getattr(reference, "name", "N/A"), reference)
        return made

    def get(
        self, kind: str, required: bool = False, step: str | None = None, rows: tuple[int, int] | None = None
    ) -> Reference | None:
        """Return the reference of a type, cut to the exposure and on its device.

        Parameters
        ----------
        kind : str
            CRDS type.
        required : bool
            Whether it is an error that a folder holds no file of this type. CRDS or an override saying N/A never is:
            such a step does not apply to the exposure.
        step : str, optional
            Step that asks; its own override (`"jump.gain"`) goes before the common one.
        rows : (first, last), optional
            Rows of the exposure, beyond which nothing of the reference is wanted: `is_piece` says whether it was cut
            to them, as one that is read from a file is.

        Returns
        -------
        Reference or None
            None where there is none.

        Raises
        ------
        InputError
            It cannot be selected, fetched or read, or does not fit the exposure.
        """
        source = self.select(kind, step)
        if source.reference is not None:
            return source.reference.to(self._device) if self._window else source.reference
        if source.absent and required and source.origin == "folder":
            raise InputError(
                f"{self._folder} holds no {kind} reference, which {self._meta.get('filename', 'the exposure')} "
                f"({folder.describe(self._meta)}) needs; it holds {_holdings(self._folder)}. Add a file whose header "
                f"says REFTYPE={kind.upper()}, or name one as an override ({kind}=FILE; {kind}=N/A to do without)"
            )
        if source.name == crds.NOT_APPLICABLE:
            return None
        path = source.path or crds.fetch(self._meta, kind, source.name.removeprefix("crds://"), self._given_context)
        self._sources[_key(kind, step, self._overrides)] = dataclasses.replace(source, path=path)
        window = self._window
        if rows is not None and not cache.contains(path, kind, (*window.key(kind), source.name), self._device):
            window = dataclasses.replace(window, rows=rows)
        found = cache.get(
            path, kind, (*window.key(kind), source.name), self._device, lambda: load(path, kind, window, source.name)
        )
        # The cache is shared by exposures that chose by other rules; a file that was named was chosen by none.
        found = dataclasses.replace(found, context="" if source.origin == "override" else self.context)
        return found if window.rows is None else found.piece_of(lambda: self.get(kind, required, step))

    def require(self, kind: str, step: str | None = None) -> Reference:
        """Return the reference of a type; that there is none is an error.

        Raises
        ------
        InputError
            As `get`, and where there is none.
        """
        reference = self.get(kind, required=True, step=step)
        if reference is None:
            raise InputError(
                f"there is no {kind} reference for {self._meta.get('filename', 'the exposure')} "
                f"(according to {self.select(kind, step).origin}); name a file as an override ({kind}=FILE)"
            )
        return reference

    def exists(self, kind: str, step: str | None = None) -> bool:
        """Say whether there is a reference of a type for the exposure; nothing is fetched or read."""
        return self.select(kind, step).name != crds.NOT_APPLICABLE

    def select(self, kind: str, step: str | None = None) -> Source:
        """Return where the reference of a type comes from; nothing is fetched or read."""
        key = _key(kind, step, self._overrides)
        if key not in self._sources:
            self._sources[key] = self._choose(kind, key)
        return self._sources[key]

    def _choose(self, kind: str, key: str) -> Source:
        if key in self._overrides:
            given = self._overrides[key]
            if isinstance(given, Reference):
                return Source(kind, "override", None, given.name, given)
            return Source(kind, "override", given, given.name) if given else Source(kind, "override")
        if self._window is None:
            return Source(kind, "memory", absent=True)
        if kind in kinds.BESIDE and (path := _beside(self._meta, kinds.BESIDE[kind])):
            return Source(kind, "beside the exposure", path, path.name)
        if kind in kinds.GIVEN:
            return Source(kind, "user")
        if self._folder is not None:
            path = folder.choose(self._folder, kind, self._meta).path
            return Source(kind, "folder", path, path.name) if path else Source(kind, "folder", absent=True)
        name = crds.select(self._meta, kind, self._given_context)
        return Source(kind, "CRDS", None, name if name == crds.NOT_APPLICABLE else f"crds://{name}")

    def overridden(self, overrides: Mapping[str, str | Path | Reference | None]) -> References:
        """Return the same set with overrides (see `references`) where it has none of its own.

        Raises
        ------
        InputError
            A file does not exist, or an override names a type there is not.
        """
        new = {key: _override(key, value) for key, value in overrides.items()}
        if self._window is None and any(isinstance(value, Path) for value in new.values()):
            raise InputError(f"{next(iter(overrides))}: these references are in memory; give a Reference, not a file")
        made = self.to(self._device)
        made._overrides = {**new, **self._overrides}
        return made

    def parameter_files(self, kinds) -> list[parameters.ParameterFile]:
        """Return the parameter references (types `pars-*`) for the exposure; none where references are in memory.

        Raises
        ------
        InputError
            CRDS cannot be asked, or a file that it names cannot be fetched or read.
        """
        if self._window is None:
            return []
        return parameters.find(self._meta, kinds, self._folder, self._given_context)

    @property
    def context(self) -> str:
        """The rules by which files are chosen: a CRDS context, `"folder NAME"`, or `"N/A"` without CRDS."""
        if self._window is None:
            return self._given_context
        if self._folder is not None:
            return f"folder {self._folder.name}"
        try:
            return crds.context(self._given_context)
        except InputError:
            return "N/A"

    def to(self, kind: str) -> References:
        """Return the same set for an exposure on `"cpu"` or `"gpu"`."""
        made = References(self._meta, self._window, kind, self._folder, self._overrides, self._given_context)
        for key, source in self._sources.items():
            moved = source.reference.to(kind) if source.reference is not None else None
            made._sources[key] = dataclasses.replace(source, reference=moved)
        return made

    def describe(self, *wanted: str) -> list[dict]:
        """Return one row for each type: type, file, origin, loaded.

        Parameters
        ----------
        *wanted : str
            Types to select first; without any, those that were asked for so far and the overrides.
        """
        for key in wanted or self._overrides:
            step, _, kind = key.rpartition(".")
            self.select(kind, step or None)
        return [
            {"type": key, "file": _file(source), "origin": source.origin, "loaded": self._loaded(source)}
            for key, source in sorted(self._sources.items())
        ]

    def _loaded(self, source: Source) -> bool:
        if source.reference is not None or source.path is None:
            return source.reference is not None
        return cache.contains(source.path, source.kind, (*self._window.key(source.kind), source.name), self._device)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._sources:
            kinds.check(name)
        return self.get(name)

    def __contains__(self, kind: str) -> bool:
        return self.exists(kind)

    def __dir__(self):
        return sorted({*super().__dir__(), *kinds.NAMES})

    def _title(self) -> str:
        origin = "in memory" if self._window is None else f"from {self._folder}" if self._folder else "from CRDS"
        return f"References of {self._meta.get('filename', 'an exposure')} {origin}, on {self._device}"

    def __repr__(self) -> str:
        rows = self.describe()
        lines = [f"  {r['type']:<12} {r['file']}  ({r['origin']}{', loaded' if r['loaded'] else ''})" for r in rows]
        return "\n".join([f"<{self._title()}", *(lines or ["  none asked for yet"])]) + ">"

    def _repr_html_(self) -> str:
        rows = [(r["type"], r["file"], r["origin"], "yes" if r["loaded"] else "no") for r in self.describe()]
        return markup.table(("type", "file", "origin", "loaded"), rows, self._title())


def references(
    exposure: Exposure,
    *,
    folder: str | Path | None = None,
    overrides: Mapping[str, str | Path | Reference | None] | None = None,
    context: str | None = None,
) -> References:
    """Say where the reference files of an exposure come from; nothing is chosen, fetched or read yet.

    Parameters
    ----------
    exposure : Exposure
        Its metadata select the files, its shape and subarray say how they are cut, its device where they go. Of many
        exposures the first decides.
    folder : path, optional
        Take the files from this folder (and those below it) instead of from CRDS.
    overrides : mapping, optional
        Type (`"gain"`), or step and type (`"jump.gain"`): a file or a Reference to use instead; None or `"N/A"` to go
        without.
    context : str, optional
        CRDS rules, for example `"jwst_1364.pmap"`.

    Raises
    ------
    InputError
        The folder or a file named as an override does not exist, or an override names a type there is not.
    """
    where = Path(folder).expanduser().absolute() if folder is not None else None
    if where is not None and not where.is_dir():
        raise InputError(f"references folder {where} does not exist or is not a folder; give the folder of the files")
    chosen = {key: _override(key, value) for key, value in (overrides or {}).items()}
    one = exposure[0] if isinstance(exposure, Exposures) else exposure
    window = Window.of(one.meta, one.shape)
    return References(one.meta, window, exposure.device, where, chosen, context)


def _override(key: str, value) -> Path | Reference | None:
    kind = key.rpartition(".")[2]
    if kind not in kinds.NAMES:
        near = difflib.get_close_matches(kind, kinds.NAMES, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"override {key}: no reference type is called {kind!r}{hint}")
    if value is None or isinstance(value, Reference) or str(value).strip().upper() in _NONE:
        return value if isinstance(value, Reference) else None
    path = Path(value).expanduser().absolute()
    if kind == "persistence_array_file" and not path.exists():
        return None  # of the first exposure: it is written after it
    if not path.is_file():
        raise InputError(f"override {key}: the file {path} does not exist; check the name")
    return path


def _beside(meta: Meta, named: str) -> Path | None:
    """Return the file that the header names, where it lies in the folder that the exposure was read from."""
    name, source = meta.get(named), meta.get("jwgpu.source")
    path = Path(source).parent / str(name).strip() if name and source else None
    return path if path and path.is_file() else None


def _key(kind: str, step: str | None, overrides: Mapping) -> str:
    """Return the name under which a source is kept: the type, or step and type where they have their own override."""
    return f"{step}.{kind}" if step and f"{step}.{kind}" in overrides else kind


def _file(source: Source) -> str:
    return "none in the folder" if source.absent and source.origin == "folder" else source.name


def _holdings(where: Path) -> str:
    held = sorted({str(meta.reftype).lower() for meta in folder.index(where).values()})
    return "files of the types " + ", ".join(held) if held else "no reference files at all"
