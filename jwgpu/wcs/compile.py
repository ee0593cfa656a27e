"""A model tree of astropy and gwcs as one function of arrays, on the host or on a GPU."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.backend import is_device_array, namespace
from jwgpu.wcs.evaluate import evaluate


@dataclasses.dataclass(frozen=True, eq=False)
class Transform:
    """A compiled model: `transform(x, y)` gives the tuple of what the model gives.

    Attributes
    ----------
    stages : tuple
        What is computed, one after the other.
    n_in, n_out : int
    fallbacks : tuple of str
        Models that have no translation and compute on the host, through astropy.
    """

    stages: tuple
    n_in: int
    n_out: int
    fallbacks: tuple[str, ...] = ()

    def __call__(self, *columns):
        """Return the transformed columns.

        Parameters
        ----------
        *columns : array or float
            As many as the model has inputs; they broadcast against each other. The x of a frame as one row and its y
            as one column (`numpy.ogrid`) is the quickest way to ask for all pixels.

        Returns
        -------
        tuple of float64 arrays
            On the device of the arguments; floats where all of them are.
        """
        if len(columns) != self.n_in:
            raise TypeError(f"this transform takes {self.n_in} columns, given {len(columns)}")
        scalar = all(np.ndim(c) == 0 and not is_device_array(c) for c in columns)
        xp = namespace(*columns)
        found = evaluate(self.stages, [xp.asarray(c, dtype=np.float64) for c in columns], self.n_out)
        return tuple(float(f) for f in found) if scalar else found

    def __repr__(self) -> str:
        names = " | ".join(type(stage).__name__ for stage in self.stages) or "identity"
        through = f"; through astropy: {', '.join(self.fallbacks)}" if self.fallbacks else ""
        return f"<Transform of {self.n_in} to {self.n_out} columns: {names}{through}>"


def compile(model) -> Transform:
    """Compile a model of astropy or gwcs.

    Shifts, scales, rotations, polynomials, tangent planes and tables become a few stages of array operations, in
    which what is linear is multiplied out beforehand. Any other model computes through astropy, on the host; it is
    named in `Transform.fallbacks`.

    Parameters
    ----------
    model : astropy.modeling.Model

    Returns
    -------
    Transform
    """
    from jwgpu.wcs.translate import translate

    stages, unknown = translate(model)
    return Transform(stages, model.n_inputs, model.n_outputs, unknown)
