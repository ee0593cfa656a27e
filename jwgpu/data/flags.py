"""Data quality flags by name, as the JWST products define them (bit n has value 2**n).

`PIXEL` holds the flags of 32-bit arrays (`dq`, `pixeldq`), `GROUP` those of the 8-bit `groupdq`.
"""

from __future__ import annotations

import re
from types import MappingProxyType

import numpy as np

from jwgpu import markup
from jwgpu.errors import InputError

_PIXEL_NAMES = (
    "DO_NOT_USE", "SATURATED", "JUMP_DET", "DROPOUT", "OUTLIER", "PERSISTENCE", "AD_FLOOR", "CHARGELOSS",
    "RESERVED", "NON_SCIENCE", "DEAD", "HOT", "WARM", "LOW_QE", "RC", "TELEGRAPH",
    "NONLINEAR", "BAD_REF_PIXEL", "NO_FLAT_FIELD", "NO_GAIN_VALUE", "NO_LIN_CORR", "NO_SAT_CHECK",
    "UNRELIABLE_BIAS", "UNRELIABLE_DARK", "UNRELIABLE_SLOPE", "UNRELIABLE_FLAT", "OPEN", "ADJ_OPEN",
    "FLUX_ESTIMATED", "MSA_FAILED_OPEN", "OTHER_BAD_PIXEL", "REFERENCE_PIXEL",
)  # fmt: skip
_GROUP_NAMES = ("DO_NOT_USE", "SATURATED", "JUMP_DET", "DROPOUT", "PERSISTENCE", "AD_FLOOR", "CHARGELOSS")


class Flags:
    """Flag values by name: `PIXEL.SATURATED` is a numpy scalar of the array's type, ready for `&` and `|`."""

    def __init__(self, names_and_bits: dict[str, int], dtype):
        self._values = MappingProxyType({name: dtype(1 << bit) for name, bit in names_and_bits.items()})
        self.dtype = np.dtype(dtype)

    def __getattr__(self, name: str):
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"no data quality flag is called {name}") from None

    def __getitem__(self, name: str):
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def items(self):
        """Return the pairs (name, value)."""
        return self._values.items()

    def names(self, value) -> list[str]:
        """Return the names of the flags set in one pixel's `value`."""
        return [name for name, bit in self._values.items() if int(value) & int(bit)]

    def count(self, dq) -> dict[str, int]:
        """Count the elements of array `dq` that carry each flag; flags nobody carries are left out."""
        counts = {name: int(((dq & bit) != 0).sum()) for name, bit in self._values.items()}
        return {name: n for name, n in counts.items() if n}

    def _rows(self) -> list[tuple]:
        return [(int(bit).bit_length() - 1, int(bit), name) for name, bit in self._values.items()]

    def __repr__(self) -> str:
        return markup.text(("bit", "value", "flag"), self._rows())

    def _repr_html_(self) -> str:
        return markup.table(("bit", "value", "flag"), self._rows())


PIXEL = Flags({name: bit for bit, name in enumerate(_PIXEL_NAMES)}, np.uint32)
GROUP = Flags({name: _PIXEL_NAMES.index(name) for name in _GROUP_NAMES}, np.uint8)


def usable(dq, good_bits: str | None):
    """Return which pixels have no flag but those in `good_bits`.

    Parameters
    ----------
    dq : uint32 array
    good_bits : str or None
        Names or values of flags joined by `+`, `,` or `|`; after `~` all others than those. `"0"` lets no flag pass,
        None lets all pass.

    Returns
    -------
    bool array

    Raises
    ------
    InputError
        There is no such flag.
    """
    return dq & _bad(good_bits) == 0


def _bad(good_bits: str | None) -> np.uint32:
    """Return the flags that are not in `good_bits`."""
    words = str(good_bits).strip()
    if good_bits is None or words.upper() in ("NONE", "INDEF"):
        return np.uint32(0)
    value = 0
    for word in re.split(r"[+,|]", words.removeprefix("~").strip(" ()")):
        name = word.strip()
        if name not in PIXEL and not (name.isdigit() and int(name) < 1 << 32):
            raise InputError(
                f"{good_bits!r} are no data quality flags ({name!r} is none); join names such as DO_NOT_USE, or "
                "values, by '+'"
            )
        value |= int(PIXEL[name]) if name in PIXEL else int(name)
    return np.uint32(value if words.startswith("~") else ~value & 0xFFFFFFFF)
