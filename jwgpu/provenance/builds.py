"""The history of the operational pipeline: builds, releases, and the issues that are known of each."""

from __future__ import annotations

import dataclasses
import functools
import html
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from jwgpu import markup
from jwgpu.errors import InputError
from jwgpu.provenance.predicates import Predicate, parse
from jwgpu.provenance.versions import context_number, order

FIRST = "first"  # introduced in: every version that ever made a product


@dataclasses.dataclass(frozen=True)
class Library:
    """A library that holds a correction: from which of its versions on, and when that was released (ISO date)."""

    name: str
    fixed: str
    released: str


@dataclasses.dataclass(frozen=True)
class Issue:
    """One known issue: which products it touches, what it does, what mends it.

    `introduced` is `"first"` where the correction, or the feature, was missing in every version before `fixed`; None
    where the version that brought the issue is not known: then `traced_to` is the version from which on it is known to
    be there, and what came before is open. `traced_by` says how either is known. `fixed` is None where no version mends
    it; `library` is what holds the correction where that is not jwst itself, so that CAL_VER alone does not tell.
    """

    id: str
    title: str
    kind: str
    predicate: Predicate
    introduced: str | None
    fixed: str | None
    fixed_context: int | None
    stage: str
    steps: tuple[str, ...]
    effect: tuple[str, ...]
    severity: int
    rerun_from: str
    symptom: str
    remedy: str
    settings: tuple[str, ...]
    jwgpu_settings: tuple[str, ...]
    repair: bool
    beyond_header: str
    confidence: str
    sources: tuple[str, ...]
    named_by: str
    traced_to: str | None
    traced_by: str
    library: Library | None

    def __repr__(self) -> str:
        return f"<Issue {self.id}: {self.title} [{self.versions()}]>"

    def versions(self) -> str:
        """Return the range of versions in words."""
        since = {None: "not known since when", FIRST: "every version"}.get(self.introduced, f"since {self.introduced}")
        if self.traced_to:
            since = f"since {self.traced_to} or earlier"
        words = since + (f" before {self.fixed}" if self.fixed else ", no version mends it")
        if self.fixed_context and not self.fixed:
            return f"contexts before jwst_{self.fixed_context:04d}.pmap"
        return words + (f", or a context before jwst_{self.fixed_context:04d}.pmap" if self.fixed_context else "")

    def about(self) -> markup.Markup:
        """Return the title as HTML, and behind a click what is the same for every product that the issue touches."""
        rows = [("science", self.symptom), ("remedy", self.remedy), ("by", f"{self.predicate}; {self.versions()}"),
                ("traced by", self.traced_by), ("sources", ", ".join(self.sources))]  # fmt: skip
        return markup.folded(self.title, [row for row in rows if row[1]])

    def origin(self, version: str) -> str:
        """Return, in words, what is not known of the beginning for a version in the range; empty where it is known."""
        if self.introduced == FIRST:
            return "" if self.traced_by else "that every version before had it is a guess from what the correction does"
        if self.introduced is not None or (self.traced_to and order(version) >= order(self.traced_to)):
            return ""
        return f"traced back to {self.traced_to} only" if self.traced_to else "nobody knows which version brought it"

    def touches(self, version: str) -> bool:
        """Say whether a version lies in the range, where its beginning is not known from the first on."""
        at = order(version)
        if at is None:
            return False
        since = order(self.introduced) if self.introduced not in (None, FIRST) else None
        until = order(self.fixed) if self.fixed else None
        return (since is None or at >= since) and (until is None or at < until)


@dataclasses.dataclass(frozen=True)
class Build:
    """One build of the operational pipeline."""

    build: str
    jwst: str
    crds_context: str
    sdp_ver: str
    ops_date: str | None
    headline: str
    note: str | None
    jdox: str | None

    def issues(self) -> tuple[Issue, ...]:
        """Return the issues that products of this build can have."""
        context = context_number(self.crds_context)
        return tuple(
            issue
            for issue in knowledge().issues
            if issue.touches(self.jwst) and (issue.fixed or context < (issue.fixed_context or context + 1))
        )

    def mended(self) -> tuple[Issue, ...]:
        """Return the issues that this build no longer has, and the one before had."""
        every = knowledge().builds
        at = every.index(self)
        before = every[at - 1].issues() if at else ()
        mine = {issue.id for issue in self.issues()}
        return tuple(issue for issue in before if issue.id not in mine)

    def heading(self) -> list[str]:
        """Return what the build is, in lines."""
        when = f"in operation since {self.ops_date}" if self.ops_date else "date of operation not known"
        lines = [f"Build {self.build}: jwst {self.jwst}, {self.crds_context}, {when}", self.headline]
        return lines + [words for words in (self.note, self.jdox) if words]

    def lists(self) -> tuple[tuple[str, tuple[Issue, ...]], ...]:
        """Return what it mended and what is known of it, each with a title."""
        return ("Mended by this build", self.mended()), ("Known issues of this build", self.issues())

    def __str__(self) -> str:
        lines = "\n  ".join(self.heading()).split("\n")
        for title, issues in self.lists():
            lines += ["", f"{title} ({len(issues)}):"]
            lines += [f"  {issue.id:<20} {issue.title}  [{issue.versions()}]" for issue in issues]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<p>{'<br>'.join(html.escape(words) for words in self.heading())}</p>"]
        for title, issues in self.lists():
            table = markup.table(("issue", "versions", "what it is (a click shows what it does)"),
                                 [(i.id, i.versions(), i.about()) for i in issues])  # fmt: skip
            folded = "" if len(issues) > 20 else " open"  # a list of a hundred would fill a page
            parts.append(
                f"<details{folded}><summary style='cursor:pointer'>{title} ({len(issues)})</summary>{table}</details>"
            )
        return "".join(parts)


@dataclasses.dataclass(frozen=True)
class Builds:
    """All builds, in order. Prints as a table; `builds["9.2"]` is one of them."""

    builds: tuple[Build, ...]

    def __iter__(self):
        return iter(self.builds)

    def __len__(self) -> int:
        return len(self.builds)

    def __getitem__(self, name: str) -> Build:
        for build in self.builds:
            if build.build == str(name):
                return build
        names = ", ".join(build.build for build in self.builds)
        raise InputError(f"no build is called {name!r}; there are {names}")

    def rows(self) -> list[tuple[str, ...]]:
        """Return what the table shows."""
        return [(b.build, b.jwst, b.crds_context, b.ops_date or "", str(len(b.issues())), b.headline) for b in self]

    def __str__(self) -> str:
        head = ("build", "jwst", "context", "operation", "issues", "what was new")
        widths = (6, 8, 15, 11, 7)
        lines = ["".join(f"{word:<{width}}" for word, width in zip(row, widths)) + row[-1]
                 for row in [head, *self.rows()]]  # fmt: skip
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return markup.table(("build", "jwst", "context", "operation", "issues", "what was new"), self.rows())


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """What builds.yaml holds."""

    builds: tuple[Build, ...]
    releases: tuple[Mapping[str, Any], ...]
    issues: tuple[Issue, ...]

    def release(self, version: str) -> Mapping[str, Any] | None:
        """Return the release of the official package called `version`, or None for another version."""
        return next((release for release in self.releases if str(release["jwst"]) == version), None)

    def issue(self, name: str) -> Issue:
        """Return the issue called `name`."""
        return next(issue for issue in self.issues if issue.id == name)

    def build_of(self, version: str) -> Build | None:
        """Return the first build whose software is `version` or later."""
        at = order(version)
        return next((b for b in self.builds if at is not None and at <= order(b.jwst)), None)


def builds(name: str | None = None) -> Builds | Build:
    """Return the builds of the operational pipeline, or one of them.

    Parameters
    ----------
    name : str, optional
        For example `"9.2"`; all by default.

    Raises
    ------
    InputError
        No build has that name.
    """
    every = Builds(knowledge().builds)
    return every if name is None else every[name]


def content() -> dict[str, Any]:
    """Return builds.yaml as plain values."""
    text = resources.files("jwgpu.provenance").joinpath("builds.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def knowledge() -> Knowledge:
    """Return builds.yaml, with its predicates parsed."""
    tree = content()
    fields = {field.name for field in dataclasses.fields(Build)}
    made = tuple(Build(**{k: v for k, v in line.items() if k in fields}) for line in tree["builds"])
    return Knowledge(made, tuple(tree["releases"]), tuple(_issue(line) for line in tree["issues"]))


def _issue(line: Mapping[str, Any]) -> Issue:
    try:
        predicate = parse(line["predicate"])
    except ValueError as error:
        raise ValueError(f"builds.yaml, issue {line['id']}: {error}") from None
    return Issue(
        id=line["id"],
        title=line["title"],
        kind=line["kind"],
        predicate=predicate,
        introduced=line["introduced"],
        fixed=line["fixed"],
        fixed_context=context_number(line["fixed_context"]) if line.get("fixed_context") else None,
        stage=line["stage"],
        steps=tuple(line["steps"]),
        effect=tuple(line["effect"]),
        severity=line["severity"],
        rerun_from=line["rerun_from"],
        symptom=line["symptom"],
        remedy=line["remedy"],
        settings=tuple(line.get("settings", ())),
        jwgpu_settings=tuple(line.get("jwgpu_settings", ())),
        repair=bool(line.get("repair", False)),
        beyond_header=line.get("beyond_header", ""),
        confidence=line["confidence"],
        sources=tuple(line["sources"]),
        named_by=line.get("named_by", ""),
        traced_to=line.get("traced_to"),
        traced_by=line.get("traced_by", ""),
        library=Library(**line["library"]) if line.get("library") else None,
    )
