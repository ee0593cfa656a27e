"""Tables: HTML for a notebook, lines of text for a terminal."""

from __future__ import annotations

import html as _html
from collections.abc import Iterable, Sequence

_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0;white-space:normal"


def table(header: Sequence[str], rows: Iterable[Sequence], title: str = "", remarks: Iterable[str] = ()) -> str:
    """Return a table as HTML; columns in which nothing stands are left out.

    Parameters
    ----------
    header : words
    rows : iterable of sequences
        Shown by `str`; what is HTML already is wrapped in `Markup`.
    title : str
        Its caption, which a screen reader reads too.
    remarks : words
        Paragraphs below it.
    """
    rows = [list(row) for row in rows]
    kept = [i for i in range(len(header)) if not rows or any(str(row[i]) for row in rows)]
    head = "".join(f"<th scope='col' style='{_CELL}'>{escape(header[i])}</th>" for i in kept)
    body = "".join(
        "<tr>" + "".join(f"<td style='{_CELL}'>{escape(row[i])}</td>" for i in kept) + "</tr>" for row in rows
    )
    style = "text-align:left;white-space:nowrap;font-weight:600;color:inherit;padding:4px 0"
    caption = f"<caption style='{style}'>{escape(title)}</caption>"
    below = "".join(f"<p>{escape(remark)}</p>" for remark in remarks)
    head = f"<thead><tr>{head}</tr></thead>" if any(header) else ""
    style = "border-collapse:collapse;line-height:1.35;font-size:13px"
    return f"<table style='{style}'>{caption if title else ''}{head}<tbody>{body}</tbody></table>{below}"


def folded(title: str, rows: Iterable[Sequence]) -> Markup:
    """Return a title, and behind a click pairs of label and words, as HTML."""
    return Markup(f"<details><summary>{escape(title)}</summary>{table(('', ''), rows)}</details>")


def text(header: Sequence[str], rows: Iterable[Sequence], title: str = "", remarks: Iterable[str] = ()) -> str:
    """Return a table as lines of text."""
    rows = [[str(word) for word in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    if not any(header):
        lines = lines[2:]
    return "\n".join([*([title] if title else []), *lines, *remarks])


class Markup(str):
    """Words that are HTML already."""

    __slots__ = ()


def escape(word) -> str:
    """Return a word with what HTML would take for its own written out."""
    return word if isinstance(word, Markup) else _html.escape(str(word))
