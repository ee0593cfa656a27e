"""Written exposures are real: data models open them, CRDS selects the references."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jwgpu
import jwgpu.data
from jwgpu import simulate
from jwgpu.errors import InputError
from jwgpu.reference import header
from jwgpu.simulate import files

MODES = ["nircam", "nircam_sub", "miri", "fgs_acq1"]


@pytest.fixture(scope="module", params=MODES)
def case(request, tmp_path_factory):
    made = simulate.tiny(request.param)
    return made, simulate.write(made, tmp_path_factory.mktemp(request.param))


def test_data_models_open_everything(case):
    """Warnings are errors here, so keywords and arrays all satisfy the official schemas."""
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    made, written = case
    with datamodels.open(str(written.uncal)) as model:
        assert type(model).__name__ == "Level1bModel"
        model.validate()
        assert np.array_equal(model.data, made.ramp.data)
        assert model.meta.exposure.group_time == made.ramp.meta.exposure.group_time
    for path in written.references:
        with datamodels.open(str(path)) as model:
            model.validate()
            kind = model.meta.reftype
            assert type(model).__name__ == made.references.get(kind).meta.model_type
            for name, array in made.references.get(kind).arrays.items():
                # the models turn the file's own flag bits into those of the data quality arrays
                found = functools.reduce(getattr, name.split("."), model)
                if kind == "filteroffset":
                    assert [[getattr(line, column) for column in array.dtype.names] for line in found] == [
                        list(line) for line in array.tolist()
                    ]
                elif array.dtype.names:
                    assert [tuple(line) for line in found] == array.tolist()
                else:
                    assert np.array_equal(found, array, equal_nan=array.dtype.kind == "f")


def test_opening_gives_the_simulated_ramp(case):
    made, written = case
    opened = jwgpu.open(written.uncal)
    for name, array in made.ramp.arrays().items():
        assert np.array_equal(getattr(opened, name), array)
        assert getattr(opened, name).dtype == array.dtype
    for path, value in made.ramp.meta.items():
        assert opened.meta.get(path) == value, path
    assert list(opened.tables) == list(made.ramp.tables)


def test_references_from_the_folder_are_those_in_memory(case):
    made, written = case
    references = jwgpu.references(jwgpu.open(written.uncal), folder=written.uncal.parent / "references")
    for path in written.references:
        kind = header.read(path).reftype
        for name, array in made.references.get(kind).arrays.items():
            loaded = getattr(references.get(kind), name)
            if (kind, name) == ("reset", "data"):
                array = array[:, : made.ramp.n_groups]  # no more are read than can be used
            if array.dtype.names:  # rows of an ASDF file name their columns, in any order
                assert sorted(loaded.dtype.names) == sorted(array.dtype.names)
                assert all(loaded[column].tolist() == array[column].tolist() for column in array.dtype.names)
                continue
            assert np.array_equal(loaded, array, equal_nan=array.dtype.kind == "f"), (kind, name)
        for name, model in made.references.get(kind).models.items():
            assert getattr(references.get(kind), name)(5.0, 7.0) == pytest.approx(model(5.0, 7.0), abs=1e-12)


SELECT = """
import crds, json, sys
parameters, types = json.loads(sys.argv[1])
print(json.dumps(crds.getreferences(parameters, reftypes=types, observatory="jwst")))
"""


def test_the_crds_client_selects_them(case):
    made, written = case
    meta = made.ramp.meta
    paths = ("instrument.name", "instrument.detector", "subarray.name", "exposure.readpatt", "observation.date",
             "observation.time")  # fmt: skip
    parameters = {f"META.{path}".upper(): meta.get(path) for path in paths}
    request = json.dumps([parameters, [*files.TYPES, "fringe", "pars-jumpstep"]])
    environment = {**os.environ, **written.environment}
    answer = subprocess.run(
        [sys.executable, "-c", SELECT, request], env=environment, capture_output=True, text=True, check=True
    )
    chosen = json.loads(answer.stdout.strip().splitlines()[-1])
    written_kinds = {header.read(path).reftype: path for path in written.references}
    for kind, answer in chosen.items():
        if kind in written_kinds:
            assert Path(answer).name == written_kinds[kind].name
            assert Path(answer).exists()
        else:
            assert answer.startswith("NOT FOUND n/a")


def test_mappings_have_valid_checksums(case):
    rmap = pytest.importorskip("crds.core.rmap")
    _, written = case
    mappings = sorted((written.crds / "mappings" / "jwst").glob("*.*map"))
    assert len(mappings) == len(written.references) + 6  # one for each instrument, and the context
    for path in mappings:
        rmap.Mapping.from_file(str(path))  # raises where the checksum does not fit


def test_truth_is_beside_the_data(case):
    made, written = case
    with np.load(written.truth) as truth:
        assert np.array_equal(truth["rate"], made.truth.rate)
        assert np.array_equal(truth["hits"], made.truth.hits)


def test_exposures_share_a_folder(tmp_path):
    first = simulate.write(simulate.tiny("nircam_three_groups"), tmp_path)
    second = simulate.write(simulate.tiny("miri_two_groups"), tmp_path)
    third = simulate.write(simulate.tiny("nircam_three_groups", number=2), tmp_path)
    assert first.uncal != third.uncal and first.uncal.exists()
    assert first.references == third.references
    names = {p.name for p in (tmp_path / "crds" / "references" / "jwst").iterdir()}
    assert names == {p.name for p in first.references + second.references}
    assert (tmp_path / "crds" / "mappings" / "jwst" / "jwst_miri_dark_0001.rmap").exists()


def test_without_a_cache(tmp_path):
    written = simulate.write(simulate.tiny("fgs_acq2"), tmp_path, crds=False)
    assert written.crds is None and not written.environment and not (tmp_path / "crds").exists()


def test_flags_are_stored_in_compact_bits():
    dq = simulate.tiny("nircam").references.get("mask").dq
    local, table = files.definition(dq)
    assert local.max() < 1 << len(table)
    for row in table:
        flag = jwgpu.data.PIXEL[row["NAME"].decode()]
        assert np.array_equal((local & row["VALUE"]) != 0, (dq & flag) != 0)


def test_fractions_of_dn_are_refused(tmp_path):
    with pytest.raises(InputError, match="quantize=True"):
        simulate.write(simulate.tiny("nircam_ideal", quantize=False), tmp_path)
    assert not list(tmp_path.glob("*.fits"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        simulate.write(simulate.tiny("fgs_acq2"), tmp_path / "file")
