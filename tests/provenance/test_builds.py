"""builds.yaml: a schema, and every predicate parsed."""

import datetime
import itertools
import re

import pytest

import jwgpu as jw
from jwgpu.errors import InputError
from jwgpu.provenance import builds
from jwgpu.provenance.predicates import parse
from jwgpu.provenance.versions import REFERENCE, context_number, is_development, order

TREE = builds.content()
ISSUES = TREE["issues"]
NEEDED = set(
    "id title kind introduced fixed predicate stage steps effect severity rerun_from symptom remedy "
    "confidence sources".split()
)
OPTIONAL = set(
    "fixed_context settings jwgpu_settings repair beyond_header named_by traced_to traced_by library".split()
)
# Facts that are derived; all others are keywords, in capitals.
DERIVED = {"version", "context", "sdp", "stage", "suffix", "local", "has SCI", "has states"}


def keywords(predicate):
    return {predicate.keyword} - {""} | {k for part in predicate.parts for k in keywords(part)}


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue["id"])
def test_issue_follows_the_schema(issue):
    assert set(issue) >= NEEDED
    assert set(issue) <= NEEDED | OPTIONAL
    assert re.fullmatch(r"(S[123]|W|E)-[A-Z0-9-]+", issue["id"])
    assert issue["kind"] in "bug limitation default_off user_trap reference_data header performance".split()
    assert issue["severity"] in (1, 2, 3)
    assert issue["rerun_from"] in ("uncal", "rate", "cal", "i2d", "none")
    assert issue["confidence"] in ("high", "medium", "low")
    assert issue["sources"]
    assert all(isinstance(words, str) and words for words in (issue["symptom"], issue["remedy"], issue["title"]))
    assert set(issue["effect"]) <= set("flux dq error noise wcs wavelength metadata crash time".split())
    for version in (issue["introduced"], issue["fixed"]):
        assert version in (None, "first") or order(version)
    if issue["fixed"] and issue["introduced"] not in (None, "first"):
        assert order(issue["introduced"]) < order(issue["fixed"])
    assert "fixed_context" not in issue or context_number(issue["fixed_context"])
    settings = [*issue.get("settings", ()), *issue.get("jwgpu_settings", ())]
    assert all(re.fullmatch(r"\w+\.\w+=[\w.]+", setting) for setting in settings)
    assert ("traced_by" in issue) == ("traced_to" in issue or issue["introduced"] == "first")
    if "traced_to" in issue:
        assert issue["introduced"] is None
        assert order(issue["traced_to"]) < (order(issue["fixed"]) if issue["fixed"] else (99,))
    if "library" in issue:
        assert set(issue["library"]) == {"name", "fixed", "released"}
        assert order(issue["library"]["fixed"])
        datetime.date.fromisoformat(issue["library"]["released"])


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue["id"])
def test_predicate_parses_and_asks_for_keywords(issue):
    predicate = parse(issue["predicate"])
    for name in keywords(predicate) - DERIVED:
        assert re.fullmatch(r"[A-Z][A-Z0-9_-]{0,7}", name)
    assert str(predicate)
    assert predicate({}) in (True, False, None)


def test_builds_and_releases_follow_the_schema():
    for build in TREE["builds"]:
        assert order(build["jwst"])
        assert context_number(build["crds_context"])
        assert build["ops_date"] is None or datetime.date.fromisoformat(build["ops_date"])
        assert build["headline"]
    versions = [order(build["jwst"]) for build in TREE["builds"]]
    assert all(a < b for a, b in itertools.pairwise(versions))
    assert all(order(release["jwst"]) for release in TREE["releases"])
    assert len({issue["id"] for issue in ISSUES}) == len(ISSUES)
    assert {line["issue"] for line in TREE["corrections"]} <= {issue["id"] for issue in ISSUES}
    assert REFERENCE in {release["jwst"] for release in TREE["releases"]}


def test_versions_are_ordered():
    words = "1.8.2 1.9.0 1.10.0rc1 1.10.0 1.10.1.dev3+gabc 1.10.1 2.0.0".split()
    assert sorted(words, key=order) == words
    assert order("jwgpu") is None
    assert is_development("1.10.1.dev3+gabc")
    assert not is_development("1.10.1")


def test_history_of_one_build():
    build = jw.builds("9.2")
    assert build.jwst == "1.10.1"
    assert "S1-DQ-MASK" in {issue.id for issue in build.mended()}
    assert "S2-NRSFS-PATHLOSS2" in {issue.id for issue in build.issues()}
    assert "S1-DQ-MASK" not in {issue.id for issue in build.issues()}
    assert "Known issues of this build" in str(build)
    assert ["S2-MRS-BADPIX" in {i.id for i in jw.builds(b).issues()} for b in ("10.1", "10.2")] == [True, False]
    assert "<td" in jw.builds()._repr_html_()
    assert len(jw.builds()) == 18
    with pytest.raises(InputError, match=r"9\.2"):
        jw.builds("9.9")
