"""The language of predicates: three-valued logic, and nothing that executes."""

import itertools

import pytest

from jwgpu.provenance.predicates import parse

TRUE, FALSE, OPEN = {"all": []}, {"any": []}, {"unknown": "?"}
TREES = {True: TRUE, False: FALSE, None: OPEN}


def one(op, value=None):
    tree = {"keyword": "K", "op": op} | ({} if value is None else {"value": value})
    return lambda found, **more: parse(tree)(({} if found is None else {"K": found}) | more)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TREES, TREES)))
def test_kleene_logic(a, b):
    both = parse({"all": [TREES[a], TREES[b]]})({})
    either = parse({"any": [TREES[a], TREES[b]]})({})
    assert both is (False if False in (a, b) else None if None in (a, b) else True)
    assert either is (True if True in (a, b) else None if None in (a, b) else False)
    assert parse({"not": TREES[a]})({}) is (None if a is None else not a)


@pytest.mark.parametrize(
    ("op", "value", "yes", "no"),
    [
        ("==", "full", "FULL ", "SUB64"),
        ("!=", "FULL", "SUB64", "FULL"),
        ("in", ["A", "B"], "B", "C"),
        ("not in", ["A", "B"], "C", "A"),
        ("starts", "NRSIRS2", "NRSIRS2RAPID", "NRSRAPID"),
        ("not starts", "CALCULATED", "PLANNED", "CALCULATED_TR_202105"),
        (">", 1, 2, 1),
        (">=", 1, 1, 0),
        ("<", 10, 9, 10),
        ("<=", 10, 10, 11),
        ("<", "2023-05-23", "2022-12-31", "2023-05-23"),
        ("==", True, True, False),
    ],
)
def test_comparisons(op, value, yes, no):
    ask = one(op, value)
    assert (ask(yes), ask(no), ask(None)) == (True, False, None)


def test_presence_is_always_decided():
    assert (one("present")(1), one("present")(None)) == (True, False)
    assert (one("absent")(1), one("absent")(None)) == (False, True)


def test_states_of_steps():
    done = one("complete")
    assert done("COMPLETE") is True
    assert done("SKIPPED") is False
    assert done(None, **{"has states": True}) is False  # the step did not run
    assert done(None) is None  # a header without any state says nothing


def test_a_word_where_a_number_belongs_decides_nothing():
    assert one(">", 1)("many") is None


def test_what_is_open_is_said():
    predicate = parse({"all": [{"keyword": "NINTS", "op": ">", "value": 1}, {"unknown": "the weather"}]})
    assert predicate.undecided({"NINTS": 2}) == ["the weather"]
    assert predicate.undecided({}) == ["NINTS is not in the header", "the weather"]
    assert predicate.undecided({"NINTS": 1}) == []
    assert str(predicate) == "NINTS > 1 and no header can decide: the weather"


@pytest.mark.parametrize(
    "tree",
    [
        "__import__('os').system('true')",
        [],
        {},
        {"all": {}},
        {"all": ["NINTS > 1"]},
        {"keyword": "K", "op": "eval", "value": 1},
        {"keyword": "K", "op": ">"},
        {"keyword": "K", "op": "present", "value": 1},
        {"keyword": "K", "op": "in", "value": "A"},
        {"keyword": "K", "op": "==", "value": 1, "call": "f"},
        {"not": 3},
    ],
)
def test_what_is_no_predicate_is_refused(tree):
    with pytest.raises(ValueError):
        parse(tree)
