"""`jw.panel`: the steps of a pipeline as switches and knobs; run them up to any one, and see what it did."""

from __future__ import annotations

import html

from jwgpu.backend.memory import used
from jwgpu.data import Exposure
from jwgpu.diagnostics import docs
from jwgpu.diagnostics.controls import notice, packages
from jwgpu.diagnostics.history import History
from jwgpu.diagnostics.parameters import Parameters
from jwgpu.diagnostics.subject import Subject
from jwgpu.diagnostics.viewer import Viewer
from jwgpu.errors import InputError
from jwgpu.pipelines import Pipeline, choose
from jwgpu.pipelines.origins import left_out
from jwgpu.step import Step


def panel(pipeline: Pipeline | None, exposure: Exposure, refs=None) -> Panel:
    """Show a pipeline as switches and knobs; run it up to any step, and see what that step did.

    Each step has a switch, a button that opens its parameters, what it needs and why it would be left out, a bar of
    progress, and a button that runs everything up to it. The result is a pipeline, `panel.pipeline`, and Python source
    that does the same.

    Parameters
    ----------
    pipeline : Pipeline or None
        None: the one that belongs to the exposure.
    exposure : Exposure
    refs : References, optional
        `jw.references(exposure)` by default.

    Returns
    -------
    Panel
        A widget, displayed as the last expression of a cell.
    """
    if refs is None:
        from jwgpu.reference import references as find

        refs = find(exposure)
    return Panel(choose(exposure) if pipeline is None else pipeline, exposure, refs)


def outlook(call, exposure: Exposure, refs) -> str:
    """Say why a step would be left out; empty where nothing speaks against it.

    What a step finds out only when it looks at the data is not known before it has run.
    """
    if call.skip:
        return left_out(call.origin("skip"))
    for kind, needed in call.references.items():
        wanted = not isinstance(call.step, Step) or call.wants(kind, exposure)
        if needed and wanted and call.files.get(kind) is None and not refs.exists(kind, call.name):
            return f"there is no {kind} reference for this exposure"
    return ""


class Panel:
    """What `jw.panel` returns.

    Attributes
    ----------
    pipeline : Pipeline
        As the switches and knobs stand.
    result : Run
        What the last run made; None before.
    viewer : Viewer
        Before and after the last step of that run; None before.
    """

    def __init__(self, pipeline: Pipeline, exposure: Exposure, refs):
        self._widgets, _ = packages()
        self.pipeline, self.exposure, self._refs = pipeline, exposure, refs
        self.result, self.viewer, self._parameters, self._memory = None, None, None, {}
        widgets = self._widgets
        self._rows = {call.name: _Row(widgets, call, self) for call in pipeline.calls}
        everything = widgets.Button(description="run all", button_style="primary", icon="play",
                                    tooltip="run all steps that are switched on")  # fmt: skip
        everything.on_click(lambda _: self.run())
        self.message = widgets.HTML()
        self._editor = widgets.VBox([widgets.HTML(notice("A click on the name of a step opens its parameters."))])
        self._shown = widgets.VBox([])
        self.source = widgets.Textarea(disabled=True, rows=12, layout=widgets.Layout(width="98%"))
        self._history = widgets.HTML()
        below = widgets.Accordion(
            [self._history, self.source], titles=("what was done", "as Python"), selected_index=None
        )
        title = widgets.HTML(f"<b>pipeline {html.escape(pipeline.name)}</b> on {html.escape(exposure.name)}")
        table = widgets.VBox([row.box for row in self._rows.values()])
        bar = widgets.HBox([everything, self.message])
        self.box = widgets.VBox([title, table, bar, self._editor, self._shown, below])
        self._say()

    def __getitem__(self, name: str):
        """Return the row of a step: `switch`, `open`, `here` are its controls, `state` what is said of it."""
        self.pipeline[name]
        return self._rows[name]

    def switch(self, name: str, on: bool) -> None:
        """Bring a step in, or leave it out."""
        self.pipeline = self.pipeline.including(name) if on else self.pipeline.without(name)
        self._say()

    def edit(self, name: str) -> Parameters | None:
        """Open the parameters of a step; return them, or None for a plain function."""
        call, widgets = self.pipeline[name], self._widgets
        if not isinstance(call.step, Step):
            self._editor.children = [widgets.HTML(notice(f"{name} is a function; its source says what it does."))]
            return None

        def changed():
            values = controls.value
            if controls.wrong:
                self.message.value = notice(controls.wrong, wrong=True)
                return
            defaults = {n: call.step.parameters[n].default for n in self.pipeline[name].parameters if n not in values}
            self.pipeline = self.pipeline.set(name, **defaults, **values)
            self._say()

        controls = self._parameters = Parameters(widgets, call.step, dict(call.parameters), changed)
        words = " ".join(docs.sentences(call.step))
        self._editor.children = [widgets.HTML(f"<b>{name}</b> {html.escape(words)}"), controls.box]
        return controls

    def run(self, upto: str | None = None):
        """Run the steps that are switched on, up to one of them or all; return the `Run`."""
        pipeline = self.pipeline if upto is None else self.pipeline.upto(upto)
        on = [call.name for call in pipeline.calls if not call.skip]
        for name, row in self._rows.items():
            row.progress(0.0, "info" if name in on else "")
        if not on:
            self.message.value = notice("every step is switched off", wrong=True)
            return None
        self.message.value, self._memory = notice(f"running {on[0]} ..."), {}

        def after(name, branches):
            self._rows[name].progress(1.0, "success")
            self._memory[name] = sum(e.nbytes for e in branches.values()), used()
            waiting = on[on.index(name) + 1 :]
            self.message.value = notice(f"running {waiting[0]} ..." if waiting else "done")

        try:
            self.result = pipeline.run(self.exposure, self._refs, keep=on[-2:], progress=False, after_step=after)
        except (InputError, ValueError) as error:
            self.message.value = notice(str(error), wrong=True)
            return None
        self.message.value = notice(f"{', '.join(self.result.products)} in {self.result.seconds:.2f} s: panel.result")
        self._say()
        self._show(on)
        return self.result

    def _show(self, on: list[str]) -> None:
        after = next(iter(self.result.products.values()))
        before = self.result[on[-2]] if len(on) > 1 else self.exposure
        before = before if isinstance(before, Exposure) else next(iter(vars(before).values()))
        pair = [before, after] if _comparable(before, after) else [after]
        if not _visible(after):
            self._shown.children = [self._widgets.HTML(after._repr_html_())]
            return
        labels = ["before", f"after {on[-1]}"][-len(pair) :]
        references = {k: self._refs.get(k) for k in ("gain", "readnoise") if self._refs.exists(k)}
        self.viewer = Viewer([Subject(noun, label) for noun, label in zip(pair, labels)], references)
        if len(pair) == 2 and type(before) is type(after):
            self.viewer.show_new_flags()
        self._shown.children = [self.viewer.box]

    def _say(self) -> None:
        """Say of every step whether it will run, or how it went."""
        done = {} if self.result is None else {r.step: r for r in self.result.history}
        for call in self.pipeline.calls:
            self._rows[call.name].say(call, outlook(call, self.exposure, self._refs), done.get(call.name),
                                      self._memory.get(call.name))  # fmt: skip
        self.source.value = self.pipeline.source()
        if self.result is not None:
            self._history.value = History(next(iter(self.result.products.values())))._repr_html_()

    def figure(self):
        """Return before and after the last step as a matplotlib Figure; of a panel that has not run, nothing."""
        return None if self.viewer is None else self.viewer.figure()

    def _repr_mimebundle_(self, **kwargs):
        bundle = dict(self.box._repr_mimebundle_(**kwargs))
        return {**bundle, "text/html": self.pipeline._repr_html_(), "text/plain": repr(self.pipeline)}

    def __repr__(self) -> str:
        return repr(self.pipeline)


class _Row:
    """One step: its switch, its name, its state, its bar, and the button that runs everything up to it."""

    def __init__(self, widgets, call, panel: Panel):
        layout = widgets.Layout
        self.switch = widgets.Checkbox(
            value=not call.skip, indent=False, tooltip=f"run {call.name}", layout=layout(width="24px")
        )
        summary = call.step.summary if isinstance(call.step, Step) else "a function"
        self.open = widgets.Button(description=call.name, tooltip=summary, layout=layout(width="150px"))
        self.state = widgets.HTML(layout=layout(width="560px"))
        self._bar = widgets.FloatProgress(value=0.0, min=0.0, max=1.0, layout=layout(width="110px"))
        self.here = widgets.Button(
            icon="play", tooltip=f"run up to {call.name}", description="to here", layout=layout(width="90px")
        )
        self.switch.observe(lambda change: panel.switch(call.name, change["new"]), names="value")
        self.open.on_click(lambda _: panel.edit(call.name))
        self.here.on_click(lambda _: panel.run(call.name))
        self.box = widgets.HBox([self.switch, self.open, self._bar, self.here, self.state])

    def progress(self, share: float, style: str) -> None:
        """Show how far the step is."""
        self._bar.value, self._bar.bar_style = share, style

    def say(self, call, why_not: str, record, memory) -> None:
        """Say what is set, what is needed, and how it went or why it would be left out."""
        words = [f"{k}={v!r}" for k, v in call.changed.items()]
        if record is not None and not call.skip:
            words.append(f"skipped: {record.reason}" if record.status == "SKIPPED" else f"{record.seconds:.3f} s")
            if memory is not None:
                words.append(f"{memory[0] / 1e6:.0f} MB, process {memory[1] / 1e6:.0f} MB")
            words += [f"{name} {value}" for name, value in list(record.notes.items())[:2]]
        elif not why_not and call.references:
            words.append("needs " + ", ".join(k for k, needed in call.references.items() if needed))
        text = html.escape("; ".join(word for word in words if word != "needs "))
        left = f"<i>{html.escape(why_not)}</i> " if why_not else ""
        self.state.value = f"<span style='font-size:12px;line-height:1.3'>{left}{text}</span>"


def _visible(noun) -> bool:
    return getattr(noun, "data", None) is not None and noun.data.ndim >= 2


def _comparable(before, after) -> bool:
    return _visible(before) and _visible(after) and before.data.shape[-2:] == after.data.shape[-2:]
