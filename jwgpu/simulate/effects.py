"""Which effects a simulated exposure shows, and how strong they are."""

from __future__ import annotations

import dataclasses
import difflib

from jwgpu.errors import InputError


@dataclasses.dataclass(frozen=True)
class Effects:
    """Strengths of the effects; False or zero switches one off.

    Attributes
    ----------
    poisson, read_noise : bool
        Photon noise of sky, sources and dark current; Gaussian noise of every read.
    bias : bool
        Bias structure (False: a flat level).
    reset_noise : float
        kTC noise, DN, new in every integration.
    drift : float
        Scatter of the level of each output from frame to frame, DN.
    one_over_f : float
        Scatter of the 1/f noise common to all outputs, DN; each output has 0.6 times as much of its own.
    nonlinear : bool
        Response that falls below proportionality as the well fills.
    saturate : bool
        Wells have a bottom. Without, keep the scene faint: numbers still end at 65535 DN.
    dark : bool
        Dark current, with hot and warm pixels.
    bad_pixels : bool
        Dead, hot, warm, noisy, open and less sensitive pixels, and gaps in the references.
    sensitivity : float
        Scatter of the sensitivity of the pixels about 1, half of it from pixel to pixel, half over large scales.
    ipc : bool
        Inter-pixel capacitance: 2.2 per cent of the charge is seen by the four neighbours.
    cosmic_rays : float
        Cosmic rays, events / cm^2 / s.
    snowballs : float or None
        Mean number of snowballs in an integration; None scales 30 per 1000 s and full detector to the exposure.
    reset_anomaly : float
        What the first read after a reset lacks, DN; gone after 15 reads (MIRI).
    rscd : float
        Share of the last signal of an integration that shows again in the next, and decays there from read to read
        (MIRI).
    first_frame, last_frame : float
        What the first read of every integration lacks, and every second row of the last, DN (MIRI).
    cyclic_bias : float
        What rows read more in integrations before which a fast reset came to them, DN (subarrays).
    cyclic_rows : int
        Rows of the detector that such a reset covers, each time the next ones.
    emi : float
        Electromagnetic interference, waves of 218.5 and 10 Hz: strength of the first, DN (MIRI).
    picture_frame : float
        Growth of the thermal glow at the border of the detector, DN / s (NIRSpec full frames).
    quantize : bool
        Round to whole DN, as the electronics do.
    """

    poisson: bool = True
    read_noise: bool = True
    bias: bool = True
    reset_noise: float = 18.0
    drift: float = 10.0
    one_over_f: float = 4.0
    nonlinear: bool = True
    saturate: bool = True
    dark: bool = True
    bad_pixels: bool = True
    sensitivity: float = 0.0
    ipc: bool = False
    cosmic_rays: float = 5.0
    snowballs: float | None = None
    reset_anomaly: float = 0.0
    rscd: float = 0.0
    first_frame: float = 0.0
    last_frame: float = 0.0
    cyclic_bias: float = 0.0
    cyclic_rows: int = 512
    emi: float = 0.0
    picture_frame: float = 0.0
    quantize: bool = True

    def replace(self, **changes) -> Effects:
        """Return a copy with some effects changed.

        Raises
        ------
        InputError
            Where an effect is unknown; the message names the nearest one.
        """
        names = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"the effects are {', '.join(names)}."
                raise InputError(f"A simulated exposure has no effect called {name!r}; {hint}")
        return dataclasses.replace(self, **changes)


# Photon noise and read noise, and nothing else.
IDEAL = Effects(
    bias=False, reset_noise=0.0, drift=0.0, one_over_f=0.0, nonlinear=False, saturate=False, dark=False,
    bad_pixels=False, cosmic_rays=0.0, snowballs=0.0,
)  # fmt: skip


def usual(instrument: str, outputs: int, guiding: bool = False) -> Effects:
    """Return the effects that an instrument shows.

    Subarrays read through one output drift less: nothing later can remove what they do. MIRI and the guiders have no
    snowballs and no 1/f noise here.
    """
    if instrument == "MIRI":
        after_reset = dict(reset_anomaly=60.0, rscd=0.01, first_frame=40.0, last_frame=25.0)
        return Effects(one_over_f=0.0, drift=3.0, reset_noise=0.0, snowballs=0.0, **after_reset)
    if guiding:
        return Effects(one_over_f=0.0, drift=0.0, nonlinear=False, snowballs=0.0, dark=False)
    return Effects() if outputs == 4 else Effects(drift=1.5, one_over_f=2.0)
