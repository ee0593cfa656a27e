"""Controls made from the signature of a step: one for each parameter, its documentation as tooltip."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable
from typing import Any

from jwgpu import markup
from jwgpu.diagnostics import docs
from jwgpu.parameter import Parameter, ParameterError
from jwgpu.step import Step

_STYLE = {"description_width": "230px"}
_WIDTH = "440px"


class Parameters:
    """The parameters of a step as controls.

    Attributes
    ----------
    box : ipywidgets box
    value : dict
        The parameters that differ from the defaults.
    wrong : str
        What is wrong with what has been typed, else empty.
    """

    def __init__(self, widgets, step: Step, values: dict, changed: Callable[[], None]):
        self.step, self.wrong = step, ""
        self._changed, self._widgets, self._quiet = changed, widgets, False
        self._words = docs.of_parameters(step)
        values = step.complete(step.check(values))
        self._controls = {name: self._control(p, values[name]) for name, p in step.parameters.items()}
        grouped = {name: list(kind.__dataclass_fields__) for name, kind in step.groups.items()}
        inside = {name for names in grouped.values() for name in names}
        order = list(step.parameters)
        # A group that the signature begins with holds what is turned most: it is not folded away.
        open_ = next((g for g, names in grouped.items() if order and order[0] in names), None)
        loose = [*grouped.pop(open_, ()), *(name for name in order if name not in inside)]
        loose = [self._controls[name][0] for name in loose]
        pages = [widgets.VBox([self._controls[name][0] for name in names]) for names in grouped.values()]
        folds = [widgets.Accordion(pages, titles=tuple(grouped), selected_index=None)] if pages else []
        rows = [(name, _default(p), self._words[name]) for name, p in step.parameters.items()]
        table = markup.table(("parameter", "default", "what it does"), rows)
        told = widgets.HTML(f"<details><summary style='cursor:pointer'>what they mean</summary>{table}</details>")
        none = [] if step.parameters else [widgets.HTML("This step has no parameters.")]
        loose = [widgets.Box(loose, layout=widgets.Layout(flex_flow="row wrap"))] if loose else []
        self.box = widgets.VBox([*none, *loose, *folds, *([told] if step.parameters else [])])

    def _control(self, parameter: Parameter, value):
        """Return what is shown, and functions that read it and write it."""
        widgets = self._widgets
        words = f"{parameter.name}: {self._words[parameter.name] or parameter.words()} (default {_default(parameter)})"
        kinds = (
            typing.get_args(parameter.annotation)
            if typing.get_origin(parameter.annotation) is not typing.Literal
            else ()
        )
        common = {
            "description": parameter.name,
            "tooltip": words,
            "style": _STYLE,
            "layout": widgets.Layout(width=_WIDTH),
        }
        if typing.get_origin(parameter.annotation) is typing.Literal:
            made = widgets.Dropdown(options=typing.get_args(parameter.annotation), value=value, **common)
        elif parameter.annotation is bool:
            made = widgets.Checkbox(value=value, **common)
        elif parameter.annotation in (int, float) and not kinds:
            return self._number(parameter, value, common)
        else:
            made = widgets.Text(value="" if value is None else str(value), placeholder=parameter.words(),
                                continuous_update=False, **common)  # fmt: skip
            made.observe(self._observed, names="value")
            return (
                made,
                lambda: parameter.parse(made.value, self.step.name),
                lambda v: setattr(made, "value", "" if v is None else str(v)),
            )
        made.observe(self._observed, names="value")
        return made, lambda: made.value, lambda v: setattr(made, "value", v)

    def _number(self, parameter: Parameter, value, common: dict):
        """Return a slider with a field beside it: the one for a feel, the other for any value."""
        widgets, whole = self._widgets, parameter.annotation is int
        low, high, step = span(parameter.default, whole)
        field = (widgets.IntText if whole else widgets.FloatText)(
            value=value, layout=widgets.Layout(width="80px"), tooltip=common["tooltip"], step=step
        )
        slider = (widgets.IntSlider if whole else widgets.FloatSlider)(
            min=min(low, value), max=max(high, value), step=step, value=value, readout=False,
            **{**common, "layout": widgets.Layout(width="410px")},
        )  # fmt: skip

        def typed(change):
            slider.min, slider.max = min(slider.min, change["new"]), max(slider.max, change["new"])
            slider.value = change["new"]
            self._observed(change)

        def slid(change):  # a browser moves a slider to its nearest step by itself: that is nobody's choice
            if abs(change["new"] - field.value) >= 0.75 * step:
                field.value = change["new"] if whole else float(f"{change['new']:.6g}")

        field.observe(typed, names="value")
        slider.observe(slid, names="value")
        return widgets.HBox([slider, field]), lambda: field.value, lambda v: setattr(field, "value", v)

    def __getitem__(self, name: str):
        """Return the control of a parameter: of a number, the field."""
        self.step.parameter(name)
        control = self._controls[name][0]
        return control.children[1] if hasattr(control, "children") else control

    @property
    def value(self) -> dict[str, Any]:
        """The parameters that differ from the defaults."""
        given, self.wrong = {}, ""
        for name, (_, get, _) in self._controls.items():
            try:
                value = self.step.parameters[name].check(get(), self.step.name)
            except ParameterError as error:
                self.wrong = str(error)
                continue
            if value != self.step.parameters[name].default:
                given[name] = value
        return given

    def set(self, **values) -> None:
        """Set parameters; misspelt and ill-typed ones are errors."""
        checked = self.step.check(values)
        self._quiet = True
        for name, value in checked.items():
            self._controls[name][2](value)
        self._quiet = False
        self._changed()

    def reset(self) -> None:
        """Set all parameters to their defaults."""
        self.set(**{name: p.default for name, p in self.step.parameters.items()})

    def _observed(self, _) -> None:
        if not self._quiet:
            self._changed()


def span(default, whole: bool) -> tuple[float, float, float]:
    """Return the range and the step of a slider for a parameter of some default: from 0 to four times as much."""
    if default < 0:
        low, high = 4 * default, 0.0
    else:
        low, high = 0.0, 4.0 * default or 10.0
    if whole:
        return int(low), max(int(high), 4), max(1, int((high - low) / 200))
    return low, high, 10.0 ** math.floor(math.log10((high - low) / 80))  # of which round defaults are multiples


def _default(parameter: Parameter) -> str:
    return repr(parameter.default)
