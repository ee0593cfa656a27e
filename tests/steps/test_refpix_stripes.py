"""Reference pixels of readouts in stripes, and superstripes put together."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import simulate
from jwgpu.data import PIXEL, Ramp
from jwgpu.data.multistripe import KEYWORDS
from jwgpu.errors import InputError
from jwgpu.steps import dq_init, linearity, refpix


def flagged(mode: str, **changes) -> tuple[Ramp, simulate.Simulation]:
    """Return a tiny exposure with the flags of its mask."""
    made = simulate.tiny(mode, cosmic_rays=0.0, n_stars=0, **changes)
    return dq_init(made.ramp, made.references.mask), made


def level(ramp: Ramp) -> np.ndarray:
    """Return other levels for even and odd columns, for each group: (integration, group, 1, 1) and so on."""
    random = np.random.default_rng(3)
    column = np.arange(ramp.shape[-1]) % 2
    return random.normal(0, 50, (*ramp.shape[:2], 1, 2))[..., column]


def test_substripes_lose_the_level_of_their_reference_pixels():
    """Levels that even and odd columns of the amplifier share vanish, in the zero frame too."""
    ramp, _ = flagged("nircam_dhs")
    signal = np.where(ramp.pixeldq & PIXEL.REFERENCE_PIXEL, 0, 1000).astype(np.float32)
    added = level(ramp)
    seen = ramp.replace(data=(signal + added).astype(np.float32), zeroframe=(signal + added[:, 0]).astype(np.float32))
    found = refpix(seen)
    np.testing.assert_allclose(found.data, np.broadcast_to(signal, found.shape), atol=1e-3)
    np.testing.assert_allclose(found.zeroframe, np.broadcast_to(signal, found.zeroframe.shape), atol=1e-3)
    assert found.meta.subarray.multistripe_reads1 == 1


def test_every_superstripe_has_its_own_good_reference_pixels():
    """A reference pixel that is bad in the first superstripe tells the level of the second."""
    ramp, _ = flagged("nircam_superstripe_repeat")
    pixeldq = np.where(ramp.pixeldq & PIXEL.REFERENCE_PIXEL, PIXEL.REFERENCE_PIXEL, 0).astype(np.uint32)
    reference = pixeldq[0] != 0
    pixeldq[0] |= (reference * PIXEL.DO_NOT_USE).astype(np.uint32)
    data = np.full(ramp.shape, 7.0, np.float32)
    found = refpix(ramp.replace(pixeldq=pixeldq, data=data))
    np.testing.assert_array_equal(np.unique(found.data), [0.0, 7.0])
    np.testing.assert_array_equal(np.unique(np.argwhere(found.data == 7.0)[:, 2]), [63])  # the first is the last row


def test_superstripes_become_whole_frames():
    """Each row of the frame shows the superstripe and the repeat that it was read in; the times say so."""
    ramp, made = flagged("nircam_superstripe_repeat")
    number, group, row = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in ramp.shape[:3]), indexing="ij")
    data = np.broadcast_to((number + 1000 * group + 10000 * (row // 2))[..., None], ramp.shape).astype(np.float32)
    clean = ramp.replace(data=data, pixeldq=ramp.pixeldq * 0, zeroframe=None)
    found = refpix(clean)
    assert found.shape == (2, 12, 64, 32)
    assert found.pixeldq.shape == (64, 32)
    integration, repeat, place = np.meshgrid(np.arange(2), np.arange(12), np.arange(64), indexing="ij")
    # SLOWAXIS is negative: the first stripe is the last row, the first repeat the last of a group's rows.
    expected = 64 * integration + (63 - place) + 1000 * (repeat // 4) + 10000 * (3 - repeat % 4)
    np.testing.assert_array_equal(found.data, np.broadcast_to(expected[..., None], found.shape))
    meta = found.meta
    assert (meta.exposure.nints, meta.exposure.ngroups, meta.exposure.integration_end) == (2, 12, 2)
    assert (meta.subarray.ystart, meta.subarray.ysize, meta.subarray.xsize) == (1817, 64, 32)
    assert all(meta.get(f"subarray.{name}") is None for name in KEYWORDS)
    assert len(meta.exposure.read_times) == 12
    old, new, each = made.ramp.tables["int_times"], found.tables["int_times"], found.tables["int_times_stripe"]
    assert new["int_end_MJD_UTC"][1] == old["int_end_MJD_UTC"][127]
    assert new["integration_number"].tolist() == [1, 2]
    assert each["stripe_number"][:65].tolist() == [*range(1, 65), 1]
    assert each["integration_number"][[63, 64]].tolist() == [1, 2]
    assert found.history[-1].notes["edge_pixels"] == 0 and found.history[-1].status == "COMPLETE"


def test_what_no_superstripe_reads_is_flagged():
    """SOSS: the four columns at either edge."""
    ramp, _ = flagged("niriss_superstripe")
    found = refpix(ramp)
    assert found.shape == (2, 4, 8, 2048)
    outside = np.isnan(found.data).all(axis=(0, 1, 2))
    assert np.flatnonzero(outside).tolist() == [0, 1, 2, 3, 2044, 2045, 2046, 2047]
    assert (found.pixeldq[:, outside] == PIXEL.REFERENCE_PIXEL).all()
    assert not found.groupdq[..., outside].any()
    np.testing.assert_array_equal(np.isnan(found.zeroframe[0, 0]), outside)


def test_later_segments_count_on():
    ramp, _ = flagged("nircam_superstripe")
    later = {"exposure.integration_start": 17, "exposure.integration_end": 32, "exposure.nints": 32}
    found = refpix(ramp.replace(meta=ramp.meta.set(later)))
    assert (found.meta.exposure.integration_start, found.meta.exposure.integration_end) == (3, 4)
    assert found.tables["int_times"]["integration_number"].tolist() == [3, 4]


@pytest.mark.parametrize("start, count", [(1, 15), (2, 8)])
def test_turns_that_are_not_whole_are_refused(start, count):
    ramp, _ = flagged("nircam_superstripe")
    part = ramp.replace(
        data=ramp.data[:count], groupdq=ramp.groupdq[:count], zeroframe=None,
        meta=ramp.meta.set({"exposure.integration_start": start}),
    )  # fmt: skip
    with pytest.raises(InputError, match=f"{count} integrations from number {start} on cannot be put together from 8"):
        refpix(part)


def test_a_table_of_times_that_does_not_fit_is_refused():
    ramp, _ = flagged("nircam_superstripe")
    short = ramp.replace(tables={"int_times": ramp.tables["int_times"][:10]})
    with pytest.raises(InputError, match="INT_TIMES has 10 rows"):
        refpix(short)
    assert set(refpix(ramp.replace(tables={})).tables) == set()


def test_other_steps_want_whole_frames():
    ramp, made = flagged("nircam_superstripe")
    with pytest.raises(InputError, match="step linearity needs whole frames"):
        linearity(ramp, made.references.linearity)
