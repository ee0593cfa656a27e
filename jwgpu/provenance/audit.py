"""Which known issues touch a product, how sure that is, and what mends them."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping
from typing import Any

from jwgpu import markup
from jwgpu.provenance.builds import Issue, knowledge
from jwgpu.provenance.commands import ELSEWHERE, Abilities, Remedy, remedy, shown, steps_for
from jwgpu.provenance.facts import facts
from jwgpu.provenance.libraries import doubt

CERTAINTIES = ("certain", "likely", "possible")
_COLOURS = {"certain": "#b3261e", "likely": "#9a5b00", "possible": "#5f6368"}  # each readable on white and on dark
_BADGE = "<span style='background:{};color:white;border-radius:4px;padding:1px 6px'>{}</span>"
_ORDER = ("uncal", "rate", "cal", "i2d", "none")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One issue that touches a product.

    Attributes
    ----------
    issue : Issue
    certainty : str
        `"certain"`: the header and the versions decide. `"likely"`: they do, but only the pixels tell whether this
        exposure suffers, or the sources are not firm, or a library that no header names may have held the correction,
        though not the one that operations ran. `"possible"`: nobody knows whether this version had the issue, or the
        header leaves a condition open.
    why : tuple of str
        What keeps it from being certain.
    steps : mapping
        Step: whether jwgpu has it today for this kind of exposure.
    remedy : Remedy
        The product to start from, the command, and what jwgpu lacks.
    """

    issue: Issue
    certainty: str
    why: tuple[str, ...]
    steps: Mapping[str, bool]
    remedy: Remedy

    @property
    def start(self) -> str:
        """The product to start from."""
        return self.remedy.start

    @property
    def command(self) -> tuple[str, ...]:
        """Arguments of the command that mends it; empty where none does."""
        return self.remedy.command

    @property
    def shell(self) -> str:
        """The command as a line for a shell."""
        return shown(self.command)

    def reason(self) -> str:
        """Return what keeps it from being certain, in words."""
        return "; ".join(words.rstrip(".") for words in self.why)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        i = self.issue
        return {"id": i.id, "title": i.title, "certainty": self.certainty, "predicate": str(i.predicate),
                "versions": i.versions(), "why": list(self.why), "effect": list(i.effect), "severity": i.severity,
                "science": i.symptom, "remedy": i.remedy, "start": self.start, "steps": dict(self.steps),
                "missing_in_jwgpu": list(self.remedy.missing), "command": list(self.command), "shell": self.shell,
                "then": self.remedy.then, "jwst_with_fix": i.fixed, "traced_by": i.traced_by,
                "sources": list(i.sources)}  # fmt: skip

    def details(self) -> list[tuple[str, str]]:
        """Return pairs of label and words for display."""
        have = ", ".join(f"{s} ({'in jwgpu' if here else self._absent(s)})" for s, here in self.steps.items())
        run = self.shell or "none"
        if self.command[:1] == ("strun",) and self.issue.fixed:
            run += f"   (official package, jwst>={self.issue.fixed})"
        by = f"{self.issue.predicate}; {self.issue.versions()}"
        rows = [("science", self.issue.symptom), ("remedy", self.issue.remedy), ("steps", have),
                ("start from", self.start), ("command", run), ("then", self.remedy.then), ("by", by),
                ("traced by", self.issue.traced_by), ("not certain", self.reason()),
                ("sources", ", ".join(self.issue.sources))]  # fmt: skip
        return [(label, words) for label, words in rows if words]

    @staticmethod
    def _absent(step: str) -> str:
        return "outside the pipeline" if step in ELSEWHERE else "not in jwgpu for this mode yet"


@dataclasses.dataclass(frozen=True)
class Audit:
    """What is known to be wrong with one product. Prints as a report; a table with details in a notebook."""

    file: str
    software: str
    version: str
    context: str
    exp_type: str
    program: str
    findings: tuple[Finding, ...]

    @property
    def build(self) -> str:
        """The build of the operational pipeline that the version belongs to."""
        build = knowledge().build_of(self.version)
        return build.build if build else "later than the builds known"

    def __iter__(self):
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def ids(self, certainty: str | None = None) -> set[str]:
        """Return the ids of the issues found, of one certainty or of all."""
        return {f.issue.id for f in self.findings if certainty in (None, f.certainty)}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        command, ids = self.together()
        return {"file": self.file, "software": self.software, "jwst": self.version, "build": self.build,
                "context": self.context, "exp_type": self.exp_type, "program": self.program,
                "mend_at_once": {"command": list(command), "shell": shown(command), "issues": ids},
                "issues": [finding.as_dict() for finding in self.findings]}  # fmt: skip

    def together(self) -> tuple[tuple[str, ...], list[str]]:
        """Return the one command that mends most at once, without changing any setting, and the ids of what it mends.

        Made from the earliest product that a finding starts from; empty where jwgpu mends nothing.
        """
        runs = [f for f in self.findings if f.command[:2] == ("jwgpu", "run") and "--set" not in f.command]
        if not runs:
            return (), []
        first = min(runs, key=lambda f: _ORDER.index(f.issue.rerun_from))
        return first.command, [f.issue.id for f in runs]

    def heading(self) -> str:
        """Return one line that says what the product is."""
        made = self.software if self.software == self.version else f"{self.software} (as jwst {self.version})"
        return f"{self.file}: {self.exp_type or 'EXP_TYPE missing'}, {made}, build {self.build}, {self.context}"

    def counts(self) -> str:
        """Return how many findings of each certainty, in words."""
        return ", ".join(f"{len(self.ids(word))} {word}" for word in CERTAINTIES)

    def text(self, possible: bool = False) -> str:
        """Return the report; with `possible`, those findings in full too, else one line each."""
        lines = [self.heading(), f"  {self.counts()}"]
        for finding in self.findings:
            lines.append(f"\n  [{finding.certainty}] {finding.issue.id}  {finding.issue.title}")
            if finding.certainty != "possible" or possible:
                lines += [f"      {label:<11} {words}" for label, words in finding.details()]
            else:
                lines[-1] = lines[-1].removeprefix("\n")
        lines += [f"\n  {line}" for line in self._once()]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.heading())}</p>{self.table()}"

    def table(self) -> str:
        """Return the findings as HTML: a line each, with the details behind a click."""
        rows = [(_badge(f), f.issue.id, markup.folded(f.issue.title, self._marked(f))) for f in self.findings]
        return markup.table(("how sure", "issue", "what it is (a click shows what it does and what mends it)"), rows,
                            self.counts(), self._once())  # fmt: skip

    def short_table(self) -> str:
        """Return the findings as HTML without what is the same for every product that an issue touches."""
        rows = [(_badge(f), f.issue.id, _code(f.shell), f.remedy.then, f.reason()) for f in self.findings]
        return markup.table(("how sure", "issue", "command", "then", "not certain because"), rows, remarks=self._once())

    @staticmethod
    def _marked(finding: Finding) -> list[tuple[str, str]]:
        return [(label, _code(words) if label == "command" else words) for label, words in finding.details()]

    def _once(self) -> list[str]:
        command, ids = self.together()
        return [f"{len(ids)} of these are mended at once ({', '.join(ids)}): {shown(command)}"] if len(ids) > 1 else []


def audit_header(
    header: Mapping[str, Any],
    name: str,
    abilities: Abilities,
    has_science: bool = True,
    members: tuple[str, ...] = (),
) -> Audit:
    """Return the issues that touch the product with this header.

    Parameters
    ----------
    header : mapping
        Keywords of the primary header and of SCI.
    name : str
        Path or name of the product.
    abilities : Abilities
        What jwgpu can do today.
    has_science : bool
        Whether the product has an extension SCI.
    members : tuple of str
        Exposures that a combined product was made of, where they are known.

    Raises
    ------
    InputError
        Not a product of JWST, or one that does not say what calibrated it.
    """
    known = facts(header, name, has_science)
    if members:
        known["members"] = members
    found = [finding for issue in knowledge().issues if (finding := _judge(issue, known, name, abilities))]
    found.sort(key=lambda f: (CERTAINTIES.index(f.certainty), -f.issue.severity, f.issue.id))
    words = {key: str(known.get(key, "")).strip() for key in ("CAL_VER", "CRDS_CTX", "EXP_TYPE", "PROGRAM")}
    return Audit(name, words["CAL_VER"], known["equivalent"], words["CRDS_CTX"] or "no CRDS context",
                 words["EXP_TYPE"], words["PROGRAM"] or "unknown", tuple(found))  # fmt: skip


def _judge(issue: Issue, known: Mapping[str, Any], name: str, abilities: Abilities) -> Finding | None:
    in_range = _in_range(issue, known)
    if in_range is False or issue.predicate(known) is False:
        return None
    open_words = issue.predicate.undecided(known)
    if in_range is None:
        open_words.append("CRDS_CTX is not in the header")
    if origin := issue.origin(known["equivalent"]):
        open_words.append(origin)
    softer = [issue.beyond_header] if issue.beyond_header else []
    if issue.library:
        sure, words = doubt(issue.library, known)
        {"certain": [], "likely": softer, "possible": open_words}[sure].append(words)
    if issue.confidence != "high":
        softer.append(f"the sources leave doubt (confidence {issue.confidence})")
    if known["ours"]:
        softer.append("made by jwgpu, judged as the version that it is equivalent to")
    certainty = "possible" if open_words else "likely" if softer else "certain"
    mode = str(known.get("EXP_TYPE", "")).strip().upper()
    steps = {step: step not in ELSEWHERE and abilities.has(step, mode) for step in steps_for(issue, mode)}
    return Finding(issue, certainty, (*open_words, *softer), steps, remedy(issue, known, name, abilities))


def _in_range(issue: Issue, known: Mapping[str, Any]) -> bool | None:
    old_context = None
    if issue.fixed_context is not None and "context" in known:
        old_context = known["context"] < issue.fixed_context
    if issue.fixed_context is not None and issue.fixed is None:
        return old_context
    return issue.touches(known["equivalent"]) or bool(old_context)


def _code(words: str) -> markup.Markup:
    return markup.Markup(f"<code>{html.escape(words)}</code>" if words else "")


def _badge(finding: Finding) -> markup.Markup:
    return markup.Markup(_BADGE.format(_COLOURS[finding.certainty], finding.certainty))
