"""A strip of an exposure that a step can be tried on, with the result it has on the whole."""

from __future__ import annotations

import dataclasses

from jwgpu import backend, cut
from jwgpu.backend import files
from jwgpu.data import Exposure, Ramp, Reference
from jwgpu.data.irs2 import is_irs2
from jwgpu.data.pieces import LEFT_OUT
from jwgpu.step import Step


@dataclasses.dataclass(frozen=True)
class Strip:
    """Rows of an exposure, and of the references of a step.

    Attributes
    ----------
    exposure : Exposure
    first, stop : int
        Its rows in the whole, without halo.
    halo : slice
        Rows of the arrays that are not halo.
    reason : str
        Why this is the whole exposure, where it is.
    """

    exposure: Exposure
    references: dict
    first: int
    stop: int
    own: slice
    reason: str = ""

    def run(self, step: Step, parameters: dict, whole: Exposure):
        """Run the step; return the first of its results, without halo."""
        if self.reason:
            return _first(step(self.exposure, **self.references, **parameters))
        answers = {} if step.asks is None else {step.asks: step.asks(_flags(whole), step.complete(parameters))}
        place = 0, self.first - self.own.start, whole.shape[-2]
        with cut.part(self.own, answers, *place):
            return self.trimmed(_first(step(self.exposure, **self.references, **parameters)))

    def trimmed(self, exposure: Exposure) -> Exposure:
        """Return an exposure of these rows without halo."""
        rows = self.own
        return exposure.replace(**{n: a[..., rows, :] for n, a in exposure.arrays().items() if n not in LEFT_OUT})


def strip(step: Step, exposure: Exposure, references: dict[str, Reference | None], parameters: dict, first: int,
          rows: int) -> Strip:  # fmt: skip
    """Return `rows` rows from `first` on, where the step may be run on them without a bit of its result changing.

    Otherwise, as for steps that look at whole frames, it is the whole exposure.
    """
    n_rows = exposure.shape[-2]
    lacking = [kind for kind in step.references if references.get(kind) is None]
    how = step.cut(exposure, parameters, lacking)
    whole = how.axis != "rows" or how.looks or how.frames or not isinstance(exposure, Ramp)
    if whole or n_rows <= rows or is_irs2(exposure.meta, exposure.shape):
        reason = "" if n_rows <= rows else f"{step.name} looks at whole frames: recomputed on the whole exposure"
        return Strip(exposure, references, 0, n_rows, slice(None), reason or "the whole exposure")
    first = max(0, min(first, n_rows - rows))
    stop = first + rows
    low, high = max(first - how.halo, 0), min(stop + how.halo, n_rows)
    arrays = {name: _copy(array, slice(low, high)) for name, array in exposure.arrays().items() if name not in LEFT_OUT}
    part = exposure.replace(**arrays, **dict.fromkeys(exposure.arrays().keys() & LEFT_OUT))
    cut_references = {k: None if r is None else r.rows(slice(low, high), n_rows) for k, r in references.items()}
    return Strip(part, cut_references, first, stop, slice(first - low, stop - low))


def _copy(array, rows: slice):
    cut_out = files.read(array, rows=rows)
    return cut_out if isinstance(array, backend.FileArray) else cut_out.copy()


def _first(made) -> Exposure:
    return made if isinstance(made, Exposure) else next(noun for noun in made if noun is not None)


def _flags(whole: Exposure) -> Exposure:
    return whole.replace(**{n: None for n in whole.arrays() if n not in ("groupdq", "data")})
