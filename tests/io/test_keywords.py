"""The mapping read from the schema files against the official one, and product names."""

from __future__ import annotations

import pytest

from jwgpu.io import product_name
from jwgpu.io.headers import cast
from jwgpu.io.keywords import Keyword, layout


@pytest.mark.parametrize("schema", ["ramp", "level1b", "image", "cube", "guider_raw", "guider_cal", "gain"])
def test_same_as_the_official_schemas(schema):
    import asdf
    from stdatamodels.jwst import datamodels  # noqa: F401  (registers the schemas)
    from stdatamodels.schema import merge_property_trees, walk_schema

    url = f"http://stsci.edu/schemas/jwst_datamodel/{schema}.schema"
    keywords, places = {}, {}

    def look(node, path, combiner, context, recurse):
        if "fits_keyword" in node:
            keywords[".".join(map(str, path)).removeprefix("meta.")] = (
                node.get("fits_hdu") or "PRIMARY",
                node["fits_keyword"],
            )
        elif "fits_hdu" in node and path[0] != "meta":
            places[path[-1]] = node["fits_hdu"]

    walk_schema(merge_property_trees(asdf.schema.load_schema(url, resolve_references=True)), look)
    ours = layout(schema)
    assert len(keywords) > 20
    assert {k.path: (k.hdu, k.name) for k in ours.keywords if k.path in keywords} == keywords
    assert {p.name: p.hdu for p in ours.places} == places


@pytest.mark.parametrize("kind, value, expected", [
    ("string", 1019, "1019"), ("integer", 3.0, 3), ("integer", 3.5, 3.5), ("boolean", 1, True), ("number", 2, 2),
    ("string", True, True),
])  # fmt: skip
def test_values_take_the_type_of_the_schema(kind, value, expected):
    made = cast(value, Keyword("a", "PRIMARY", "A", kind, "", ""))
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize("name, suffix, expected", [
    ("jw01019001001_02101_00001-seg2_nis_uncal.fits", "rateints", "jw01019001001_02101_00001-seg2_nis_rateints.fits"),
    ("/data/jw1_nrcb1_rateints.fits.gz", "gain_scale", "jw1_nrcb1_gain_scale.fits"),
    ("jw1_nrcb1_dark_current.fits", "ramp", "jw1_nrcb1_ramp.fits"),
    ("jw1_nrcb1_ramp_fitints.fits", "rate", "jw1_nrcb1_rate.fits"),
    ("jw01019001001_gs-acq1_2022117003102_uncal.fits", "cal", "jw01019001001_gs-acq1_2022117003102_cal.fits"),
    ("MIRI_5582_89_S_SCE1_pipe.fits", "_rate", "MIRI_5582_89_S_SCE1_pipe_rate.fits"),
    ("rate.fits", "ramp", "rate_ramp.fits"),
])  # fmt: skip
def test_product_names(name, suffix, expected):
    assert product_name(name, suffix) == expected
