"""What an alignment leaves to know."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Alignment, Exposures
from jwgpu.steps.tweakreg.align import Outcome
from jwgpu.steps.tweakreg.members import Member

_FIT = [("n_matches", "i4"), ("n_used", "i4"), ("rmse", "f8"), ("mae", "f8"), ("shift_x", "f8"), ("shift_y", "f8"),
        ("rotation", "f8"), ("scale", "f8")]  # fmt: skip
_OUTCOME = [("status", "U9"), ("reason", "U160"), *_FIT]
EXPOSURE = np.dtype(
    [("name", "U80"), ("group", "i4"), ("n_sources", "i4"), ("moved", "f8"), *_OUTCOME]
    + [(f"abs_{name}", kind) for name, kind in _OUTCOME]
)
RESIDUAL = np.dtype(
    [("exposure", "i4"), ("x", "f8"), ("y", "f8"), ("ra", "f8"), ("dec", "f8"), ("east", "f8"), ("north", "f8"),
     ("used", "?"), ("absolute", "?")]
)  # fmt: skip
SOURCE = np.dtype([("exposure", "i4"), ("id", "i4"), ("x", "f8"), ("y", "f8"), ("flux", "f8")])


_NAMED = 3  # exposures that a remark names


def reasons(outcomes: list[Outcome]) -> str:
    """Return why exposures could not be aligned, each reason once."""
    return "; ".join(dict.fromkeys(outcome.reason for outcome in outcomes if outcome.status == "failed"))


def notes(names: list[str], outcomes: list[Outcome], placed: list[Outcome] | None) -> dict:
    """Return the numbers for the record."""
    failed = [k for k, outcome in enumerate(outcomes) if outcome.status == "failed"]
    rms = [1e3 * outcome.fit["rmse"] for outcome in outcomes if outcome.status == "aligned"]
    found: dict = {"aligned": len(rms), "reference": sum(o.status == "reference" for o in outcomes)}
    if rms:
        found |= {"rmse_mas": round(float(np.median(rms)), 3)}
        mean = [1e3 * o.fit["rmse"] / o.fit["n_used"] ** 0.5 for o in outcomes if o.status == "aligned"]
        found |= {"uncertainty_mas": round(float(np.median(mean)), 3)}
        found |= {"matches": min(o.fit["n_matches"] for o in outcomes if o.status == "aligned")}
    if failed:
        found |= {"failed": failed, "why": reasons(outcomes)}
        named = ", ".join(names[k] for k in failed[:_NAMED]) + (" and others" if len(failed) > _NAMED else "")
        found["remark"] = f"{len(failed)} of {len(outcomes)} exposures not aligned ({named}): {found['why']}"
    if placed:
        fit = placed[0].fit
        found |= {"absolute": placed[0].status if placed[0].status == "aligned" else placed[0].reason}
        if "rmse" in fit:
            found |= {"abs_matches": fit["n_matches"], "abs_rmse_mas": round(1e3 * fit["rmse"], 3)}
    return found


def alignment(
    images: Exposures, groups, members: list[Member], outcomes: list[Outcome], placed: list[Outcome] | None, saved: str
) -> Alignment:  # fmt: skip
    """Return the report of an alignment."""
    rows = np.zeros(len(members), EXPOSURE)
    for name, kind in _FIT:
        if kind == "f8":
            rows[name] = rows[f"abs_{name}"] = np.nan
    for number, group in enumerate(groups):
        rows["group"][list(group)] = number
    residuals = []
    for k, member in enumerate(members):
        row = rows[k]
        row["name"], row["n_sources"], row["moved"] = member.name, len(member.sources), member.moved()
        for prefix, outcome in (("", outcomes[k]), ("abs_", placed[k] if placed else None)):
            if outcome is None:
                continue
            row[f"{prefix}status"], row[f"{prefix}reason"] = outcome.status, outcome.reason
            for name, _ in _FIT:
                if name in outcome.fit:
                    row[f"{prefix}{name}"] = outcome.fit[name]
            residuals += [_residuals(k, member, found, bool(prefix)) for found in outcome.matches]
    return Alignment(
        exposures=rows, residuals=np.concatenate([np.zeros(0, RESIDUAL), *residuals]), catalogs=saved,
        sources=np.concatenate([_sources(k, member) for k, member in enumerate(members)]), meta=images.meta,
    )  # fmt: skip


def table(images: Exposures, name: str, rows: np.ndarray) -> Alignment:
    """Return a catalogue of positions as a by-product of its own."""
    return Alignment(exposures=rows[:0], residuals=rows[:0], sources=rows, meta=images.meta.set({"jwgpu.output": name}))


def _residuals(k: int, member: Member, found: np.ndarray, absolute: bool) -> np.ndarray:
    made = np.zeros(len(found), RESIDUAL)
    made["exposure"], made["absolute"] = k, absolute
    for axis in "xy":
        made[axis] = member.sources[axis][found["source"]]
    made["ra"], made["dec"] = (c[found["source"]] for c in member.sky())
    for name in ("east", "north", "used"):
        made[name] = found[name]
    return made


def _sources(k: int, member: Member) -> np.ndarray:
    made = np.zeros(len(member.sources), SOURCE)
    made["exposure"] = k
    for name in ("id", "x", "y", "flux"):
        made[name] = member.sources[name]
    return made
