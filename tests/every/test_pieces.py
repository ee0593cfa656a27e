"""Every step in pieces: what it says of how it may be cut is true, to the last bit, note and word."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from every.compare import differences, same_bits
from every.situations import MODES, parts

from jwgpu import pipelines, simulate
from jwgpu.data import Ramp
from jwgpu.data.irs2 import is_irs2
from jwgpu.pipelines import sections
from jwgpu.pipelines.core import Call
from jwgpu.pipelines.room import Room
from jwgpu.pipelines.sections import Section
from jwgpu.reference import References

ROWS = 7
"""Rows of a piece: few, and no divisor of the rows of an exposure."""


def pieces(situation, folder=None, device="cpu"):
    """Return what a situation gives piece by piece, as it says that it may be cut; None where it may not."""
    exposure, call = situation.exposure, Call(situation.step, situation.parameters)
    cut = situation.step.cut(exposure, situation.parameters)
    if (
        cut.axis is None
        or not isinstance(exposure, Ramp)
        or (cut.axis == "rows" and is_irs2(exposure.meta, exposure.shape))
    ):
        return None
    references = References.from_mapping(dict(zip(situation.step.references, situation.references)))
    some = exposure.nbytes / exposure.shape[-2] * (ROWS + 2 * cut.halo) if cut.axis == "rows" else 1
    frames = exposure.nbytes / exposure.shape[0]
    room = Room(device, int(some) + 1, int(frames) + 1, folder)
    outcome, _ = sections.run(
        Section((call,), cut.axis, cut.halo), "result", exposure, references, room, lambda words: None
    )
    return outcome


def timeless(record):
    """Return a record without what differs from run to run."""
    return dataclasses.replace(record, seconds=0.0, bytes_up=0, bytes_down=0, device="", origins={})


def test_pieces_give_the_whole(every):
    """Arrays, flags, notes, metadata and reasons."""
    for situation in every:
        outcome = pieces(situation)
        if outcome is None:
            continue
        expected = parts(situation.run())
        assert outcome.keys() == expected.keys(), situation
        for name, whole in expected.items():
            assert differences(outcome[name], whole) == [], situation
            assert outcome[name].tables.keys() == whole.tables.keys()
            assert [timeless(r) for r in outcome[name].history] == [timeless(r) for r in whole.history], situation


def test_no_other_flags_are_touched_than_a_step_says(every):
    for situation in every:
        outcome = situation.run()
        if not isinstance(outcome, Ramp) or outcome.groupdq.shape != situation.exposure.groupdq.shape:
            continue
        cut = situation.step.cut(situation.exposure, situation.parameters)
        touched = np.bitwise_or.reduce(outcome.groupdq ^ situation.exposure.groupdq, axis=None)
        assert touched & ~np.uint8(cut.sets) == 0, situation


def test_a_step_that_is_asked_about_in_pieces_can_answer(every):
    for situation in every:
        cut = situation.step.cut(situation.exposure, situation.parameters)
        assert not cut.asks or situation.step.asks is not None


def products(mode, monkeypatch=None, **options):
    simulation = simulate.tiny(mode)
    pipeline = pipelines.choose(simulation.ramp)
    return pipeline.run(simulation.ramp, simulation.references, progress=False, **options)


@pytest.mark.parametrize("mode", MODES)
def test_a_pipeline_in_sections_gives_the_same_bits(mode, monkeypatch):
    """Each piece goes through several steps before the next does."""
    whole = products(mode)
    rows = simulate.tiny(mode).ramp.nbytes / simulate.tiny(mode).ramp.shape[-2]
    monkeypatch.setattr(pipelines.room, "IN_CACHE", int(rows * 15))
    found = products(mode)
    for name, product in found.products.items():
        assert differences(product, whole.products[name]) == []
        assert [timeless(r) for r in product.history] == [timeless(r) for r in whole.products[name].history]


def test_pieces_take_turns_on_a_device(every, fakecupy_installed):
    """The exposure stays on the host, its pieces go to the device one after the other."""
    for situation in every[:1]:
        outcome = pieces(situation, device="gpu")
        if outcome is not None:
            for name, whole in parts(situation.run()).items():
                assert outcome[name].device == "cpu"
                assert all(same_bits(a, whole.arrays()[n]) for n, a in outcome[name].arrays().items()), situation
