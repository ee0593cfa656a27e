"""Two products side by side: arrays, flags and header, in one report."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from jwgpu import markup
from jwgpu.data.flags import GROUP, PIXEL
from jwgpu.errors import InputError

# Keywords that say when and by what a file was made, not what is in it.
_UNCOMPARED = frozenset(
    "DATE FILENAME CHECKSUM DATASUM HISTORY COMMENT EXTEND NEXTEND SIMPLE BITPIX XTENSION PCOUNT GCOUNT TFIELDS "
    "ORIGIN CAL_VER CAL_VCS CRDS_VER CALSWSYS SDP_VER BZERO BSCALE".split()
) | {""}
_FLAGS = {"DQ": PIXEL, "PIXELDQ": PIXEL, "GROUPDQ": GROUP}
_UNCOMPARED_EXTENSIONS = frozenset(("ASDF", "JWGPU"))


@dataclasses.dataclass(frozen=True)
class ArrayDifference:
    """How one array differs: counts over all elements, and the largest differences where both are finite."""

    name: str
    elements: int
    beyond: int
    nan_mismatch: int
    max_absolute: float
    max_relative: float
    problem: str = ""

    @property
    def same(self) -> bool:
        """True where nothing lies beyond the tolerance."""
        return not self.problem and self.beyond == 0


@dataclasses.dataclass(frozen=True)
class FlagDifference:
    """How one flag differs: in how many elements only A, or only B, carries it."""

    array: str
    flag: str
    only_a: int
    only_b: int


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The report. `same` is False where an array, a flag or a keyword differs beyond the tolerance."""

    a: str
    b: str
    rtol: float
    atol: float
    arrays: tuple[ArrayDifference, ...]
    flags: tuple[FlagDifference, ...]
    header: tuple[tuple[str, object, object], ...]

    @property
    def same(self) -> bool:
        """True where everything agrees within the tolerance."""
        return all(a.same for a in self.arrays) and not self.header

    def as_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        arrays = [{**dataclasses.asdict(a), "same": a.same} for a in self.arrays]
        flags = [dataclasses.asdict(f) for f in self.flags]
        header = [{"keyword": k, "a": a, "b": b} for k, a, b in self.header]
        return {"a": self.a, "b": self.b, "rtol": self.rtol, "atol": self.atol, "same": self.same,
                "arrays": arrays, "flags": flags, "header": header}  # fmt: skip

    def __str__(self) -> str:
        lines = [
            f"A  {self.a}",
            f"B  {self.b}",
            f"tolerance: relative {self.rtol:g}, absolute {self.atol:g}",
            "",
        ]
        lines.append(f"{'array':<14}{'elements':>12}{'differ':>10}{'NaN in one':>12}{'max abs':>12}{'max rel':>12}")
        for a in self.arrays:
            if a.problem:
                lines.append(f"{a.name:<14}{a.problem}")
            else:
                lines.append(
                    f"{a.name:<14}{a.elements:>12}{a.beyond:>10}{a.nan_mismatch:>12}"
                    f"{a.max_absolute:>12.3g}{a.max_relative:>12.3g}"
                )
        if self.flags:
            lines += ["", f"{'flag':<34}{'only in A':>12}{'only in B':>12}"]
            lines += [f"{f.array + ' ' + f.flag:<34}{f.only_a:>12}{f.only_b:>12}" for f in self.flags]
        if self.header:
            lines += ["", f"{'keyword':<14}A -> B"]
            lines += [f"{k:<14}{a!r} -> {b!r}" for k, a, b in self.header]
        lines += ["", "the same within the tolerance" if self.same else "DIFFERENT"]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        arrays = [
            (a.name, a.problem) if a.problem else
            (a.name, a.elements, a.beyond, a.nan_mismatch, f"{a.max_absolute:.3g}", f"{a.max_relative:.3g}")
            for a in self.arrays
        ]  # fmt: skip
        head = ("array", "elements", "differ", "NaN in one", "largest difference", "relative")
        limit = f"{self.rtol:g} of the value" + (f" plus {self.atol:g}" if self.atol else "")
        title = f"the same within {limit}" if self.same else f"DIFFERENT by more than {limit}, or in keywords"
        parts = [markup.table(head, [(*row, *[""] * (6 - len(row))) for row in arrays], title,
                              [f"A: {self.a}, B: {self.b}"])]  # fmt: skip
        if self.flags:
            rows = [(f.array, f.flag, f.only_a, f.only_b) for f in self.flags]
            parts.append(markup.table(("array", "flag", "only in A", "only in B"), rows, "flags"))
        if self.header:
            parts.append(markup.table(("keyword", "A", "B"), self.header, "keywords"))
        return "".join(parts)


def compare(a, b, *, rtol: float = 1e-6, atol: float = 0.0, ignore: tuple[str, ...] = ()) -> Comparison:
    """Compare two FITS products.

    Parameters
    ----------
    a, b : paths
    rtol, atol : float
        An element differs where |A - B| > atol + rtol |B|, or where one is NaN and the other is not. Integer
        arrays (flags) must be equal.
    ignore : names of arrays and keywords to leave out

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Where a file is missing or not FITS.
    """
    from astropy.io import fits

    skip = {name.upper() for name in ignore}
    with _opened(fits, a) as hdus_a, _opened(fits, b) as hdus_b:
        mine, yours = _extensions(hdus_a, skip), _extensions(hdus_b, skip)
        arrays, flags = [], []
        for name in [*mine, *(n for n in yours if n not in mine)]:
            label = name[0] if name[1] == 1 else f"{name[0]},{name[1]}"
            if name not in mine or name not in yours:
                only = "A" if name in mine else "B"
                arrays.append(ArrayDifference(label, 0, 0, 0, 0.0, 0.0, f"only in {only}"))
                continue
            x, y = mine[name].data, yours[name].data
            arrays.append(_array_difference(label, x, y, rtol, atol))
            if name[0] in _FLAGS and x is not None and y is not None and x.shape == y.shape:
                flags += _flag_differences(label, x, y, _FLAGS[name[0]])
        header = _header_differences(hdus_a, hdus_b, mine, yours, skip)
    return Comparison(os.fspath(a), os.fspath(b), rtol, atol, tuple(arrays), tuple(flags), tuple(header))


def _opened(fits, path):
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give the paths of two FITS products")
    try:
        return fits.open(path)
    except OSError as error:
        raise InputError(f"{path}: not a FITS file, or a damaged one ({error})") from error


def _extensions(hdus, skip) -> dict:
    return {
        (hdu.name, hdu.ver): hdu for hdu in hdus[1:] if hdu.name not in _UNCOMPARED_EXTENSIONS and hdu.name not in skip
    }


def _array_difference(name, x, y, rtol, atol) -> ArrayDifference:
    if x is None or y is None:
        problem = "" if x is None and y is None else f"empty in {'A' if x is None else 'B'}"
        return ArrayDifference(name, 0, 0, 0, 0.0, 0.0, problem)
    if x.dtype.names or y.dtype.names:
        same = (
            x.dtype.names == y.dtype.names
            and x.shape == y.shape
            and all(_column_same(x[c], y[c], rtol, atol) for c in x.dtype.names)
        )
        return ArrayDifference(name, x.size, 0, 0, 0.0, 0.0, "" if same else "the tables differ")
    if x.shape != y.shape:
        return ArrayDifference(name, x.size, 0, 0, 0.0, 0.0, f"shape {x.shape} in A, {y.shape} in B")
    beyond = nans = 0
    largest = relative = 0.0
    # Plane by plane: a ramp is larger than what a comparison should hold in float64.
    for left, right in zip(x.reshape(-1, *x.shape[-2:]), y.reshape(-1, *y.shape[-2:])):
        left, right = left.astype(np.float64), right.astype(np.float64)
        one = np.isnan(left) != np.isnan(right)
        gap = np.where(left == right, 0.0, np.abs(left - right))
        gap[np.isnan(gap)] = 0.0
        size = np.where(np.isfinite(right), np.abs(right), 0.0)
        limit = 0.0 if x.dtype.kind in "iub" else atol + rtol * size
        beyond += int(((gap > limit) | one).sum())
        nans += int(one.sum())
        largest = max(largest, float(gap.max(initial=0.0)))
        relative = max(relative, float(np.divide(gap, size, out=np.zeros_like(gap), where=size > 0).max(initial=0.0)))
    return ArrayDifference(name, x.size, beyond, nans, largest, relative)


def _column_same(x, y, rtol, atol) -> bool:
    if x.dtype.kind == "f" and y.dtype.kind == "f":
        return bool(np.allclose(x, y, rtol=rtol, atol=atol, equal_nan=True))
    return bool(np.array_equal(x, y))


def _flag_differences(name, x, y, flags) -> list[FlagDifference]:
    changed = x != y
    x, y = x[changed].astype(flags.dtype), y[changed].astype(flags.dtype)
    found = []
    for flag, bit in flags.items():
        in_a, in_b = (x & bit) != 0, (y & bit) != 0
        counts = int((in_a & ~in_b).sum()), int((in_b & ~in_a).sum())
        if any(counts):
            found.append(FlagDifference(name, flag, *counts))
    return found


def _header_differences(hdus_a, hdus_b, mine, yours, skip) -> list[tuple]:
    pairs = [("", hdus_a[0].header, hdus_b[0].header)]
    pairs += [(f"[{n[0]}] ", mine[n].header, yours[n].header) for n in mine if n in yours and n[0] == "SCI"]
    found = []
    for prefix, left, right in pairs:
        for key in sorted({*left, *right}):
            if key in _UNCOMPARED or key in skip or key.startswith("NAXIS"):
                continue
            old, new = left.get(key), right.get(key)
            same = old == new
            if isinstance(old, float) and isinstance(new, float):
                same = bool(np.isclose(old, new, rtol=1e-9, atol=0.0, equal_nan=True))
            if not same:
                found.append((prefix + key, old, new))
    return found
