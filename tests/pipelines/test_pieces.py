"""Exposures that do not fit: in sections, in pieces, out of files, with the same bits."""

from __future__ import annotations

import dataclasses
import os
import warnings
from types import SimpleNamespace

import edges
import numpy as np
import pytest
from astropy.io import fits
from every.compare import differences
from every.test_pieces import timeless

import jwgpu as jw
from jwgpu import backend, pipelines, simulate, steps
from jwgpu.backend import FileArray, memory
from jwgpu.data import GROUP
from jwgpu.data.pieces import Cutter, loaded
from jwgpu.errors import InputError
from jwgpu.pipelines import room, sections
from jwgpu.pipelines.core import Call
from jwgpu.pipelines.room import Room
from jwgpu.pipelines.sections import Section
from jwgpu.reference import References

CHAINS = {
    "near-infrared": ("nircam", {}),
    "single output": ("nircam_sub", {}),
    "ipc": ("nircam_ipc", {}),
    "MIRI": ("miri", {}),
    "MIRI subarray": ("miri_sub", {}),
    "stripes": ("nircam_dhs", {}),
    "likelihood": ("niriss", {"ramp_fit": {"algorithm": "LIKELY"}}),
    "more steps": ("miri_sub", {"firstframe": {}, "charge_migration": {"signal_threshold": 40000.0}}),
    "snowballs": ("nircam_snowball", {"jump": {"expand_large_events": True, "edge_size": 0, "min_jump_area": 3.0}}),
    "shapes": ("nircam_snowball", {"jump": {"expand_large_events": True, "snowball_method": "morphology"}}),
    "showers": ("miri", {"emicorr": {}, "jump": {"find_showers": True, "extend_min_area": 9,
                                                 "extend_snr_threshold": 0.9, "max_shower_amplitude": 1000.0}}),
    "folding": ("miri_sub", {"emicorr": {"algorithm": "sequential"}}),
    "clipping": ("tso", {"jump": {"minimum_sigclip_groups": 3, "rejection_threshold": 1.5}}),
    "afterglow": ("nircam_sub", {"persistence": {"persistence_time": 30, "dn_threshold": 9000.0,
                                                 "save_persistence": "windows.asdf"}}),
    "what is left": ("nircam_snowball", {"ramp_fit": {"save_opt": True, "save_chisq": True}}),
}  # fmt: skip

NONE = References.from_mapping({})


@pytest.fixture(scope="module", params=CHAINS)
def chain(request, tmp_path_factory):
    """A file, its references, a pipeline, and what it makes of the whole exposure."""
    mode, parameters = CHAINS[request.param]
    simulation = simulate.tiny(mode)
    written = simulate.write(simulation, tmp_path_factory.mktemp("chain"), crds=False)
    ramp = jw.open(written.uncal)
    references = jw.references(ramp, folder=written.references[0].parent)
    pipeline = pipelines.choose(ramp)
    for name, values in parameters.items():
        pipeline = pipeline.including(name).set(name, **values)
    return written.uncal, references, pipeline, pipeline.run(ramp, references, progress=False)


def too_little(ramp, share=0.8) -> int:
    """Return an amount of memory that does not hold a ramp and its rates, but pieces and rates."""
    rates = (ramp.shape[0] + 1) * ramp.shape[-2] * ramp.shape[-1] * 20
    return int(rates + share * ramp.nbytes)


@pytest.fixture
def tight(monkeypatch):
    """Count arrays alone, so that those of tiny exposures matter."""
    monkeypatch.setattr(memory, "used", lambda: 0)
    monkeypatch.setattr(room, "_BESIDE", 0)


def same(found, expected, left_out=()):
    """Arrays, metadata, tables and records are the same, but for some notes."""

    def records(product):
        kept = [{k: v for k, v in record.notes.items() if k not in left_out} for record in product.history]
        return [dataclasses.replace(timeless(r), notes=notes) for r, notes in zip(product.history, kept)]

    assert found.products.keys() == expected.products.keys()
    for name, product in found.products.items():
        assert differences(product, expected.products[name]) == []
        assert product.tables.keys() == expected.products[name].tables.keys()
        assert records(product) == records(expected.products[name])
    assert found.byproducts.keys() == expected.byproducts.keys()
    for name, left in found.byproducts.items():
        assert differences(loaded(left), expected.byproducts[name]) == []


def test_out_of_a_file_in_little_memory(chain, tight, tmp_path):
    uncal, references, pipeline, expected = chain
    ramp = jw.open(uncal, lazy=True)
    found = pipeline.run(ramp, references, progress=False, max_memory=too_little(ramp), scratch=tmp_path)
    same(found, expected)
    assert os.listdir(tmp_path) == []


def test_out_of_memory_in_little_memory(chain, tight, tmp_path):
    """The exposure is in memory; what is made of it goes to files, and it stays as it was."""
    uncal, references, pipeline, expected = chain
    ramp = jw.open(uncal)
    before = ramp.data.copy()
    same(pipeline.run(ramp, references, progress=False, max_memory=too_little(ramp), scratch=tmp_path), expected)
    np.testing.assert_array_equal(ramp.data, before)


@pytest.mark.parametrize("room_on_device", [True, False], ids=["whole", "in pieces"])
def test_out_of_a_file_on_a_device(chain, tight, tmp_path, monkeypatch, fakecupy_installed, room_on_device):
    """What a device cannot hold stays on the host, and pieces of it take turns on the device."""
    uncal, references, pipeline, expected = chain
    ramp = jw.open(uncal, lazy=True)
    monkeypatch.setattr(room.backend, "current", lambda: SimpleNamespace(kind="gpu"))
    limit = None if room_on_device else too_little(ramp)
    found = pipeline.run(ramp, references, progress=False, max_memory=limit, scratch=tmp_path)
    assert {product.device for product in found.products.values()} == {"gpu" if room_on_device else "cpu"}
    assert "gpu" in {record.device for record in found.history}
    same(found, expected, left_out=["amplitudes"])  # of emicorr: sums of another order


def test_what_is_kept_and_saved_on_the_way(tight, tmp_path):
    """Intermediates come out of files like the products."""
    simulation = simulate.tiny("nircam")
    written = simulate.write(simulation, tmp_path, crds=False)
    pipeline = pipelines.choose(simulation.ramp)
    lazy = jw.open(written.uncal, lazy=True)
    references = jw.references(lazy, folder=written.references[0].parent)
    expected = pipeline.run(jw.open(written.uncal), references, keep=["refpix", "jump", "ramp_fit"], progress=False)
    saved = {}

    def after_step(name, branches):
        if name == "linearity":
            saved[name] = jw.open(jw.save(branches["ramp"], out=tmp_path))

    found = pipeline.run(
        lazy, references, keep=["refpix", "jump", "ramp_fit"], progress=False, max_memory=too_little(lazy),
        scratch=tmp_path, after_step=after_step,
    )  # fmt: skip
    same(found, expected)
    for name in ("refpix", "jump"):
        assert differences(found[name], expected[name]) == []
    assert differences(found["ramp_fit"].rate, expected["ramp_fit"].rate) == []
    linear = pipeline.upto("linearity").run(jw.open(written.uncal), references, progress=False).ramp
    np.testing.assert_array_equal(saved["linearity"].data, linear.data)
    np.testing.assert_array_equal(saved["linearity"].groupdq, linear.groupdq)


def test_a_ramp_that_does_not_fit_is_made_in_files(tight, tmp_path):
    ramp = simulate.tiny("miri").ramp
    pipeline, references = pipelines.choose(ramp).upto("dark_current"), simulate.tiny("miri").references
    made = pipeline.run(ramp, references, progress=False, max_memory=int(0.8 * ramp.nbytes), scratch=tmp_path).ramp
    whole = pipeline.run(ramp, references, progress=False).ramp
    assert isinstance(made.data, FileArray)
    np.testing.assert_array_equal(made.data.read(), whole.data)
    opened = jw.open(jw.save(made, out=tmp_path))
    np.testing.assert_array_equal(opened.groupdq, whole.groupdq)
    again = pipelines.choose(ramp).from_("refpix").run(made, references, progress=False)
    assert differences(again.rate, pipelines.choose(ramp).run(ramp, references, progress=False).rate) == []
    np.testing.assert_array_equal(made.data.read(), whole.data)


def test_what_a_fit_leaves_beside_is_made_and_saved_out_of_files(tight, tmp_path):
    """Segments are as many as the pixel with most has, which no piece knows."""
    simulation = simulate.tiny("nircam_snowball")
    pipeline = pipelines.choose(simulation.ramp).set("ramp_fit", save_opt=True, save_chisq=True, opt_name="segments")
    expected = pipeline.run(simulation.ramp, simulation.references, progress=False).byproducts
    limit = too_little(simulation.ramp)
    found = pipeline.run(
        simulation.ramp, simulation.references, progress=False, max_memory=limit, scratch=tmp_path
    ).byproducts
    assert isinstance(found["fitopt"].slope, FileArray)
    assert found["fitopt"].slope.shape[1] > 1
    for name in ("fitopt", "chisq", "chisq_dof"):
        assert differences(loaded(found[name]), expected[name]) == []
        pieces, whole = (
            fits.open(jw.save(made[name], tmp_path / f"{name}_{k}.fits")) for k, made in enumerate((found, expected))
        )
        with pieces, whole:
            for key in ("SLOPE", "CRMAG") if name == "fitopt" else ("SCI",):
                np.testing.assert_array_equal(pieces[key].data, whole[key].data)


def test_what_cannot_be_cut_is_named_with_a_remedy(tight, tmp_path):
    simulation = simulate.tiny("nircam")
    ramp = simulation.ramp
    pipeline = pipelines.choose(ramp).set("jump", find_showers=True, expand_large_events=True)
    with pytest.raises(InputError, match=r"step jump works on whole .*--max-memory.*--skip jump"):
        pipeline.run(ramp, simulation.references, progress=False, max_memory=too_little(ramp), scratch=tmp_path)
    with pytest.raises(InputError, match=r"step refpix needs whole frames.*--max-memory"):
        pipelines.choose(ramp).without("ramp_fit", "ipc").run(
            ramp, simulation.references, progress=False, max_memory=int(0.4 * ramp.nbytes), scratch=tmp_path
        )
    with pytest.raises(InputError, match=r"cannot be calibrated in 0\.00 GB"):
        pipelines.choose(ramp).run(ramp, simulation.references, progress=False, max_memory=1000, scratch=tmp_path)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(InputError, match=r"has room for 0.00 GB.*--scratch"):
        patch.setattr(room.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1})())
        pipelines.choose(ramp).run(
            ramp, simulation.references, progress=False, max_memory=too_little(ramp), scratch=tmp_path
        )


def test_superstripes_stay_whole(tight, tmp_path):
    written = simulate.write(simulate.tiny("nircam_superstripe"), tmp_path, crds=False)
    ramp = jw.open(written.uncal, lazy=True)
    references = jw.references(ramp, folder=written.references[0].parent)
    with pytest.raises(InputError, match=r"superstripes stay whole until refpix.*--max-memory"):
        pipelines.choose(ramp).run(ramp, references, progress=False, max_memory=too_little(ramp), scratch=tmp_path)


def test_out_of_memory_halves_the_pieces_and_says_so(tight, monkeypatch, tmp_path):
    simulation = simulate.tiny("nircam")
    ramp = simulation.ramp
    expected = pipelines.choose(ramp).run(ramp, simulation.references, progress=False)
    monkeypatch.setattr(room, "_TIMES", 1)
    fit = steps.ramp_fit.function

    def hungry(part, *arguments, **parameters):
        if part.shape[-2] > 16:
            raise MemoryError("no more")
        return fit(part, *arguments, **parameters)

    monkeypatch.setattr(steps.ramp_fit, "function", hungry)
    with pytest.warns(UserWarning, match="out of memory .no more.; going on with pieces half as large"):
        found = pipelines.choose(ramp).run(
            ramp, simulation.references, progress=False, max_memory=too_little(ramp), scratch=tmp_path
        )
    with warnings.catch_warnings():
        same(found, expected)


def test_out_of_memory_in_a_piece_that_is_worked_on_in_place_is_an_error(monkeypatch):
    """What the steps before have changed cannot be cut again."""
    simulation = simulate.tiny("nircam")
    monkeypatch.setattr(room, "IN_CACHE", simulation.ramp.nbytes // 2)

    def hungry(part, *arguments, **parameters):
        raise MemoryError("no more")

    monkeypatch.setattr(steps.ramp_fit, "function", hungry)
    with pytest.raises(MemoryError, match="no more"):
        pipelines.choose(simulation.ramp).run(simulation.ramp, simulation.references, progress=False)


def test_out_of_memory_while_results_are_put_back_is_an_error(monkeypatch):
    """The piece is in the exposure already, in part: whoever cut it again would calibrate it twice."""
    simulation = simulate.tiny("nircam")
    monkeypatch.setattr(room, "IN_CACHE", simulation.ramp.nbytes // 2)
    write, calls = backend.files.write, []

    def failing_once(target, array, *place):
        write(target, array, *place)
        calls.append(place)
        if len(calls) == 1:
            raise MemoryError("no more")

    monkeypatch.setattr(backend.files, "write", failing_once)
    with pytest.raises(MemoryError, match="no more"):
        pipelines.choose(simulation.ramp).run(simulation.ramp, simulation.references, progress=False)


@pytest.mark.parametrize(("words", "n"), [("2G", 2e9), ("700 MB", 7e8), ("1.5e9", 1.5e9), (1000, 1000)])
def test_amounts_of_memory(words, n):
    assert memory.parse_bytes(words) == n


@pytest.mark.parametrize("words", ["", "G", "much", "-1G", "0", "nan"])
def test_what_is_no_amount_of_memory(words):
    with pytest.raises(InputError, match="2G"):
        memory.parse_bytes(words)


def test_there_is_memory():
    assert 0 < memory.used() < 1e12
    assert 0 < memory.budget("cpu") < 1e15


def test_steps_that_decide_on_flags_of_the_whole_begin_a_section():
    """Rows of MIRI that `jump` has not seen may change which groups the fit uses; near-infrared fits use all."""
    for mode, together in (("nircam", True), ("miri", False)):
        ramp = simulate.tiny(mode).ramp
        calls = pipelines.choose(ramp).from_("jump").calls
        names = [c.name for c in sections.first(calls, ramp, NONE, (), Room("cpu", piece=1)).calls]
        assert ("ramp_fit" in names) is together


def test_a_wanted_result_ends_a_section():
    ramp = simulate.tiny("nircam").ramp
    calls = pipelines.choose(ramp).from_("linearity").calls
    section = sections.first(calls, ramp, NONE, ["dark_current"], Room("cpu", piece=1))
    assert [c.name for c in section.calls] == ["linearity", "dark_current"]


def test_a_step_that_goes_through_whole_frames_after_the_rows_ends_a_section():
    """And one that looks at data of the whole exposure begins one."""
    ramp = simulate.tiny("nircam_snowball").ramp
    pipeline = pipelines.choose(ramp).set("jump", expand_large_events=True)
    section = sections.first(pipeline.from_("linearity").calls, ramp, NONE, (), Room("cpu", piece=1))
    assert [c.name for c in section.calls if not c.skip] == ["linearity", "dark_current", "jump"]
    assert section.frames
    clipping = pipelines.choose(ramp).set("jump", minimum_sigclip_groups=2)
    for first, last in (("linearity", "dark_current"), ("jump", "ramp_fit")):
        section = sections.first(clipping.from_(first).calls, ramp, NONE, (), Room("cpu", piece=1))
        assert [c.name for c in section.calls if not c.skip][-1] == last
        assert not section.frames


def test_rows_in_memory_are_lent_and_their_halo_is_as_it_was():
    """Each piece sees the rows around it as no piece has changed them, and leaves them as their own piece made them."""
    ramp = edges.ramp(3, 2).donate()
    before = ramp.data.copy()
    cutter = Cutter(ramp, "rows", 2, "cpu")
    for start in range(0, 45, 4):
        stop = min(start + 4, 45)
        piece = cutter.piece(start, stop)
        first, last = cutter.reach(start, stop)
        assert np.shares_memory(piece.exposure.data, ramp.data)
        np.testing.assert_array_equal(piece.exposure.data, before[..., first:last, :])
        piece.exposure.data[...] = start
        cutter.done()
    np.testing.assert_array_equal(ramp.data[0, 0, :, 0], np.arange(45) // 4 * 4)
    kept = Cutter(ramp.replace(_donated=frozenset()), "rows", 2, "cpu").piece(4, 8)
    assert not kept.exposure.data.flags.writeable


def in_pieces(step, ramp, references, parameters, rows=2):
    """Return what a step makes of a ramp in pieces of a few rows."""
    call = Call(step, parameters)
    cut = step.cut(ramp, call.parameters)
    place = Room("cpu", int(ramp.nbytes / ramp.shape[-2] * (rows + 2 * cut.halo)) + 1)
    section = Section((call,), "rows", cut.halo, cut.frames)
    owner = References.from_mapping({reference.type: reference for reference in references})
    made, _ = sections.run(section, "ramp", ramp, owner, place, lambda n: None)
    return made["ramp"]


@pytest.mark.parametrize("where", ["everywhere", "in the first rows"])
def test_clipping_spares_groups_of_which_it_would_leave_nothing_in_any_piece(where):
    """Whole groups are looked for before the first piece; what they would flag in others is not flagged."""
    random = np.random.default_rng(4)
    ramp = edges.ramp(4, 120)
    data = np.cumsum(random.normal(20, 2, ramp.shape), axis=1).astype(np.float32)
    data[7, 2:, : None if where == "everywhere" else 30] += 3000.0
    ramp = ramp.replace(data=data, groupdq=np.zeros_like(ramp.groupdq))
    ramp.groupdq[7, 2, 11, 5:40] = GROUP.PERSISTENCE  # jumps that stay, and reach their neighbours
    ramp.groupdq[:, 3] = GROUP.DO_NOT_USE
    planes = (jw.Reference("gain", "g.fits", {"data": np.full(edges.SHAPE, 2, np.float32)}),
              jw.Reference("readnoise", "r.fits", {"data": np.full(edges.SHAPE, 3, np.float32)}))  # fmt: skip
    parameters = {"after_jump_flag_dn1": 50.0, "after_jump_flag_time1": 50.0, "max_jump_to_flag_neighbors": 1e9}
    whole = steps.jump(ramp, *planes, **parameters)
    hit = (whole.groupdq[7, 2] & GROUP.JUMP_DET) != 0
    assert hit[:30].mean() < 0.1 if where == "everywhere" else hit[:30].all()
    found = in_pieces(steps.jump, ramp, planes, parameters)
    assert differences(found, whole) == []
    assert [timeless(r) for r in found.history] == [timeless(r) for r in whole.history]


@pytest.mark.parametrize("n_grow", [0, 1, 3])
def test_saturation_reaches_across_pieces(n_grow):
    """Spread twice: SATURATED to neighbours, and DO_NOT_USE around what is suspect in the group before."""
    ramp = edges.ramp(6, 2)
    rng = np.random.default_rng(1)
    threshold = rng.choice(np.float32([200, 3000, 60000]), edges.SHAPE)
    reference = jw.Reference("saturation", "s.fits", {"data": threshold, "dq": np.zeros(edges.SHAPE, np.uint32)})
    made = in_pieces(steps.saturation, ramp, [reference], {"n_pix_grow_sat": n_grow})
    whole = steps.saturation(ramp, reference, None, n_pix_grow_sat=n_grow)
    assert differences(made, whole) == []
    assert (whole.groupdq & GROUP.DO_NOT_USE).any()
    assert [timeless(r) for r in made.history] == [timeless(r) for r in whole.history]


def test_pieces_of_long_exposures_have_more_than_their_halo():
    """Where the exposure is in memory, pieces have some rows even where a cache holds none; in files, what fits."""
    section = Section((), "rows", halo=2)
    exposure = SimpleNamespace(nbytes=2048 << 20)
    in_memory, in_files = Room("cpu", piece=8 << 20), Room("cpu", piece=8 << 20, frames=1 << 30)
    for rows, expected in ((64, 2), (1024, 32), (65536, 252)):
        length = SimpleNamespace(length=rows)
        assert sections._length(section, exposure, length, in_memory) == expected
    assert sections._length(section, exposure, SimpleNamespace(length=64), in_files) == 1


def test_time_series_in_memory_are_not_cut_into_few_rows(monkeypatch):
    simulation = simulate.tiny("nircam")
    n_rows = simulation.ramp.shape[-2]
    for rows, pays in ((room.WORTH_ROWS, True), (room.WORTH_ROWS - 1, False)):
        monkeypatch.setattr(room, "IN_CACHE", rows * simulation.ramp.nbytes // n_rows)
        _, found = room.arrange(simulation.ramp, pipelines.choose(simulation.ramp), None, None, True)
        assert (found.piece is not None) is pays
