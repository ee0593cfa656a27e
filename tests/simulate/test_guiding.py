"""Guider exposures come with their tables, as files that the official data models know, and keep them."""

from __future__ import annotations

import numpy as np
import pytest
from commandline import command

import jwgpu
from jwgpu import simulate

TABLES = {
    "fgs_id_stack": {"planned_star_table", "flight_star_table"},
    "fgs_id_image": {"planned_star_table", "flight_star_table"},
    "fgs_acq1": set(),
    "fgs_acq2": set(),
    "fgs_track": {"pointing_table", "centroid_table", "track_sub_table"},
    "fgs_fineguide": {"pointing_table", "centroid_table"},
}


@pytest.mark.parametrize("mode", TABLES)
def test_tables_go_from_the_raw_file_into_the_product(mode, tmp_path):
    from stdatamodels.jwst import datamodels

    made = simulate.tiny(mode)
    assert set(made.ramp.tables) == TABLES[mode]
    written = simulate.write(made, tmp_path, crds=False)
    command("run", written.uncal, "--out", tmp_path, "--references", tmp_path / "references")
    product = tmp_path / written.uncal.name.replace("_uncal", "_cal")
    assert set(jwgpu.open(product).tables) == TABLES[mode]
    with datamodels.GuiderRawModel(written.uncal) as raw, datamodels.GuiderCalModel(product) as cal:
        for name in TABLES[mode]:
            kept, expected = getattr(cal, name), made.ramp.tables[name]
            for column in expected.dtype.names:
                words = expected.dtype[column].kind == "S"
                values = expected[column].astype(str) if words else expected[column]
                for found in (kept, getattr(raw, name)):
                    np.testing.assert_array_equal(found[column].astype(values.dtype), values)


def test_the_tables_say_where_the_guide_star_is():
    made = simulate.tiny("fgs_track")
    brightest = made.truth.sources[np.argmax(made.truth.sources["flux"])]
    packets = made.ramp.tables["centroid_table"]
    assert len(packets) == made.ramp.n_integrations
    assert np.abs(packets["guide_star_position_x"] - brightest["x"]).max() < 0.1
    assert len(set(packets["observatory_time"])) == len(packets)
    listed = simulate.tiny("fgs_id_image").ramp.tables["flight_star_table"]
    assert (np.diff(listed["count_rate"]) <= 0).all()
