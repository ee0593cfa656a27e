"""Small ramps and references made of given arrays."""

from __future__ import annotations

import numpy as np

from jwgpu import steps
from jwgpu.data import Meta, Ramp, Reference
from jwgpu.step import byproducts


def make_ramp(data, *, groupdq=None, pixeldq=None, zeroframe=None, nframes=1, groupgap=0, **meta) -> Ramp:
    """Return a ramp in DN of `data`: one number per group, (group, y, x) or (integration, group, y, x).

    Other keywords are metadata of the exposure: `integration_start=2`.
    """
    data = np.array(data, np.float32)
    if data.ndim == 1:
        data = np.broadcast_to(data[:, None, None], (data.size, 3, 3)).copy()
    data = data.reshape(-1, *data.shape[-3:])
    values = {"nframes": nframes, "groupgap": groupgap, "ngroups": data.shape[1], **meta}
    return Ramp(
        data=data,
        groupdq=np.zeros(data.shape, np.uint8) if groupdq is None else np.array(groupdq, np.uint8),
        pixeldq=np.zeros(data.shape[-2:], np.uint32) if pixeldq is None else np.array(pixeldq, np.uint32),
        zeroframe=None if zeroframe is None else np.array(zeroframe, np.float32),
        meta=Meta({f"exposure.{name}": value for name, value in values.items()}),
    )


def make_reference(kind: str, *, meta=None, **arrays) -> Reference:
    """Return a reference of `arrays`; dq is uint32, all others float32. Without a dq, no pixel is flagged."""
    made = {n: np.array(a, np.uint32 if n == "dq" else np.float32) for n, a in arrays.items() if a is not None}
    if "dq" not in made:
        made["dq"] = np.zeros(next(iter(made.values())).shape[-2:], np.uint32)
    return Reference(kind, f"{kind}.fits", made, Meta(meta))


def left_by_fit(ramp: Ramp, gain=None, readnoise=None, **parameters) -> dict:
    """Return what `ramp_fit` leaves beside its result; gain and noise are those of all pixels unless given."""
    plane = np.ones(ramp.shape[-2:])
    gain = gain or make_reference("gain", data=2 * plane)
    readnoise = readnoise or make_reference("readnoise", data=12 * plane)
    with byproducts() as left:
        steps.ramp_fit(ramp, gain, readnoise, **parameters)
    return left


def check_pure(step, ramp: Ramp, *references, **parameters) -> Ramp:
    """Return what `step` makes of read-only arrays, having checked that donated ones give the same bits."""
    for noun_arrays in (ramp.arrays(), *(r.arrays for r in references if r is not None)):
        for array in noun_arrays.values():
            array.flags.writeable = False
    result = step(ramp, *references, **parameters)
    donated = ramp.replace(**{name: a.copy() for name, a in ramp.arrays().items()}).donate()
    for name, array in step(donated, *references, **parameters).arrays().items():
        np.testing.assert_array_equal(array, getattr(result, name), err_msg=f"{name} of a donated ramp")
        assert array.dtype == getattr(result, name).dtype
    return result
