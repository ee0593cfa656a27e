"""Selection of reference files by CRDS. The only file that says `crds`.

The client is configured by its own variables: CRDS_PATH (the folder of the cache), CRDS_SERVER_URL, CRDS_CONTEXT.
Where the first two are not set, `~/crds_cache` and the public server serve. With a filled cache it works without a
network.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from jwgpu.data import Meta
from jwgpu.errors import InputError

_lock = threading.Lock()
_environment: dict | None = None

NOT_APPLICABLE = "N/A"
_DEFAULTS = {"CRDS_PATH": "~/crds_cache", "CRDS_SERVER_URL": "https://jwst-crds.stsci.edu"}
_CENTRAL_STORE = Path("/grp/crds/cache")  # what the client takes by itself, at the institute


def select(meta: Meta, kind: str, context: str | None = None) -> str:
    """Return the file name that CRDS selects for type `kind`, or `"N/A"`; nothing is fetched but the rules.

    Parameters
    ----------
    meta : Meta
        Of the exposure: CRDS compares instrument, detector, subarray, date, ... with its rules.
    kind : str
    context : str, optional
        Version of the rules, for example `"jwst_1364.pmap"`; else CRDS_CONTEXT, else the server's.

    Raises
    ------
    InputError
        No server and no cache, or no rule fits; the message names the type, the criteria and the remedies.
    """
    purpose = f"select the {kind} reference of {meta.get('filename', 'the exposure')}"
    # The client prints the traceback of rules that it cannot fetch.
    with _client(purpose, meta) as crds, contextlib.redirect_stderr(io.StringIO()):
        chosen = crds.getrecommendations(_parameters(meta), reftypes=[kind], context=context, observatory="jwst")
    name = chosen.get(kind, NOT_APPLICABLE)
    if "N/A" in name.upper():
        return NOT_APPLICABLE
    if name.startswith("NOT FOUND"):
        reason = " ".join(name.removeprefix("NOT FOUND").split())
        raise InputError(
            f"CRDS has no {kind} reference for {meta.get('filename', 'the exposure')} ({reason}); it was asked with "
            f"{_criteria(meta)}. Correct the metadata, choose other rules (CRDS_CONTEXT), or name a file as an "
            f"override ({kind}=FILE)"
        )
    return name


def select_known(meta: Meta, kinds: Iterable[str], context: str | None = None) -> dict[str, str]:
    """Return the file names that CRDS selects for those of the types `kinds` for which it has one.

    Types for which no rule fits are left out, as those are for which there is none: nothing is lost without them.

    Raises
    ------
    InputError
        No server and no cache.
    """
    kinds = list(kinds)
    purpose = f"select the {', '.join(kinds)} references of {meta.get('filename', 'the exposure')}"
    with _client(purpose, meta) as crds, contextlib.redirect_stderr(io.StringIO()):
        chosen = crds.getrecommendations(_parameters(meta), reftypes=kinds, context=context, observatory="jwst")
    names = {kind: str(chosen.get(kind) or NOT_APPLICABLE) for kind in kinds}
    return {kind: name for kind, name in names.items() if "N/A" not in name.upper() and "NOT FOUND" not in name}


def fetch(meta: Meta, kind: str, name: str, context: str | None = None) -> Path:
    """Return the place of file `name` in the local cache, fetching it from the server where it is not there yet.

    Raises
    ------
    InputError
        It is not in the cache and cannot be fetched.
    """
    with _client(f"fetch {name}", meta) as crds:
        path = Path(crds.locate_file(name, observatory="jwst"))
        if not path.is_file():
            with _progress(path):
                given = crds.getreferences(
                    _parameters(meta), reftypes=[kind], context=context, observatory="jwst"
                )[kind]  # fmt: skip
            path = Path(given)
        if not path.is_file():
            said = f" ({_listener.errors[-1]})" if _listener.errors else ""
            raise InputError(
                f"CRDS selects {name}, which is not in its cache ({path.parent}) and could not be fetched{said}. "
                f"{_remedies(kind)}"
            )
    return path


def context(given: str | None = None) -> str:
    """Return the name of the rules in use, for example `"jwst_1364.pmap"`.

    Raises
    ------
    InputError
        No server and no cache.
    """
    with _client("find the CRDS context", Meta()) as crds:
        return str(crds.get_context_name("jwst", context=given))


@contextlib.contextmanager
def defaults():
    """Set the variables the client needs and the user has not set, for the time of the block."""
    added = {name: os.path.expanduser(value) for name, value in _DEFAULTS.items() if name not in os.environ}
    if _CENTRAL_STORE.is_dir():
        added.pop("CRDS_PATH", None)
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _parameters(meta: Meta) -> dict:
    return {f"meta.{path}": v for path, v in meta.items() if isinstance(v, (str, int, float, bool))}


def _criteria(meta: Meta) -> str:
    paths = (
        "instrument.name", "instrument.detector", "instrument.filter", "instrument.pupil", "exposure.type",
        "exposure.readpatt", "subarray.name", "observation.date", "observation.time",
    )  # fmt: skip
    return ", ".join(f"{path.rpartition('.')[2] if 'name' not in path else path}={meta.get(path)}" for path in paths)


class _Listener(logging.Handler):
    """Keeps what the client says instead of printing it."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.errors: list[str] = []

    def emit(self, record):
        text = " ".join(record.getMessage().split())
        if record.levelno >= logging.ERROR:
            self.errors.append(text.removeprefix("(FATAL) "))
        else:
            logging.getLogger("jwgpu.reference").warning("CRDS: %s", text)


_listener = _Listener()


@contextlib.contextmanager
def _client(purpose: str, meta: Meta):
    """Lend the client, quiet, with fresh settings, its failures (a SystemExit among them) made into `InputError`."""
    with _lock, defaults():
        _listener.errors.clear()
        try:
            import crds
            from crds.core import log

            _refresh()
            console, logger = log.THE_LOGGER.console, log.THE_LOGGER.logger
            if console is not None:
                logger.removeHandler(console)
            logger.addHandler(_listener)
            verbosity = log.set_verbose(min(log.get_verbose(), -1))
            try:
                yield crds
            finally:
                log.set_verbose(verbosity)
                logger.removeHandler(_listener)
                if console is not None:
                    logger.addHandler(console)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            words = _listener.errors[-1] if isinstance(error, SystemExit) and _listener.errors else str(error)
            criteria = f" It was asked with {_criteria(meta)}." if len(meta.items()) else ""
            raise InputError(f"CRDS cannot {purpose}: {' '.join(words.split())}.{criteria} {_remedies()}") from error


def _remedies(kind: str = "TYPE") -> str:
    now = ", ".join(f"{n}={os.environ.get(n, 'not set')}" for n in ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT"))
    return (
        "Set CRDS_PATH to a folder for the cache and CRDS_SERVER_URL to https://jwst-crds.stsci.edu (with a network "
        f"connection, or with a cache already filled); now {now}. Or do without CRDS: give a folder of reference files "
        f"(--references DIR, references(..., folder=DIR)) or single files as overrides ({kind}=FILE), and --no-pars"
    )


def _refresh() -> None:
    """Make the client forget what it remembers of an earlier environment: it asks for it only once."""
    global _environment
    from crds.client import api
    from crds.core import utils

    now = {name: value for name, value in os.environ.items() if name.startswith("CRDS_")}
    if now != _environment:
        utils.clear_function_caches()
        api.set_crds_server(now["CRDS_SERVER_URL"])
        _environment = now


@contextlib.contextmanager
def _progress(path: Path):
    """Show how many bytes of a file have arrived: the client writes to a hidden neighbour, then renames it."""
    from tqdm.auto import tqdm

    done = threading.Event()

    def watch(bar):
        while not done.wait(0.2):
            parts = path.parent.glob(f".tmp_{path.name}_*") if path.parent.is_dir() else ()
            size = max((part.stat().st_size for part in parts if part.is_file()), default=bar.n)
            bar.update(max(size - bar.n, 0))

    with tqdm(desc=f"fetching {path.name}", unit="B", unit_scale=True, leave=False, delay=0.5) as bar:
        watcher = threading.Thread(target=watch, args=(bar,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def known_types() -> set[str]:
    """Return every reference type that CRDS knows of any JWST instrument.

    The rules of a context answer for each type a pipeline may ask for, if only that there is none.
    """
    import crds.jwst

    specs = json.loads((Path(crds.jwst.__file__).parent / "specs" / "combined_specs.json").read_text())
    return {kind for of_instrument in specs.values() for kind in of_instrument} - {"all"}


def seal(mapping: Path) -> None:
    """Write into a file of rules its checksum, without which the client refuses it."""
    from crds.refactoring import checksum

    checksum.update_checksum(str(mapping))
