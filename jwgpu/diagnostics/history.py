"""What was done to an exposure: steps, parameters and who set them, references, numbers, times and traffic."""

from __future__ import annotations

from jwgpu import markup
from jwgpu.data import Exposure
from jwgpu.errors import InputError


class History:
    """The records of an exposure, as a table in a notebook and as text in a terminal.

    Attributes
    ----------
    records : tuple of Record
    """

    HEADER = ("step", "status", "changed parameters", "references", "numbers", "seconds", "device", "up / down (MB)")

    def __init__(self, noun: Exposure):
        self.name, self.records, self._meta = noun.name, noun.history, noun.meta

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row for each step."""
        return [
            (
                r.step, r.status.lower() + (f": {r.remark}" if r.remark else ""), _changed(r),
                ", ".join(f"{kind}: {file}" for kind, file in r.references.items() if file != "N/A"),
                ", ".join(f"{name}={_short(value)}" for name, value in r.notes.items() if name != "remark"),
                f"{r.seconds:.3f}", r.device, _traffic(r),
            )
            for r in self.records
        ]  # fmt: skip

    def figure(self):
        """Return the time of each step as a figure."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        done = [r for r in self.records if r.seconds > 0]
        figure = Figure(figsize=(9, 0.6 + 0.28 * max(len(done), 1)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        names = [r.step for r in done]
        bars = axes.barh(range(len(done)), [r.seconds for r in done], color="#1f6fb4")
        axes.bar_label(bars, [f"{r.seconds:.3f} s, {r.device}" for r in done], padding=3, fontsize=8)
        axes.set_yticks(range(len(done)), names, fontsize=9)
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.set_xlabel("seconds inside the step", fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        return figure

    def _title(self) -> str:
        seconds = sum(r.seconds for r in self.records)
        rules = self._meta.get("ref_file.crds.context_used")
        return f"history of {self.name}: {len(self.records)} steps, {seconds:.2f} s" + (
            f", by {rules}" if rules else ""
        )

    def __repr__(self) -> str:
        keep = (0, 1, 2, 5, 6)
        return markup.text([self.HEADER[i] for i in keep], [[r[i] for i in keep] for r in self.rows()], self._title())

    def _repr_html_(self) -> str:
        return markup.table(self.HEADER, self.rows(), self._title())


def history(noun: Exposure) -> History:
    """Return what was done to an exposure: steps, parameters, references, times, and bytes that crossed to a device.

    Parameters
    ----------
    noun : Exposure or Run
        Of a run, its first product.

    Raises
    ------
    InputError
        It is not an exposure.
    """
    if hasattr(noun, "products"):
        noun = next(iter(noun.products.values()))
    if not isinstance(noun, Exposure):
        raise InputError(f"history: {type(noun).__name__} has no history; give an exposure or a run")
    return History(noun)


def _changed(record) -> str:
    words = (f"{name}={_short(record.parameters.get(name))} ({origin})" for name, origin in record.origins.items())
    return ", ".join(words)


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _traffic(record) -> str:
    up, down = record.bytes_up / 1e6, record.bytes_down / 1e6
    return f"{up:.1f} / {down:.1f}" if up or down else ""
