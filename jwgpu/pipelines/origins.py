"""Who sets a value of a pipeline: the code, the user, or else a parameter file, by its name."""

from __future__ import annotations

CODE, USER = "code", "user"


def left_out(origin: str) -> str:
    """Return the reason that the record of a step gives for its being left out."""
    return {CODE: "off by default", USER: "left out by the user"}.get(origin, f"left out by {origin}")
