"""The error of bad input: the user can mend it, and the message says how."""

from __future__ import annotations

import textwrap
import traceback


class InputError(ValueError):
    """A file, a reference, a parameter or a folder that cannot be used.

    The message is one paragraph that names the file, what is wrong with it and the remedy. The command line prints
    it without a traceback and exits with status 2; a notebook shows it below the line of the cell that it came from.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        cells = [f for f in traceback.extract_tb(self.__traceback__) if _is_cell(f.filename)]
        where = [f"line {cells[-1].lineno}: {cells[-1].line}"] if cells and cells[-1].line else []
        return [*where, *textwrap.wrap(f"{type(self).__name__}: {self}", 110)]


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith("<ipython-input")
