"""Many exposures as one value: in memory, in files, on a device."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import jwgpu as jw
from jwgpu.backend import FileArray, Scratch
from jwgpu.data import Exposures, Image, Meta
from jwgpu.errors import InputError
from jwgpu.provenance import Record
from jwgpu.step import byproducts, step

SHAPE = (6, 9)


def image(k, **more):
    rng = np.random.default_rng(k)
    observation = dict(program_number="01234", observation_number="001", visit_number="001", visit_group="02",
                       sequence_id="1", activity_id="01", exposure_number=f"{k:05d}")  # fmt: skip
    meta = {f"observation.{name}": value for name, value in observation.items()}
    meta |= {"instrument.name": "NIRCAM", "filename": f"jw_{k}_cal.fits", "asn.pool_name": f"pool{k}"}
    arrays = {name: rng.random(SHAPE, dtype=np.float32) for name in ("data", "err", "var_poisson")}
    arrays["dq"] = rng.integers(0, 9, SHAPE, dtype=np.uint32)
    return Image(**{**arrays, "meta": Meta(meta), "unit": "MJy/sr", **more})


@pytest.fixture
def files(tmp_path):
    """Three images in files."""
    return [jw.save(image(k), tmp_path / f"jw_{k}_cal.fits") for k in range(3)]


@pytest.fixture
def lazy(files, tmp_path):
    """A set of three images whose arrays are in files."""
    return Exposures.of([jw.open(f, lazy=True) for f in files], product_name="three", scratch=tmp_path)


def doubled(images, donate=True):
    """Return a set with the data of all members doubled, each put in its place."""

    def work(k, member):
        data = member.own("data") if donate else member.data * np.float32(2)
        if donate:
            data *= np.float32(2)
        return images.put(member.replace(data=data), k)

    return images.with_members(work(k, member) for k, member in enumerate(images.loaded()))


def test_members_in_order():
    images = Exposures.of((image(k) for k in range(3)), product_name="three", table_name="asn.json")
    assert (len(images), images.name, images.unit, images.device) == (3, "three", "MJy/sr", "cpu")
    assert [m.name for m in images] == ["jw_0_cal.fits", "jw_1_cal.fits", "jw_2_cal.fits"]
    assert images[1] is images.members[1]
    assert images[1:] == images.members[1:]
    assert images.meta.asn.table_name == "asn.json"
    assert images.meta.instrument.name == "NIRCAM"
    assert "filename" not in images.meta
    assert images.meta.observation.exposure_number is None
    assert images.meta.asn.pool_name is None
    assert "jw_1_cal.fits" in repr(images)


def test_arrays_have_the_number_of_their_member():
    images = Exposures.of([image(0), image(1)])
    assert images.arrays()["1.dq"] is images[1].dq
    changed = images.with_arrays({"1.dq": images[0].dq})
    assert changed[1].dq is images[0].dq
    assert changed[1].data is images[1].data
    assert changed[0].dq is images[0].dq


def test_a_record_goes_to_the_set_and_to_each_member():
    before = (Record("photom"),)
    images = Exposures.of([image(k, history=before) for k in range(2)])
    assert images.history == before
    after = images.recorded(Record("tweakreg"))
    for noun in (after, *after):
        assert [r.step for r in noun.history] == ["photom", "tweakreg"]
    assert Exposures.of([image(0, history=before), image(1)]).history == ()


def test_members_that_were_left_out_were_skipped():
    record = Record("tweakreg", notes={"left_out": {"1": "no sources"}})
    after = Exposures.of([image(k) for k in range(3)]).recorded(record)
    assert [member.history[-1].status for member in after] == ["COMPLETE", "SKIPPED", "COMPLETE"]
    assert (after[1].history[-1].reason, after[0].history[-1].reason) == ("no sources", "")
    assert after.history == (record,)


def test_lazy_members_stay_in_their_files(lazy, files):
    assert all(isinstance(a, FileArray) for a in lazy.arrays().values())
    assert set(lazy[0].arrays()) == {"data", "err", "dq", "var_poisson"}
    for k, member in enumerate(lazy.loaded()):
        whole = jw.open(files[k], device="cpu")
        for name, array in whole.arrays().items():
            found = getattr(member, name)
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)
            np.testing.assert_array_equal(getattr(lazy[k], name).read(rows=slice(2, 4)), array[2:4])


@pytest.mark.parametrize("donate", [True, False])
def test_changed_arrays_go_to_scratch_and_others_stay_where_they_are(lazy, donate):
    after = doubled(lazy, donate)
    for k, member in enumerate(after):
        assert isinstance(member.data, FileArray)
        assert member.data is not lazy[k].data
        assert all(getattr(member, name) is getattr(lazy[k], name) for name in ("err", "dq", "var_poisson"))
        np.testing.assert_array_equal(member.data.read(), 2 * image(k).data)
        np.testing.assert_array_equal(lazy[k].data.read(), image(k).data)
    assert not lazy._lent, "what has been lent is forgotten with the array"


def test_pixels_made_nan_leave_the_others_where_they_are(lazy):
    def blanked(images, pixel):
        def work(k, member):
            for name in ("data", "err", "var_poisson"):
                member.own(name)[pixel] = np.nan
            member.own("dq")[pixel] |= np.uint32(16)
            return images.put(member, k, blanked=True)

        return images.with_members(work(k, member) for k, member in enumerate(images.loaded()))

    once = blanked(lazy, (2, 8))
    twice = blanked(once, (5, slice(0, 2)))
    for k, (first, second) in enumerate(zip(once, twice)):
        for name in ("data", "err", "var_poisson"):
            expected = getattr(image(k), name)
            expected[2, 8] = np.nan
            found = getattr(first, name)
            assert found.shares(getattr(lazy[k], name)), "it was not written anew"
            np.testing.assert_array_equal(found.read(), expected)
            np.testing.assert_array_equal(found.read(rows=slice(1, 3)), expected[1:3])
            np.testing.assert_array_equal(found[()], expected)
            expected[5, :2] = np.nan
            np.testing.assert_array_equal(getattr(second, name).read(), expected)
        assert second.dq.read()[2, 8] & second.dq.read()[5, 1] & 16
    np.testing.assert_array_equal(lazy[1].data.read(), image(1).data)


def test_without_scratch_arrays_stay_in_memory(files):
    images = Exposures.of([jw.open(f, lazy=True) for f in files])
    after = doubled(images)
    assert all(isinstance(member.data, np.ndarray) for member in after)
    assert all(member._donated == frozenset() for member in after)


def test_members_in_memory_are_never_written_over():
    images = Exposures.of([image(0), image(1)])
    assert doubled(images)[0].data is not images[0].data
    np.testing.assert_array_equal(images[0].data, image(0).data)


def test_scratch_leaves_nothing_and_uses_its_room_again(tmp_path):
    room = Scratch(tmp_path / "made for it")
    arrays = [np.full(SHAPE, k, np.float32) for k in range(4)]
    held = [room.hold(a) for a in arrays]
    assert os.listdir(tmp_path / "made for it") == []
    end = room._end
    del held[1]
    held.append(room.hold(arrays[0]))
    assert room._end == end
    for array, value in zip(held, (0, 2, 3, 0)):
        np.testing.assert_array_equal(array.read(), value)
    assert not held[0].writable


def test_no_file_stays_open(lazy):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not say which files are open")

    def opened():
        return len(os.listdir("/proc/self/fd"))

    before = opened()
    after = doubled(lazy)
    assert opened() <= before + 1  # the scratch file
    assert after[2].data.read().shape == SHAPE


def test_a_file_that_has_changed_is_not_read(lazy, files):
    os.utime(files[0], ns=(1, 1))
    with pytest.raises(InputError, match=r"jw_0_cal\.fits has changed"):
        next(lazy.loaded())
    files[1].unlink()
    with pytest.raises(InputError, match=r"jw_1_cal\.fits cannot be read any more"):
        lazy.load(1)


def test_groups_are_exposed_together():
    members = [image(1), image(2), image(1), image(3)]
    members.append(members[0].replace(meta=Meta({})))
    members.append(members[0].replace(meta=Meta({"group_id": "mine"})))
    members.append(members[1].replace(meta=Meta({"group_id": "mine"})))
    assert Exposures.of(members).groups() == [(0, 2), (1,), (3,), (4,), (5, 6)]


RAMP = jw.Ramp(data=np.zeros((1, 2, 3, 4)), groupdq=np.zeros((1, 2, 3, 4)), pixeldq=np.zeros((3, 4)), unit="MJy/sr")
WRONG = {
    "none": (list, "no exposures"),
    "units": (lambda: [image(0), image(1, unit="DN/s")], "differ in unit"),
    "no image": (lambda: [image(0), RAMP], "is no image"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_a_set(what):
    make, words = WRONG[what]
    with pytest.raises(InputError, match=words):
        Exposures.of(make())


def test_arrays_belong_to_the_members():
    with pytest.raises(ValueError, match="owned by its members"):
        Exposures.of([image(0)]).own("data")


def test_on_a_device(device, lazy):
    """Members in memory are on the device; those in files go there when they are loaded, and come back."""
    images = device.put(Exposures.of([image(0), image(1)]))
    assert images.device == device.kind
    np.testing.assert_array_equal(device.host(doubled(images)[1].data), 2 * image(1).data)
    if device.kind == "gpu":
        with pytest.raises(InputError, match="differ in device"):
            Exposures.of([images[0], image(1)])


@step(unit="MJy/sr")
def halve(images: Exposures, background: Exposures | None = None, *, factor: float = 0.5) -> Exposures:
    """Scale all images."""
    made = [images.put(m.replace(data=m.data * np.float32(factor)), k) for k, m in enumerate(images.loaded())]
    return images.with_members(made)


def test_a_step_of_many_exposures(lazy):
    after = halve(lazy, factor=0.25)
    assert halve.roles == {"background": False}
    assert [r.step for r in after.history] == ["halve"]
    assert after[1].history[-1] is after.history[-1]
    np.testing.assert_array_equal(after[2].data.read(), image(2).data * np.float32(0.25))
    beside = Exposures.of([image(5), image(6)])
    for record in (halve(lazy, beside).history[-1], halve(lazy, background=beside).history[-1]):
        assert record.exposures == {"background": ["jw_5_cal.fits", "jw_6_cal.fits"]}
        assert record.as_dict()["exposures"] == record.exposures
    with pytest.raises(TypeError, match="background must be a Exposures"):
        halve(lazy, image(0))
    with pytest.raises(TypeError, match="works on an Exposures"):
        halve(image(0))


def test_a_role_may_be_needed():
    @step(unit=None)
    def subtract(image: Image, background: Exposures) -> Image:
        """Subtract the mean of the backgrounds."""
        mean = sum(b.data for b in background.loaded()) / np.float32(len(background))
        return image.replace(data=image.data - mean)

    with byproducts():
        skipped = subtract(image(0), None)
    assert skipped.history[-1].reason == "there are no background exposures for this exposure"
    assert subtract.roles == {"background": True}
    assert not subtract(image(0), Exposures.of([image(0), image(0)])).data.any()
