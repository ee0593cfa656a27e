"""Parameter files in the older form: lines `name = value`, steps of a pipeline in sections `[steps]`, `[[jump]]`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jwgpu.errors import InputError

_SECTION = re.compile(r"^(\[+)\s*([^\[\]]+?)\s*(\]+)$")
_ENTRY = re.compile(r"""^("[^"]*"|'[^']*'|[^=]+?)\s*=\s*(.*)$""")
_VALUE = re.compile(r"""("[^"]*"|'[^']*'|[^,]*?)\s*(?:,\s*|$)""")
_COMMENT = re.compile(r"""^((?:"[^"]*"|'[^']*'|[^#"'])*)#.*$""")


def read(path: Path) -> dict[str, Any]:
    """Read a file into a tree of words: `class`, parameters, and below `steps` those of each step.

    A step may name a file of its own, `config_file`, beside this one: the values here go before those there.

    Raises
    ------
    InputError
        It cannot be read, or a line is neither a section nor an assignment.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"parameter file {path} cannot be read ({error}); give a file of CRDS type pars-*") from error
    tree: dict[str, Any] = {}
    open_sections = [tree]
    for number, line in enumerate(lines, 1):
        line = _COMMENT.sub(r"\1", line).strip()
        section, entry = _SECTION.match(line), _ENTRY.match(line)
        if section and len(section[1]) == len(section[3]) <= len(open_sections):
            del open_sections[len(section[1]) :]
            open_sections.append(open_sections[-1].setdefault(_plain(section[2]), {}))
        elif entry:
            open_sections[-1][_plain(entry[1])] = _value(entry[2])
        elif line:
            raise InputError(
                f"parameter file {path}, line {number}: {line!r} is neither `name = value` nor a section in brackets"
            )
    steps = tree.get("steps", {})
    for values in steps.values() if isinstance(steps, dict) else ():
        if not isinstance(values, dict):
            raise InputError(
                f"parameter file {path}: [steps] holds {values!r}, and not a section [[name]] for each step"
            )
        if values.get("config_file"):
            values |= {**read(path.parent / values["config_file"]), **values}
        for name in ("config_file", "class", "name"):
            values.pop(name, None)
    return tree


def _value(text: str) -> str | list[str] | None:
    words = [_plain(word) for word in _VALUE.findall(text.strip()) if word]
    if text.strip() and "," in _VALUE.match(text.strip())[0]:
        return words
    return None if not words or words == ["None"] else words[0]


def _plain(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word.strip()
