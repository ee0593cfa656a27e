"""Facts about the detectors, subarrays and read patterns that can be simulated."""

from __future__ import annotations

import dataclasses

from jwgpu.errors import InputError

MICROSECOND = 1.0e-6


@dataclasses.dataclass(frozen=True)
class Detector:
    """What distinguishes one detector from another.

    Attributes
    ----------
    shape : (rows, columns) of the full frame
    fast, slow : int
        Read-out directions as in FASTAXIS and SLOWAXIS.
    v2, v3 : float
        Telescope coordinates of the reference position, arcsec.
    angle : float
        V3IdlYAngle, degrees.
    scale : float
        Pixel size, arcsec.
    gain : float
        Electrons per DN.
    read_noise : float
        Noise of a single read, electron.
    dark : float
        Median dark current, electron / s.
    fwhm : float
        Width of a star, pixels.
    sky : float
        Usual background, electron / s / pixel.
    bias, saturation : float
        Usual levels, DN.
    frame_time : float
        Seconds per full frame.
    pitch : float
        Pixel pitch, cm.
    """

    instrument: str
    name: str
    shape: tuple[int, int]
    fast: int
    slow: int
    v2: float
    v3: float
    angle: float
    scale: float
    aperture: str
    filter: str
    module: str | None = None
    channel: str | None = None
    pupil: str | None = None
    grating: str | None = None
    gain: float = 2.05
    read_noise: float = 11.3
    dark: float = 0.002
    fwhm: float = 2.14
    sky: float = 0.27
    bias: float = 11000.0
    saturation: float = 59500.0
    frame_time: float = 10.73677
    pitch: float = 18.0e-4


def _nircam(number: int, module: str, v2: float, v3: float, angle: float, scale: float) -> Detector:
    long = number == 5
    name = f"NRC{module}LONG" if long else f"NRC{module}{number}"
    mirrored = (module == "A") == (number in (1, 3, 5))
    extra = (
        dict(channel="LONG", filter="F444W", gain=1.84, read_noise=13.5, dark=0.034, fwhm=2.30, sky=1.4)
        if long
        else dict(channel="SHORT", filter="F200W")
    )
    return Detector(
        instrument="NIRCAM", name=name, module=module, shape=(2048, 2048), pupil="CLEAR",
        fast=-1 if mirrored else 1, slow=2 if mirrored else -2, v2=v2, v3=v3, angle=angle, scale=scale,
        aperture=f"NRC{module}{number}_FULL", **extra,
    )  # fmt: skip


def _guider(number: int, v2: float, v3: float, angle: float) -> Detector:
    return Detector(
        instrument="FGS", name=f"GUIDER{number}", shape=(2048, 2048), fast=2, slow=-1, v2=v2, v3=v3, angle=angle,
        scale=0.069, aperture=f"FGS{number}_FULL", filter="NA", gain=1.75, read_noise=14.0, fwhm=2.2, sky=2.0,
        bias=12000.0,
    )  # fmt: skip


def _nirspec(number: int, v2: float, v3: float) -> Detector:
    sign = 1 if number == 1 else -1
    return Detector(
        instrument="NIRSPEC", name=f"NRS{number}", shape=(2048, 2048), fast=2 * sign, slow=sign, v2=v2, v3=v3,
        angle=138.5, scale=0.1, aperture=f"NRS{number}_FULL", filter="F170LP", grating="G235M", gain=1.0,
        read_noise=9.0, dark=0.009, fwhm=2.0, sky=0.2, bias=9000.0, saturation=60500.0, frame_time=10.73677,
    )  # fmt: skip


DETECTORS = {
    d.name: d
    for d in (
        _nircam(1, "A", 120.577, -527.501, -0.5519, 0.0311),
        _nircam(2, "A", 119.740, -459.784, -0.2072, 0.0307),
        _nircam(3, "A", 51.946, -527.928, 0.2821, 0.0313),
        _nircam(4, "A", 52.359, -459.901, 0.1002, 0.0309),
        _nircam(5, "A", 85.927, -493.503, -0.0634, 0.0628),
        _nircam(1, "B", -122.428, -457.707, 0.3448, 0.0307),
        _nircam(2, "B", -122.680, -525.421, 0.8466, 0.0311),
        _nircam(3, "B", -54.611, -457.703, -0.4516, 0.0308),
        _nircam(4, "B", -54.387, -525.630, -0.3383, 0.0312),
        _nircam(5, "B", -89.403, -491.360, 0.0232, 0.0629),
        Detector(
            instrument="MIRI", name="MIRIMAGE", shape=(1024, 1032), fast=1, slow=2, v2=-453.348, v3=-373.668,
            angle=4.8354, scale=0.1108, aperture="MIRIM_FULL", filter="F770W", gain=3.1, read_noise=22.6, dark=0.2,
            fwhm=2.45, sky=87.0, bias=9500.0, saturation=57000.0, frame_time=2.77504, pitch=25.0e-4,
        ),
        _guider(1, 206.407, -697.765, -1.2412),
        _guider(2, 22.865, -699.280, 0.2915),
        Detector(
            instrument="NIRISS", name="NIS", shape=(2048, 2048), fast=-2, slow=-1, v2=-289.966, v3=-697.723,
            angle=0.5726, scale=0.0656, aperture="NIS_FULL", filter="CLEAR", pupil="F200W", gain=1.61,
            read_noise=14.0, dark=0.0145, fwhm=1.6, sky=0.6, bias=11500.0, saturation=52000.0,
        ),
        _nirspec(1, 291.0, -500.0),
        _nirspec(2, 460.0, -355.0),
    )
}  # fmt: skip

# Read pattern: (frames averaged into a group, frames dropped between groups).
READ_PATTERNS = {
    "NIRCAM": {
        "RAPID": (1, 0), "BRIGHT1": (1, 1), "BRIGHT2": (2, 0), "SHALLOW2": (2, 3), "SHALLOW4": (4, 1),
        "MEDIUM2": (2, 8), "MEDIUM8": (8, 2), "DEEP2": (2, 18), "DEEP8": (8, 12),
    },
    "NIRISS": {"NISRAPID": (1, 0), "NIS": (4, 0)},
    "NIRSPEC": {
        "NRSRAPID": (1, 0), "NRSRAPIDD1": (1, 1), "NRSRAPIDD2": (1, 2), "NRSRAPIDD6": (1, 6), "NRS": (4, 0),
        "NRSIRS2RAPID": (1, 0), "NRSIRS2": (5, 0),
    },
    "MIRI": {
        "FASTR1": (1, 0), "SLOWR1": (1, 0), "FAST": (1, 0), "SLOW": (1, 0), "FASTGRPAVG": (4, 0),
        "FASTGRPAVG8": (8, 0), "FASTGRPAVG16": (16, 0), "FASTGRPAVG32": (32, 0), "FASTGRPAVG64": (64, 0),
    },
    "FGS": {
        "ID": (1, 1), "ACQ1": (1, 1), "ACQ2": (1, 1), "TRACK": (1, 1), "FINEGUIDE": (1, 0), "FGSRAPID": (1, 0),
        "FGS": (2, 8),
    },
}  # fmt: skip

# Subarray: 1-based corner (x, y) and size (columns, rows), science frame.
SUBARRAYS = {
    "NIRCAM": {
        "SUB64P": (1851, 169, 64, 64), "SUB160P": (1803, 121, 160, 160), "SUB160": (1, 1889, 160, 160),
        "SUB320": (1, 1729, 320, 320), "SUB400P": (1649, 1, 400, 400), "SUB640": (1, 1409, 640, 640),
        "SUBGRISM64": (1, 1, 2048, 64),
    },
    "MIRI": {
        "BRIGHTSKY": (457, 51, 512, 512), "SUB256": (413, 51, 256, 256), "SUB128": (1, 889, 136, 128),
        "SUB64": (1, 779, 72, 64),
    },
    "NIRISS": {"SUBSTRIP256": (1, 1793, 2048, 256), "SUBSTRIP96": (1, 1803, 2048, 96)},
    "NIRSPEC": {"ALLSLITS": (1, 897, 2048, 256), "SUB2048": (1, 946, 2048, 32), "SUB512": (897, 946, 512, 32)},
    "FGS": {
        "128X128": (887, 1022, 128, 128), "32X32": (935, 1070, 32, 32), "8X8": (947, 1082, 8, 8),
        "2048X64": (1, 993, 2048, 64),
    },
}  # fmt: skip

# The fast subarrays of the long-wavelength detectors sit in the middle of the detector.
_LONG = {"SUB160": (933, 949, 160, 160), "SUB320": (853, 869, 320, 320), "SUB640": (693, 709, 640, 640)}

_IRS2_FRAME_TIME = 14.58889

_SLOW = 23.88906 / 2.77504  # MIRI takes nine samples of every pixel and dwells on it

_GUIDER_FRAME_TIME = {"ID": 0.3406, "ACQ1": 0.182, "ACQ2": 0.0127, "TRACK": 0.0160, "FINEGUIDE": 0.0016}


@dataclasses.dataclass(frozen=True)
class Window:
    """The part of the detector that is read: 1-based corner, size, outputs, frame time in seconds."""

    name: str
    x: int
    y: int
    columns: int
    rows: int
    outputs: int
    frame_time: float

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns


def choose(kind: str, value, known):
    """Return `known[value]`.

    Raises
    ------
    InputError
        Where `value` is not among `known`; the message lists what is.
    """
    if value not in known:
        raise InputError(f"There is no {kind} {value!r} to simulate; choose one of {', '.join(known)}.")
    return known[value]


def detector(instrument: str, name: str) -> Detector:
    """Return the facts about a detector, checked against its instrument."""
    choose("instrument", instrument, READ_PATTERNS)
    return choose(f"{instrument} detector", name, {n: d for n, d in DETECTORS.items() if d.instrument == instrument})


def window(det: Detector, subarray: str, size: tuple[int, int] | None, read_pattern: str) -> Window:
    """Return the window that is read.

    A `size` (rows, columns) given with `"FULL"` makes a miniature detector with all its outputs, reference pixels and
    the full frame's timing; given with a subarray it makes that subarray smaller or larger at the same corner.
    """
    if subarray == "FULL":
        rows, columns = size or det.shape
        outputs = 4
        x = y = 1
        frame_time = _IRS2_FRAME_TIME if "IRS2" in read_pattern else det.frame_time
    else:
        known = SUBARRAYS[det.instrument] | (_LONG if det.channel == "LONG" else {})
        x, y, columns, rows = choose(f"{det.instrument} subarray", subarray, known)
        rows, columns = size or (rows, columns)
        outputs = 4 if det.instrument == "MIRI" else 1
        fast, slow = (columns, rows) if abs(det.fast) == 1 else (rows, columns)
        pixels = (fast // outputs + 12) * (slow + 1)
        frame_time = 10 * MICROSECOND * pixels + 50 * MICROSECOND
    fast = columns if abs(det.fast) == 1 else rows
    if rows < 1 or columns < 1 or (outputs == 4 and fast % 4):
        raise InputError(
            f"A {rows} x {columns} window cannot be simulated: both sides must be positive, and the number of pixels "
            f"along the fast axis ({'columns' if abs(det.fast) == 1 else 'rows'}) a multiple of the {outputs} outputs."
        )
    if "IRS2" in read_pattern and (subarray != "FULL" or rows != columns or rows % 64):
        raise InputError(
            f"A {rows} x {columns} window of {subarray} cannot be simulated in NIRSpec IRS2 format: it needs the full "
            "frame, or a square one whose side is a multiple of 64."
        )
    if read_pattern in _GUIDER_FRAME_TIME:
        frame_time = _GUIDER_FRAME_TIME[read_pattern]
    if read_pattern.startswith("SLOW"):
        frame_time *= _SLOW
    return Window(subarray, x, y, columns, rows, outputs, frame_time)
