"""`jw.explain`: what a step does, from its docstring, its signature, and a small simulated case."""

from __future__ import annotations

import html
import textwrap

import numpy as np

from jwgpu import backend, markup
from jwgpu import steps as all_steps
from jwgpu.data import GROUP, PIXEL, Exposures, Ramp, SourceCatalog
from jwgpu.diagnostics import dithered, docs, draw, windows
from jwgpu.diagnostics.example import Example, example
from jwgpu.diagnostics.figures import as_html, empty
from jwgpu.diagnostics.sources import catalog_figure
from jwgpu.diagnostics.subject import Subject
from jwgpu.errors import InputError
from jwgpu.step import Step


def explain(step: Step | str) -> Explanation:
    """Explain a step: what it does in three sentences, its formulae, parameters, references, and a picture.

    All of it is read from the docstring and the signature; the picture is that of a small simulated exposure before
    and after.

    Parameters
    ----------
    step : Step or str
        `steps.jump`, or its name.

    Raises
    ------
    InputError
        It is not a step.
    """
    step = all_steps.get(step) if isinstance(step, str) else step
    if not isinstance(step, Step):
        raise InputError(f"explain: {step!r} is not a step; give one of jwgpu.steps, or a function under @jw.step")
    return Explanation(step)


class Explanation:
    """What `jw.explain` returns; a page in a notebook, text in a terminal.

    Attributes
    ----------
    sentences : list of str
    formula : str
    parameters : list of (name, default, meaning)
    references : list of (name, needed, meaning)
    differences : str
        From the official step.
    papers : list of str
    """

    def __init__(self, step: Step):
        self.step, self._example = step, None
        self.sentences, self.formula, self.papers = docs.sentences(step), docs.formula(step), docs.papers(step)
        words = docs.of_parameters(step)
        self.parameters = [(name, repr(p.default), words[name]) for name, p in step.parameters.items()]
        words = docs.of_references(step)
        self.references = [(n, "needed" if k else "optional", words[n]) for n, k in step.references.items()]
        sections = docs.read(step.function).sections
        self.differences = docs.plain(sections.get("Differs from jwst", ""))
        self.skips = docs.plain(" ".join(sections.get("Skips when", "").split()))

    def example(self) -> Example | None:
        """Return the simulated case of the picture; None where no small one shows the step."""
        if self._example is None:
            self._example = (example(self.step),)
        return self._example[0]

    def figure(self):
        """Return the case before and after as a matplotlib Figure; None where there is none."""
        case = self.example()
        if case is None:
            return None
        if isinstance(case.after, SourceCatalog):
            return catalog_figure(case.before, case.after)
        if isinstance(case.before, Exposures):
            return dithered.figure(self.step.name, case.before, case.after, case.truth)
        figure = empty(13, 3.4)
        axes = figure.subplots(1, 4)
        before, after = Subject(case.before, "before"), Subject(case.after, f"after {self.step.name}")
        if before.shape == after.shape:
            y, x, change, words = _changed(case)
        else:  # reference output, or interleaved pixels, are gone
            y, x, change, words = *(n // 2 for n in after.shape), None, ""
        for axis, subject in zip(axes, (before, after)):
            plane = backend.to_host(subject.plane("data"))
            draw.image(axis, plane, subject.label, subject.unit, 99.0, stretch="asinh")
        if change is None:
            axes[2].set_visible(False)
        elif change.dtype == bool:
            axes[2].imshow(change, origin="lower", cmap="gray_r", interpolation="nearest")
            axes[2].set_title(words, fontsize=10)
        else:
            high = max(abs(v) for v in windows.limits(change, 98.0)) or 1.0
            draw.image(axes[2], change, words, after.unit, limits=(-high, high), cmap="RdBu_r")
        _line(axes[3], case, x, y)
        return figure

    def _told(self) -> str:
        """Return what the picture is of."""
        case = self.example()
        words = f"a simulated case ({case.mode}) before and after {self.step.name}"
        given = case.after.history[-1].parameters
        own = [f"{n}={given[n]!r}" for n, p in self.step.parameters.items() if n in given and given[n] != p.default]
        return words + (f" with {', '.join(own)}" if own else "")

    def _title(self) -> str:
        return f"{self.step.name}: {docs.plain(self.step.summary)}"

    def __repr__(self) -> str:
        parts = [self._title(), "", *textwrap.wrap(" ".join(self.sentences), 100)]
        if self.formula:
            parts += ["", textwrap.indent(self.formula, "    ")]
        tables = (
            (("parameter", "default", "meaning"), self.parameters),
            (("reference", "", "meaning"), self.references),
        )
        for header, rows in tables:
            if rows:
                parts += ["", markup.text(header, [(a, b, textwrap.shorten(c, 100)) for a, b, c in rows])]
        return "\n".join([*parts, *([""] if self.papers else []), *self.papers])

    def _repr_html_(self) -> str:
        parts = [f"<h3>{html.escape(self._title())}</h3>", f"<p>{html.escape(' '.join(self.sentences))}</p>"]
        if self.formula:
            parts.append(f"<pre style='padding-left:2em'>{html.escape(self.formula)}</pre>")
        if (figure := self.figure()) is not None:
            told = self._told()
            parts.append(as_html(figure, told, 90) + f"<p style='font-size:12px'>{html.escape(told)}</p>")
        parts.append(
            f"<p>Works on {self.step.works_on}. {html.escape('Skips when: ' + self.skips) if self.skips else ''}</p>"
        )
        if self.references:
            parts.append(markup.table(("reference", "", "what it gives"), self.references))
        if self.parameters:
            parts.append(markup.table(("parameter", "default", "what it does"), self.parameters))
        if self.differences:
            words = html.escape(self.differences)
            summary = "<summary style='cursor:pointer'>how it differs from jwst</summary>"
            parts.append(f"<details>{summary}<pre>{words}</pre></details>")
        parts += [f"<p style='font-size:12px'>{html.escape(paper)}</p>" for paper in self.papers]
        return "".join(parts)


def _changed(case: Example):
    """Return the pixel in which most has changed, a map of the change, and what it is."""
    before, after = (Subject(noun) for noun in (case.before, case.after))
    if type(case.before) is type(case.after):
        planes = [backend.to_host(s.plane("data")).astype(np.float64) for s in (before, after)]
        change = np.nan_to_num(planes[1] - planes[0])
        if np.any(change):
            if case.before.unit != case.after.unit:
                return *_typical(planes[1]), None, ""
            return *_typical(change), change.astype(np.float32), "after minus before"
        flagged = _flags(case.after) & ~_flags(case.before)
        mask = flagged.any(axis=0) if flagged.ndim == 3 else flagged != 0
        if mask.any():
            names = PIXEL.names(int(np.bitwise_or.reduce(flagged.ravel())))
            names = sorted(names, key=lambda name: -np.count_nonzero(flagged & PIXEL[name]))
            return *_telling(case.before, flagged, mask), mask, "newly flagged " + ", ".join(names[:2])
        return *(n // 2 for n in before.shape), None, ""
    return *_typical(backend.to_host(after.plane("data"))), None, ""


def _typical(plane: np.ndarray):
    """Return the pixel whose value is larger than those of nine in ten of the others, however small most are."""
    size = np.abs(np.where(np.isfinite(plane), plane, 0))
    return np.unravel_index(np.argmin(np.abs(size - np.percentile(size[size > 0], 90))), plane.shape)


def _telling(noun, flagged: np.ndarray, mask: np.ndarray):
    """Return the flagged pixel that shows best why: that with a few flagged groups and the largest step up a ramp."""
    if not isinstance(noun, Ramp) or flagged.ndim != 3 or noun.n_groups < 3:
        where = np.argwhere(mask)
        return where[len(where) // 2]
    steps = np.abs(np.diff(backend.to_host(noun.data[0]).astype(np.float64), axis=0))
    few = mask & (np.count_nonzero(flagged, axis=0) < noun.n_groups)
    # A step in the middle of a ramp is easier to see than one at its end.
    sharp = np.where(few if few.any() else mask, steps[:-1].max(axis=0) / (1 + np.median(steps, axis=0)), -1)
    return np.unravel_index(np.argmax(sharp), mask.shape)


def _flags(noun) -> np.ndarray:
    """Return the flags of the first integration on the host, (group, y, x) or (y, x), uint32."""
    if isinstance(noun, Ramp):
        return backend.to_host(noun.groupdq)[0].astype(np.uint32) | backend.to_host(noun.pixeldq)
    dq = backend.to_host(noun.dq)
    return dq if dq.ndim == 2 else dq[0]


def _line(axes, case: Example, x: int, y: int) -> None:
    """Draw the ramp of a pixel before and after, or what stands in its row."""
    for noun, label, colour in zip((case.before, case.after), ("before", "after"), draw.COLOURS):
        if isinstance(noun, Ramp):
            values = backend.to_host(noun.data[0, :, y, x])
            axes.plot(np.arange(1, values.size + 1), values, "o-", color=colour, ms=4, lw=1.2, label=label)
            hit = backend.to_host(noun.groupdq[0, :, y, x])
            for name, (mark, tint) in draw.MARKS.items():
                at = np.flatnonzero(hit & GROUP[name])
                if at.size and label == "after":
                    axes.plot(at + 1, values[at], mark, color=tint, ms=9, mfc="none", mew=1.5, ls="none", label=name)
        elif noun.unit == case.before.unit:
            axes.plot(
                backend.to_host(noun.data if noun.data.ndim == 2 else noun.data[0])[y], color=colour, lw=1, label=label
            )
        else:
            plane = backend.to_host(noun.data if noun.data.ndim == 2 else noun.data[0])
            axes.plot([], [], " ", label=f"becomes {plane[y, x]:.4g} {noun.unit}")
    is_ramp = isinstance(case.before, Ramp)
    axes.set_title(f"pixel x={x}, y={y}" if is_ramp else f"row y={y}", fontsize=10)
    axes.set_xlabel("group" if is_ramp else "x", fontsize=9)
    axes.set_ylabel(case.before.unit, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
