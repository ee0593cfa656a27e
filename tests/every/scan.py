"""Read array code and name what the real CuPy lacks."""

from __future__ import annotations

import ast
from pathlib import Path

from fakecupy import api

# What NumPy alone has and array code may use: contexts, types to test against, tools of the host.
HOST_ONLY = {"errstate", "ndarray", "generic", "ndindex", "memmap", "recarray", "ctypeslib", "printoptions", "testing"}

# Methods whose keywords are looked at wherever they are called: NumPy's have more than CuPy's.
METHODS = {"all", "any", "max", "min", "mean", "std", "sum", "prod", "var", "argsort", "sort", "clip", "take"}


def _chain(node: ast.expr) -> list[str]:
    """Return `["xp", "linalg", "solve"]` for `xp.linalg.solve`, an empty list for anything else."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _is_call_of(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and (_chain(node.func) or [""])[-1] == name


class Scan(ast.NodeVisitor):
    """Collects the lines on which array code says what CuPy does not understand."""

    def __init__(self):
        self.libraries = {"xp": "cupy", "np": "cupy"}
        self.problems: list[str] = []

    def visit_Assign(self, node: ast.Assign):
        """Learn the names that arrays' libraries are given."""
        for function, module in (("namespace", "cupy"), ("ndimage", "cupyx.scipy.ndimage")):
            if _is_call_of(node.value, function) and isinstance(node.targets[0], ast.Name):
                self.libraries[node.targets[0].id] = module
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute):
        """Look up `xp.name`, `self.xp.name` and `ndimage(array).name`."""
        self._name(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call):
        """Look up the keywords of a call."""
        if isinstance(node.func, ast.Attribute):
            keywords = [k.arg for k in node.keywords if k.arg]
            found = self._name(node.func, report=False)
            if found and found[1] in api.TABLE[found[0]] and not any(isinstance(a, ast.Starred) for a in node.args):
                self._check(node, *found, [None] * len(node.args), keywords)
            elif found is None and node.func.attr in METHODS:
                self._check(node, "cupy.ndarray", node.func.attr, (), keywords)
        self.generic_visit(node)

    def _check(self, node, module, name, args, keywords):
        try:
            api.check(module, name, args, keywords)
        except TypeError as error:
            if module != "cupy.ndarray" or "missing" not in str(error):
                self.problems.append(f"line {node.lineno}: {error}")

    def _name(self, node: ast.Attribute, report: bool = True) -> tuple[str, str] | None:
        """Return the CuPy module and the name that an attribute stands for."""
        if _is_call_of(node.value, "ndimage"):
            module, name = "cupyx.scipy.ndimage", node.attr
        else:
            chain = _chain(node)
            chain = chain[1:] if chain[:2] == ["self", "xp"] else chain
            if len(chain) < 2 or chain[0] not in self.libraries or (chain[0] == "np" and chain[1] in HOST_ONLY):
                return None
            module, name = ".".join([self.libraries[chain[0]], *chain[1:-1]]), chain[-1]
            if module.startswith("cupy.") and module not in api.TABLE:
                return None  # a method of a type, such as np.dtype.newbyteorder
        known = name in api.TABLE[module] or f"{module}.{name}" in api.TABLE
        if report and not known:
            self.problems.append(f"line {node.lineno}: CuPy {api.VERSION} has no {module}.{name}")
        return module, name


def problems(text: str) -> list[str]:
    """Return one line for each thing in Python source that CuPy lacks."""
    scan = Scan()
    scan.visit(ast.parse(text))
    return scan.problems


def problems_of(path: Path) -> list[str]:
    """Return the problems of a file, each with the file's name."""
    return [f"{path.name}, {problem}" for problem in problems(path.read_text(encoding="utf-8"))]
