"""The audit of many products, summarised by issue and by programme."""

from __future__ import annotations

import collections
import dataclasses
import html
from typing import Any

from jwgpu.provenance.audit import CERTAINTIES, Audit
from jwgpu.provenance.builds import knowledge

_STYLE = "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}td,th{padding:2px 10px;vertical-align:top;text-align:left}"  # noqa: E501


@dataclasses.dataclass(frozen=True)
class Audits:
    """Audits of many products, and what could not be audited, one line each."""

    audits: tuple[Audit, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def __iter__(self):
        return iter(self.audits)

    def __len__(self) -> int:
        return len(self.audits)

    def by_issue(self) -> list[tuple[str, str, dict[str, int]]]:
        """Return (id, title, products by certainty), the surest and gravest first."""
        counted: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        for audit in self.audits:
            for finding in audit:
                counted[finding.issue.id][finding.certainty] += 1
        rows = [(name, knowledge().issue(name).title, {c: count[c] for c in CERTAINTIES})
                for name, count in counted.items()]  # fmt: skip
        return sorted(rows, key=lambda r: (*(-r[2][c] for c in CERTAINTIES), r[0]))

    def by_program(self) -> list[tuple[str, int, dict[str, int]]]:
        """Return (programme, products, findings by certainty)."""
        rows = {}
        for audit in self.audits:
            count, findings = rows.get(audit.program, (0, collections.Counter()))
            findings.update(finding.certainty for finding in audit)
            rows[audit.program] = (count + 1, findings)
        return [(name, n, {c: found[c] for c in CERTAINTIES}) for name, (n, found) in sorted(rows.items())]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON: every file with its issues, the summaries, and what was refused."""
        return {
            "files": [audit.as_dict() for audit in self.audits],
            "by_issue": [{"id": i, "title": t, **count} for i, t, count in self.by_issue()],
            "by_program": [{"program": p, "files": n, **count} for p, n, count in self.by_program()],
            "refused": [{"file": file, "reason": words} for file, words in self.refused],
        }

    def __str__(self) -> str:
        lines = [f"{len(self.audits)} products audited, {len(self.refused)} refused", ""]
        lines += [f"{'programme':<12}{'products':>9}" + "".join(f"{c:>10}" for c in CERTAINTIES)]
        lines += [
            f"{p:<12}{n:>9}" + "".join(f"{count[c]:>10}" for c in CERTAINTIES) for p, n, count in self.by_program()
        ]
        lines += ["", f"{'issue':<21}" + "".join(f"{c:>10}" for c in CERTAINTIES) + "  products with it"]
        lines += [
            f"{i:<21}" + "".join(f"{count[c]:>10}" for c in CERTAINTIES) + f"  {t}" for i, t, count in self.by_issue()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        programs = [(p, n, *count.values()) for p, n, count in self.by_program()]
        issues = [(i, *count.values(), t) for i, t, count in self.by_issue()]
        each = "".join(f"<details><summary>{html.escape(a.heading())}: {html.escape(a.counts())}</summary>"
                       f"{a._repr_html_()}</details>" for a in self.audits)  # fmt: skip
        bad = "".join(f"<li>{html.escape(words)}</li>" for _, words in self.refused)
        return (
            _table(("programme", "products", *CERTAINTIES), programs)
            + _table(("issue", *CERTAINTIES, "what it is"), issues)
            + each
            + (f"<p>Refused:</p><ul>{bad}</ul>" if bad else "")
        )

    def page(self) -> str:
        """Return a whole HTML page."""
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Audit of JWST products</title>'
            f"<style>{_STYLE}</style><h1>Audit of JWST products</h1>{self._repr_html_()}</html>"
        )


def _table(head, rows) -> str:
    titles = "".join(f"<th>{html.escape(str(word))}</th>" for word in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>"
