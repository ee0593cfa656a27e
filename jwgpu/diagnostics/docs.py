"""What the docstrings of a step say: nothing is declared a second time."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys

from jwgpu.step import Step

_SECTION = re.compile(r"^(?P<title>\S.*)\n(?P<line>-{3,})\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^(?P<names>[*\w][\w, *]*?)(?: : (?P<kind>.*))?$")
_END = re.compile(r"(?<=[^\d\s.][.])\s+(?=[A-Z`])")


@dataclasses.dataclass(frozen=True)
class Docs:
    """A docstring in its parts.

    Attributes
    ----------
    summary, description : str
        The first line, and what follows it.
    sections : dict
        Text by title.
    entries : dict
        Name of a parameter or reference: what is said of it, in one line.
    """

    summary: str
    description: str
    sections: dict[str, str]
    entries: dict[str, str]


def read(documented) -> Docs:
    """Return the docstring of a function or a class in its parts."""
    return split(inspect.getdoc(documented) or "")


def _module_text(step: Step) -> str:
    """Return the docstring of the file that a step is written in; of a notebook, nothing."""
    name = step.function.__module__
    return "" if name == "__main__" else inspect.getdoc(sys.modules[name]) or ""


def split(text: str) -> Docs:
    """Return a docstring in its parts."""
    found = list(_SECTION.finditer(text))
    head = text[: found[0].start()] if found else text
    summary, _, description = head.partition("\n\n")
    ends = [m.start() for m in found[1:]] + [len(text)]
    sections = {m["title"]: text[m.end() : end].strip("\n") for m, end in zip(found, ends)}
    entries: dict[str, str] = {}
    for title in ("Parameters", "Attributes"):
        entries |= _entries(sections.get(title, ""))
    return Docs(" ".join(summary.split()), description.strip(), sections, entries)


def _entries(text: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    names: list[str] = []
    kinds: dict[str, str] = {}
    for line in text.split("\n"):
        if line and not line[0].isspace() and (match := _ENTRY.match(line)):
            names = [name.strip(" *") for name in match["names"].split(",")]
            entries |= dict.fromkeys(names, "")
            kinds |= dict.fromkeys(names, match["kind"] or "")
        elif line.strip():
            for name in names:
                entries[name] = f"{entries[name]} {line.strip()}".strip()
    return {name: words or kinds[name] for name, words in entries.items()}


def of_parameters(step: Step) -> dict[str, str]:
    """Return what is said of each parameter of a step, of those in groups by the docstring of their class."""
    own = read(step.function).entries
    entries = dict(own)
    for group, kind in step.groups.items():
        of_group = read(kind).entries
        entries |= {name: of_group.get(name) or own.get(group, "") for name in kind.__dataclass_fields__}
    return {name: plain(entries.get(name, "")) for name in step.parameters}


def of_references(step: Step) -> dict[str, str]:
    """Return what is said of each reference of a step."""
    entries = read(step.function).entries
    return {name: plain(entries.get(name, "")) for name in step.references}


def sentences(step: Step, most: int = 3) -> list[str]:
    """Return the first sentences that say what a step does."""
    docs, module = read(step.function), split(_module_text(step))
    texts = (module.summary, docs.summary, docs.description, module.description)
    paragraphs = [p for text in texts for p in re.split(r"\n\s*\n", text) if p and not _is_formula(p)]
    found = dict.fromkeys(sentence for p in paragraphs for sentence in _END.split(" ".join(p.split())))
    return [re.sub("::$", ":", plain(sentence)) for sentence in list(found)[:most]]


def formula(step: Step) -> str:
    """Return the formulae of a step as they are written in its docstring, its module, or the mathematics it names."""
    texts = [inspect.getdoc(step.function) or "", _module_text(step)]
    named = dict.fromkeys(re.findall(r"numerics\.(\w+)", "\n".join(texts)))
    texts += [inspect.getdoc(importlib.import_module(f"jwgpu.numerics.{name}")) or "" for name in named]
    for text in texts:
        head = text[: m.start()] if (m := _SECTION.search(text)) else text
        if found := [p.strip("\n") for p in re.split(r"\n\s*\n", head) if _is_formula(p)]:
            return inspect.cleandoc("\n" + "\n".join(found))
    return ""


def papers(step: Step) -> list[str]:
    """Return the papers that a step is made after."""
    texts = [read(step.function).sections, split(_module_text(step)).sections]
    lines = "\n".join(sections.get("References", "") for sections in texts)
    return [" ".join(entry.split()) for entry in re.split(r"\.\. \[\d+\]", lines) if entry.strip()]


def plain(text: str) -> str:
    """Return words without the marks of reStructuredText."""
    return re.sub(r"\s*\[\d+\]_", "", text).replace("`", "")


def _is_formula(paragraph: str) -> bool:
    lines = [line for line in paragraph.split("\n") if line.strip()]
    if not lines or any(not line.startswith("    ") or re.search(r"\w\.\w+\(|^\s*>>>", line) for line in lines):
        return False  # words, or code
    return any("=" in line or ">" in line for line in lines)
