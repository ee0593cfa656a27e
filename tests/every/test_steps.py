"""Every step, wherever it stands in a pipeline: pure, the same on every device, whole or in pieces, donated or not."""

from __future__ import annotations

import numpy as np
import pytest
from every.compare import differences, same_bits, snapshot
from every.situations import parts

from jwgpu import backend
from jwgpu.data import Exposures, SourceCatalog

TYPES = {"dq": np.uint32, "pixeldq": np.uint32, "groupdq": np.uint8, "con": np.int32,
         "segmentation": np.int32}  # fmt: skip
"""Types of arrays by name; all others are float32."""

SCALARS = 64
"""Bytes that may come down: a few numbers worth knowing, never an array."""

ON_HOST = {
    "clean_flicker_noise": "the histogram of each plane, where a Gaussian is to be fitted to it",
    "outlier_detection": "where some pixels of each exposure fall, and numbers that weights are judged by",
    "resample": "every eighth point of a map, for which tiles its pixels fall into",
    "skymatch": "some numbers and a histogram of each overlap",
    "source_catalog": "sources are told apart one by one, and rows of a table are made of them",
    "tweakreg": "lists of sources are matched and fitted there",
}
"""Steps that fetch arrays to the host, and why; what comes down is in their records."""

GPU_TOLERANCE = 2e-6
"""Relative, for sums and medians of array code on a real GPU, which may add in another order. Flags: none."""


def test_inputs_stay_as_they_are(every):
    for situation in every:
        nouns = (situation.exposure, *situation.references, *situation.roles.values())
        before = [snapshot(noun) for noun in nouns]
        situation.run()
        for noun, arrays in zip(nouns, before):
            for name, array in snapshot(noun).items():
                assert same_bits(array, arrays[name]), f"{situation} wrote into {name}"


@pytest.mark.parametrize("device", ["numpy-readonly"], indirect=True)
def test_read_only_arrays_serve(every, device):
    for situation in every:
        outcome = parts(situation.run(put=device.put))
        for name, expected in parts(situation.run()).items():
            assert differences(outcome[name], expected) == [], situation


@pytest.mark.parametrize("device", ["numpy", "fakecupy"], indirect=True)
def test_donated_arrays_give_the_same_bits(every, device):
    for situation in every:
        donated = device.put(situation.exposure).donate()
        outcome = parts(situation.run(donated, *situation.beside(device.put)))
        for name, expected in parts(situation.run()).items():
            assert differences(outcome[name], expected) == [], situation


@pytest.mark.parametrize("device", ["fakecupy"], indirect=True)
def test_same_on_a_device_without_a_transfer(every, device):
    """Bit for bit; no array is copied to the host, and what goes up is counted in the record."""
    import fakecupy

    for situation in every:
        expected = parts(situation.run())
        exposure, beside = device.put(situation.exposure), situation.beside(device.put)
        with fakecupy.counts() as crossed:
            outcome = parts(situation.run(exposure, *beside))
        for name in expected:
            assert outcome[name].device == ("cpu" if isinstance(outcome[name], SourceCatalog) else "gpu")
            assert differences(outcome[name], expected[name]) == [], situation
            record = outcome[name].history[-1]
            assert (crossed.bytes_up, crossed.bytes_down) == (record.bytes_up, record.bytes_down), situation
            if situation.step.name not in ON_HOST:
                assert crossed.bytes_down <= SCALARS, f"{situation}: {crossed.bytes_down} bytes came down"


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["cupy"], indirect=True)
def test_same_on_a_gpu(every, device):
    for situation in every:
        expected, outcome = parts(situation.run()), parts(situation.run(put=device.put))
        for name in expected:
            for label, array in expected[name].arrays().items():
                found = backend.to_host(outcome[name].arrays()[label])
                assert found.dtype == array.dtype
                if array.dtype.kind == "f":
                    np.testing.assert_allclose(found, array, rtol=GPU_TOLERANCE, err_msg=f"{situation}: {label}")
                else:
                    np.testing.assert_array_equal(found, array, err_msg=f"{situation}: {label}")


def test_types_are_kept(every):
    for situation in every:
        for noun in parts(situation.run()).values():
            for name, array in noun.arrays().items():
                kind = TYPES.get(name.rpartition(".")[2], np.float32)  # of a member, "3.dq"
                assert array.dtype == kind, f"{situation} makes {name} {array.dtype}"


def test_one_record_is_added(every):
    for situation in every:
        for noun in parts(situation.run()).values():
            *before, record = noun.history
            assert tuple(before) == situation.exposure.history
            assert (record.step, record.device) == (situation.step.name, "cpu")
            assert record.status in ("COMPLETE", "SKIPPED")
            assert bool(record.reason) == (record.status == "SKIPPED")
            if isinstance(noun, Exposures):
                assert all(member.history[-1] is record for member in noun)


def test_a_missing_reference_is_a_reason_to_skip(every):
    for situation in every:
        for position, (kind, needed) in enumerate(situation.step.references.items()):
            if needed:
                fewer = [None if k == position else r for k, r in enumerate(situation.references)]
                outcome = situation.run(references=fewer)
                assert outcome.history[-1].status == "SKIPPED"
                assert kind in outcome.history[-1].reason
                assert all(outcome.arrays()[n] is a for n, a in situation.exposure.arrays().items())
