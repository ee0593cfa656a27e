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
from jwgpu.data.pieces import loaded
from jwgpu.pipelines import sections
from jwgpu.pipelines.core import Call
from jwgpu.pipelines.room import Room
from jwgpu.pipelines.sections import Section
from jwgpu.reference import References
from jwgpu.step import byproducts

ROWS = 7
"""Rows of a piece: few, and no divisor of the rows of an exposure."""


MORE = {
    "jump": [
        {"expand_large_events": True, "edge_size": 0, "minimum_sigclip_groups": 2, "rejection_threshold": 1.2},
        {"expand_large_events": True, "snowball_method": "morphology", "growth_factor": 1.0},
        {"find_showers": True, "extend_min_area": 20, "extend_snr_threshold": 1.0},
    ],
    "persistence": [
        {"persistence_time": 100, "dn_threshold": 9000.0, "save_persistence": "windows.asdf"},
        {"persistence_time": 1, "persistence_dnu": True},
    ],
    "ramp_fit": [
        {"algorithm": "LIKELY", "save_opt": True, "save_chisq": True},
        {"save_opt": True, "save_chisq": True, "unbiased": True},
    ],
}
"""Parameters that a step is run with in pieces too: what is found in whole frames, and what is left beside."""


def pieces(situation, folder=None, device="cpu"):
    """Return what a situation gives and leaves piece by piece, as it says that it may be cut; None where it may not."""
    exposure, call = situation.exposure, Call(situation.step, situation.parameters)
    cut = situation.step.cut(exposure, situation.parameters)
    if (
        cut.axis not in ("rows", "integration")
        or not isinstance(exposure, Ramp)
        or (cut.axis == "rows" and is_irs2(exposure.meta, exposure.shape))
    ):
        return None
    references = References.from_mapping(dict(zip(situation.step.references, situation.references)))
    some = exposure.nbytes / exposure.shape[-2] * (ROWS + 2 * cut.halo) if cut.axis == "rows" else 1
    frames = exposure.nbytes / exposure.shape[0]
    room = Room(device, int(some) + 1, int(frames) + 1, folder)
    section = Section((call,), cut.axis, cut.halo, cut.frames)
    outcome, left = sections.run(section, "result", exposure, references, room, lambda words: None)
    return outcome | left


def timeless(record):
    """Return a record without what differs from run to run."""
    return dataclasses.replace(record, seconds=0.0, bytes_up=0, bytes_down=0, device="", origins={})


def test_pieces_give_the_whole(every):
    """Arrays, flags, notes, metadata and reasons."""
    more = [dataclasses.replace(s, parameters=p) for s in every for p in MORE.get(s.step.name, ())]
    for situation in (*every, *more):
        outcome = pieces(situation)
        if outcome is None:
            continue
        with byproducts() as left:
            expected = parts(situation.run())
        assert outcome.keys() == expected.keys() | left.keys(), situation
        for name, whole in (expected | left).items():
            assert differences(loaded(outcome[name]), whole) == [], situation
            assert outcome[name].tables.keys() == whole.tables.keys()
            assert all((table == whole.tables[key]).all() for key, table in outcome[name].tables.items()), situation
        for name, whole in expected.items():
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
    monkeypatch.setattr(pipelines.room, "WORTH_ROWS", 15)
    found = products(mode)
    for name, product in found.products.items():
        assert differences(product, whole.products[name]) == []
        assert [timeless(r) for r in product.history] == [timeless(r) for r in whole.products[name].history]


def test_pieces_take_turns_on_a_device(every, fakecupy_installed):
    """The exposure stays on the host, its pieces go to the device one after the other."""
    more = [dataclasses.replace(every[0], parameters=p) for p in MORE.get(every[0].step.name, ())]
    for situation in (every[0], *more):
        outcome = pieces(situation, device="gpu")
        if outcome is not None:
            for name, whole in parts(situation.run()).items():
                assert outcome[name].device == "cpu"
                assert all(same_bits(a, whole.arrays()[n]) for n, a in outcome[name].arrays().items()), situation
