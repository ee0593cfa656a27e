"""`jw.tune`: turn the knobs of a step and see at once what it does."""

from __future__ import annotations

import time

from jwgpu import steps as all_steps
from jwgpu.data import Exposure, Ramp
from jwgpu.diagnostics.controls import menu, notice, packages
from jwgpu.diagnostics.parameters import Parameters
from jwgpu.diagnostics.strip import strip
from jwgpu.diagnostics.subject import Subject
from jwgpu.diagnostics.viewer import Viewer
from jwgpu.errors import InputError
from jwgpu.step import Step

INPUT, DEFAULTS = "what went in", "default parameters"


def tune(step: Step | str, exposure: Exposure, refs=None, *, rows: int = 256, first: int | None = None,
         **parameters) -> Tuner:  # fmt: skip
    """Turn the knobs of a step and see at once what it does.

    Every parameter has a control made from the signature of the step, with its documentation as tooltip. A change
    recomputes some rows of the exposure, as they come out of the step on the whole of it; steps that look at whole
    frames are run on all of it. "Apply to all" runs the step on the whole exposure and leaves it in `tuner.result`;
    the call stands below, ready to paste.

    Parameters
    ----------
    step : Step or str
        `steps.jump`, or its name.
    exposure : Exposure
        As it reaches the step.
    refs : References, optional
        Where the references come from; `jw.references(exposure)` by default.
    rows : int
        How many rows are recomputed.
    first : int, optional
        The first of them; those in the middle by default.
    **parameters
        To begin with.

    Returns
    -------
    Tuner
        A widget, displayed as the last expression of a cell.

    Raises
    ------
    InputError
        The exposure is not of the kind that the step works on; a parameter is unknown.
    """
    step = all_steps.get(step) if isinstance(step, str) else step
    if not isinstance(step, Step):
        raise InputError(f"tune: {step!r} is not a step; give one of jwgpu.steps, or a function under @jw.step")
    if not isinstance(exposure, step.nouns):
        raise InputError(f"{step.name} works on {step.works_on}, and {exposure.name} is a {type(exposure).__name__}")
    if refs is None:
        from jwgpu.reference import references as find

        refs = find(exposure)
    return Tuner(step, exposure, refs, rows, first, parameters)


class Tuner:
    """What `jw.tune` returns.

    Attributes
    ----------
    parameters : Parameters
        The controls; `tuner["rejection_threshold"].value` reads or sets one.
    viewer : Viewer
        Before and after, on the rows that are recomputed.
    result : Exposure or named tuple
        What "apply to all" has made; None before.
    seconds : float
        What the last change took to recompute.
    """

    def __init__(self, step: Step, exposure: Exposure, refs, rows: int, first: int | None, parameters: dict):
        widgets, _ = packages()
        self.step, self.exposure, self._rows = step, exposure, rows
        self.result, self.seconds = None, 0.0
        self._references = _fetched(step, exposure, refs, parameters)
        n_rows = exposure.shape[-2]
        self._first = (n_rows - rows) // 2 if first is None else first
        self.parameters = Parameters(widgets, step, parameters, self.refresh)
        self.compare = menu(widgets, "beside", (INPUT, DEFAULTS), INPUT, "what the result is compared with", "290px")
        self.where = widgets.BoundedIntText(
            value=max(self._first, 0), min=0, max=max(n_rows - rows, 0), step=max(rows // 2, 1), description="from row",
            tooltip="first row that is recomputed", layout=widgets.Layout(width="170px"),
        )  # fmt: skip
        self.where.layout.display = None if n_rows > rows else "none"
        self.message = widgets.HTML()
        self.call = widgets.Textarea(disabled=True, rows=2, layout=widgets.Layout(width="98%"), description="call",
                                     style={"description_width": "40px"})  # fmt: skip
        apply = widgets.Button(description="apply to all", button_style="primary", icon="check",
                               tooltip="run the step on the whole exposure; the result is tuner.result")  # fmt: skip
        reset = widgets.Button(description="defaults", tooltip="set all parameters to their defaults")
        apply.on_click(lambda _: self.apply())
        reset.on_click(lambda _: self.parameters.reset())
        before, after = self._run()
        self.viewer = Viewer([before, after], self._lines())
        self.viewer.show_new_flags()
        for control in (self.compare, self.where):
            control.observe(lambda _: self.refresh(), names="value")
        bar = widgets.HBox([self.compare, self.where, apply, reset], layout=widgets.Layout(flex_flow="row wrap"))
        self.box = widgets.VBox([self.parameters.box, bar, self.message, self.call, self.viewer.box])

    def __getitem__(self, name: str):
        return self.parameters[name]

    @property
    def source(self) -> str:
        """The call as text: `flagged = steps.jump(ramp, refs.gain, refs.readnoise, rejection_threshold=5.0)`."""
        function = (
            f"steps.{self.step.name}" if self.step.function.__module__.startswith("jwgpu.steps.") else self.step.name
        )
        noun = "ramp" if isinstance(self.exposure, Ramp) else "image"
        words = [noun, *(f"refs.{k}" if r is not None else "None" for k, r in self._references.items())]
        while words[-1] == "None":
            words.pop()
        words += [f"{name}={value!r}" for name, value in self.parameters.value.items()]
        return f"{noun} = {function}({', '.join(words)})"

    def _run(self) -> tuple[Subject, Subject]:
        values = self.parameters.value
        started = time.perf_counter()
        part = strip(self.step, self.exposure, self._references, values, self.where.value, self._rows)
        after = part.run(self.step, values, self.exposure)
        self.seconds = time.perf_counter() - started
        if self.compare.value == INPUT and type(after) is type(part.exposure):
            before, label = part.trimmed(part.exposure), "before"
        else:
            plain = strip(self.step, self.exposure, self._references, {}, part.first, part.stop - part.first)
            before, label = plain.run(self.step, {}, self.exposure), DEFAULTS
        self._say(after.history[-1], part)
        return Subject(before, label, part.first), Subject(after, f"after {self.step.name}", part.first)

    def _say(self, record, part) -> None:
        if record.status == "SKIPPED":
            self.message.value = notice(f"skipped: {record.reason}", wrong=True)
        else:
            numbers = ", ".join(f"{n}={v}" for n, v in record.notes.items())
            rows = (
                f"rows {part.first} to {part.stop - 1}"
                if part.stop - part.first < self.exposure.shape[-2]
                else part.reason
            )
            self.message.value = notice(f"{rows}, {self.seconds:.3f} s" + (f": {numbers}" if numbers else ""))
        self.call.value = self.source

    def refresh(self) -> None:
        """Recompute the rows with the parameters as they stand."""
        self.parameters.value  # noqa: B018  (reads the controls, and finds what is wrong)
        if self.parameters.wrong:
            self.message.value = notice(self.parameters.wrong, wrong=True)
            return
        try:
            self.viewer.put(list(self._run()))
        except (InputError, ValueError) as error:
            self.message.value = notice(str(error), wrong=True)

    def _lines(self) -> dict:
        found = {k: self._references.get(k) for k in ("gain", "readnoise")}
        return {k: r for k, r in found.items() if r is not None}

    def apply(self):
        """Run the step on the whole exposure with the parameters as they stand; return the result."""
        self.message.value = notice("working on the whole exposure ...")
        started = time.perf_counter()
        self.result = self.step(self.exposure, **self._references, **self.parameters.value)
        self.message.value = notice(
            f"done on the whole exposure in {time.perf_counter() - started:.2f} s: tuner.result"
        )
        return self.result

    def figure(self):
        """Return before and after as a matplotlib Figure."""
        return self.viewer.figure()

    def _repr_mimebundle_(self, **kwargs):
        bundle = dict(self.box._repr_mimebundle_(**kwargs))
        return {**self.viewer._repr_mimebundle_(**kwargs), **bundle, "text/plain": self.source}

    def __repr__(self) -> str:
        return f"<Tuner of {self.step.name}: {self.source}>"


def _fetched(step: Step, exposure: Exposure, refs, parameters: dict) -> dict:
    found = {}
    for kind, needed in step.references.items():
        wanted = step.wants(kind, exposure, step.check(parameters))
        reference = refs.get(kind, required=needed, step=step.name) if wanted else None
        found[kind] = None if reference is None else reference.to(exposure.device)
    return found
