"""A catalogue of sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from jwgpu import markup
from jwgpu.data.exposure import Exposure


@dataclasses.dataclass(frozen=True)
class Column:
    """What a column of a catalogue holds: unit (`""` for none), description, and the format it is written with."""

    unit: str = ""
    description: str = ""
    format: str = ""


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SourceCatalog(Exposure):
    """Sources of an image, one row each; always on the host.

    `catalog["aper_total_flux"]` is a column, `len(catalog)` the number of sources.

    Attributes
    ----------
    table : (source,) structured array
        Columns under the official names. Positions on the sky are pairs (right ascension, declination) in degrees:
        `ra, dec = catalog["sky_centroid"].T`.
    columns : mapping
        Of each column its `Column`: unit and description.
    segmentation : (y, x) int32 or None
        Label of the source that each pixel belongs to, 0 for none.
    wcs : jwgpu.wcs.WCS or None
        Of the image.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("segmentation",)

    table: np.ndarray
    columns: Mapping[str, Column] = dataclasses.field(default_factory=dict)
    segmentation: Any = None
    wcs: Any = None
    unit: str = "Jy"

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.table[name]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of sources, as a shape."""
        return self.table.shape

    def chosen(self, which) -> SourceCatalog:
        """Return the catalogue of some sources: a mask, indices or a slice. The segmentation stays whole.

        >>> stars = catalog.chosen(~catalog["is_extended"])
        """
        return self.replace(table=self.table[which])

    def _repr_html_(self) -> str:
        names = [name for name in self.table.dtype.names if self.table.dtype[name].shape in ((), (2,))]
        names, first = names[:10], self.table[:10]
        header = [f"{n} ({self.columns[n].unit})" if n in self.columns and self.columns[n].unit else n for n in names]
        rows = [[_short(row[name]) for name in names] for row in first]
        left = [f"{len(self) - len(first)} more sources"] if len(self) > len(first) else []
        left += [f"{len(self.table.dtype.names) - len(names)} more columns"]
        return markup.table(header, rows, f"SourceCatalog {self.name}: {len(self)} sources", [", ".join(left)])

    def __repr__(self) -> str:
        names = self.table.dtype.names
        where = "" if self.segmentation is None else f", segmentation {self.segmentation.shape}"
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        why = "" if len(self) else "".join(f"\n  {r.remark}" for r in self.history[-1:] if r.remark)
        return f"<SourceCatalog {self.name}: {len(self)} sources{where}{why}\n  {shown}>"


def _short(value) -> str:
    if np.ndim(value):  # a place on the sky, degrees
        return ",\u00a0".join(f"{v:.7f}" for v in value)
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
