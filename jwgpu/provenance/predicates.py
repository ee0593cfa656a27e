"""Conditions on a header, written as YAML and evaluated by this file alone: no text is ever executed.

A predicate is one of

    {all: [...]}, {any: [...]}, {not: ...}             combinations
    {keyword: NINTS, op: ">", value: 1}                a comparison with a keyword or a derived fact
    {unknown: "words"}                                 what no header can decide

and is true, false, or None, which means unknown: a keyword that is missing makes a comparison unknown, and unknown
passes through `all`, `any` and `not` as in the three-valued logic of Kleene.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_TEXT = ("starts", "in", "==", "!=", "not in", "not starts")
_STATE = ("present", "absent", "complete", "not complete")  # without a value
_DERIVED = {"local": "whether it was made outside operations", "sdp": "SDP_VER is not in the header",
            "context": "CRDS_CTX is not in the header"}  # fmt: skip
OPERATORS = (*_ORDER, *_TEXT, *_STATE)


@dataclasses.dataclass(frozen=True)
class Predicate:
    """A condition on the facts of a product."""

    kind: str  # all, any, not, compare, unknown
    parts: tuple[Predicate, ...] = ()
    keyword: str = ""
    op: str = ""
    value: Any = None

    def __call__(self, facts: Mapping[str, Any]) -> bool | None:
        """Evaluate: True, False, or None where the facts do not decide."""
        if self.kind == "unknown":
            return None
        if self.kind == "compare":
            return _compare(self.op, facts.get(self.keyword), self.value, facts)
        answers = [part(facts) for part in self.parts]
        if self.kind == "not":
            return None if answers[0] is None else not answers[0]
        decisive = self.kind == "any"  # one true decides `any`, one false decides `all`
        if decisive in answers:
            return decisive
        return None if None in answers else not decisive

    def undecided(self, facts: Mapping[str, Any]) -> list[str]:
        """Return, in words, the parts that the facts do not decide."""
        if self.kind == "unknown":
            return [str(self.value)]
        if self.kind == "compare":
            words = _DERIVED.get(self.keyword, f"{self.keyword} is not in the header")
            return [words] if self(facts) is None else []
        return [words for part in self.parts for words in part.undecided(facts)] if self(facts) is None else []

    def __str__(self) -> str:
        if self.kind == "unknown":
            return f"no header can decide: {self.value}"
        if self.kind == "compare":
            between = "." if self.keyword == "version" else ", "
            value = between.join(map(str, self.value)) if isinstance(self.value, tuple) else self.value
            return f"{self.keyword} {self.op}" + ("" if self.op in _STATE else f" {value}")
        if self.kind == "not":
            return f"not ({self.parts[0]})"
        joined = f" {'and' if self.kind == 'all' else 'or'} ".join(
            f"({part})" if part.kind in ("all", "any") else str(part) for part in self.parts
        )
        return joined or ("always" if self.kind == "all" else "never")


def parse(tree: Any) -> Predicate:
    """Return the predicate that a YAML tree describes.

    Raises
    ------
    ValueError
        The tree is not a predicate; the message says which part and why.
    """
    if not isinstance(tree, Mapping):
        raise ValueError(f"a predicate is a mapping, not {tree!r}")
    keys = set(tree)
    if keys in ({"all"}, {"any"}):
        kind = next(iter(keys))
        if not isinstance(tree[kind], list):
            raise ValueError(f"{kind!r} takes a list of predicates, not {tree[kind]!r}")
        return Predicate(kind, tuple(parse(part) for part in tree[kind]))
    if keys == {"not"}:
        return Predicate("not", (parse(tree["not"]),))
    if keys == {"unknown"} and isinstance(tree["unknown"], str):
        return Predicate("unknown", value=tree["unknown"])
    if "keyword" not in keys or not keys <= {"keyword", "op", "value"}:
        raise ValueError(f"not a predicate: {dict(tree)!r}")
    op, value = tree.get("op"), tree.get("value")
    if op not in OPERATORS:
        raise ValueError(f"unknown operator {op!r} in {dict(tree)!r}; there are {', '.join(OPERATORS)}")
    if (op in _STATE) != (value is None):
        raise ValueError(f"operator {op!r} {'takes no value' if op in _STATE else 'needs a value'}: {dict(tree)!r}")
    if op in ("in", "not in") and not isinstance(value, list):
        raise ValueError(f"operator {op!r} needs a list: {dict(tree)!r}")
    return Predicate(
        "compare",
        keyword=str(tree["keyword"]),
        op=op,
        value=tuple(value) if isinstance(value, list) else value,
    )


def _compare(op: str, found, value, facts) -> bool | None:
    if op in ("present", "absent"):
        return (found is not None) == (op == "present")
    if op in ("complete", "not complete"):
        # A step that did not run leaves no state; a header without any state says nothing.
        if found is None and not facts.get("has states"):
            return None
        return (str(found).strip().upper() == "COMPLETE") == (op == "complete")
    if found is None:
        return None
    if op in _ORDER:
        try:
            return bool(_ORDER[op](found, value))
        except TypeError:  # a word where a number belongs decides nothing
            return None
    if op.endswith("starts"):
        return str(found).upper().startswith(str(value).upper()) == (op == "starts")
    wanted = value if isinstance(value, tuple) else (value,)
    return (_same(found) in {_same(v) for v in wanted}) == (op in ("in", "=="))


def _same(value):
    return value.strip().upper() if isinstance(value, str) else value
