"""The audit of many products, summarised by issue and by programme."""

from __future__ import annotations

import collections
import dataclasses
import html
from typing import Any

from jwgpu import markup
from jwgpu.provenance.audit import CERTAINTIES, Audit
from jwgpu.provenance.builds import knowledge

_SHOWN = 100  # products in a notebook, which keeps every byte
_STYLE = (
    "body{font:15px sans-serif;margin:2em;max-width:100em;line-height:1.4}table{margin:.6em 0 1.4em}"
    "summary{cursor:pointer;overflow-wrap:anywhere;padding:2px 0}details table{margin-left:1.2em}"
    "code{overflow-wrap:anywhere}tr:hover>td{background:#0001}"
)


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

    __repr__ = __str__

    def _repr_html_(self) -> str:
        more = f"<p>and {len(self) - _SHOWN} more: <code>audits.audits</code>, <code>audits.page()</code></p>"
        return self._tables() + self._products(self.audits[:_SHOWN]) + (more if len(self) > _SHOWN else "")

    def _tables(self) -> str:
        programs = [(p, n, *count.values()) for p, n, count in self.by_program()]
        issues = [(i, *(count[c] or "" for c in CERTAINTIES), knowledge().issue(i).about())
                  for i, _, count in self.by_issue()]  # fmt: skip
        heads = ("issue", *CERTAINTIES, "what it is (a click shows what it does)")
        bad = "".join(f"<li>{html.escape(words)}</li>" for _, words in self.refused)
        return (
            (f"<details><summary>{len(self.refused)} files could not be audited</summary><ul>{bad}</ul></details>"
             if bad else "")
            + markup.table(("programme", "products", *CERTAINTIES), programs, "Findings by programme")
            + markup.table(heads, issues, "Products by issue")
        )  # fmt: skip

    def _products(self, audits: tuple[Audit, ...]) -> str:
        each = (f"<details><summary>{html.escape(a.heading())}: {html.escape(a.counts())}</summary>"
                f"{a.short_table()}</details>" for a in audits)  # fmt: skip
        return f"<p><b>Products</b> (a click shows the findings and what mends them)</p>{''.join(each)}"

    def page(self) -> str:
        """Return a whole HTML page."""
        words = (
            f"{len(self)} products, {len(self.refused)} files that could not be audited. "
            "Certain: the header and the versions decide. Likely: only the pixels tell whether this exposure suffers, "
            "or the sources are not firm. Possible: the header leaves a condition open, or nobody knows whether this "
            "version had the issue."
        )
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>Audit of JWST products</title>'
            f"<style>{_STYLE}</style><h1>Audit of JWST products</h1><p>{words}</p>"
            f"{self._tables()}{self._products(self.audits)}</html>"
        )
