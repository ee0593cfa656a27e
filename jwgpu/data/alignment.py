"""What aligning exposures left to know: sources, matches, residuals, and which exposures stayed where they were."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jwgpu import markup
from jwgpu.data.exposure import Exposure


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Alignment(Exposure):
    """The report of an alignment; always on the host.

    Attributes
    ----------
    exposures : structured array
        One row for each exposure: `name`, `group`, `status` (`aligned`, `reference`, or `failed`), `reason` where it
        failed, `n_sources`, `n_matches`, `n_used`; of the fit, whose unit is arcsec: `rmse`, `mae`, `shift_x`,
        `shift_y` in the tangent plane, `rotation` (degrees), `scale`; `moved` (mas), by which the middle of the image
        moved on the sky. The `abs_` columns say the same of the alignment to an absolute catalogue.
    residuals : structured array
        One row for each match: `exposure` (row of `exposures`), `x`, `y` (pixels), `ra`, `dec` (degrees, aligned),
        `east`, `north` (mas, aligned less reference), `used` (False where clipping left it out), `absolute`.
    sources : structured array
        One row for each source: `exposure`, `id`, `x`, `y`, `flux`.
    catalogs : str
        Format (`ecsv` or `fits`) in which the sources of each exposure are to be saved; empty where they are not.
    """

    exposures: Any
    residuals: Any
    sources: Any
    catalogs: str = ""
    unit: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of exposures, as a shape."""
        return self.exposures.shape

    def __repr__(self) -> str:
        lines = [f"<Alignment {self.name}: {len(self.exposures)} exposures"]
        for row in self.exposures:
            fit = row["reason"]
            if row["n_matches"]:
                fit = f"{row['n_matches']} matches, rmse {1e3 * row['rmse']:.2f} mas"
                if row["n_used"]:
                    fit += f", so {1e3 * row['rmse'] / row['n_used'] ** 0.5:.2f} mas in the mean"
            lines.append(f"  {row['name']}: {row['status']}; {row['n_sources']} sources; {fit}".rstrip("; "))
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        rows = []
        for row in self.exposures:
            fitted = bool(row["n_matches"])
            mean = 1e3 * row["rmse"] / row["n_used"] ** 0.5 if row["n_used"] else np.nan
            numbers = (1e3 * row["rmse"], mean, row["moved"])
            words = [f"{v:.2f}" if np.isfinite(v) else "" for v in numbers] if fitted else ["", "", ""]
            state = row["status"] + (f": {row['reason']}" if row["reason"] else "")
            rows.append((row["name"], state, row["n_sources"], row["n_matches"] if fitted else "", *words))
        header = ("exposure", "status", "sources", "matches", "rms (mas)", "in the mean (mas)", "moved (mas)")
        return markup.table(header, rows, f"alignment of {len(self.exposures)} exposures")
