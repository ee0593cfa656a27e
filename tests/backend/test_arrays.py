"""Arrays find their library, cross only where told to, and every crossing is counted."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from jwgpu import backend, kernels
from jwgpu.data import Image, Reference

HOST = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_an_array_finds_its_library(device):
    array = device.array(HOST)
    assert backend.namespace(array) is device.xp
    assert backend.namespace(array, None, 2.0, array) is device.xp
    assert backend.is_device_array(array) == (device.kind == "gpu")
    found = backend.ndimage(array).uniform_filter(array, size=3)
    np.testing.assert_allclose(device.host(found), scipy.ndimage.uniform_filter(HOST, size=3), rtol=1e-6)


def test_no_array_means_numpy():
    assert backend.namespace() is np
    assert backend.namespace(1.5, None) is np


def test_mixed_devices_are_an_error(fakecupy_installed):
    with pytest.raises(TypeError, match="host and device arrays are mixed"):
        backend.namespace(HOST, fakecupy_installed.asarray(HOST))
    with pytest.raises(TypeError, match="host and device arrays are mixed"):
        kernels.launch("anything", 16, 3, HOST, fakecupy_installed.asarray(HOST))


def test_crossings_are_counted(fakecupy_installed):
    with backend.counting() as outer:
        device_array = backend.to(HOST, "gpu")
        with backend.counting() as inner:
            backend.to_host(device_array)
        assert backend.to(device_array, "gpu") is device_array
        assert backend.to(HOST, "cpu") is HOST
        assert backend.to_host(HOST) is HOST
    backend.to(HOST, "gpu")
    assert (inner.bytes_up, inner.bytes_down) == (0, HOST.nbytes)
    assert (outer.bytes_up, outer.bytes_down) == (HOST.nbytes, HOST.nbytes)
    assert outer.seconds >= inner.seconds > 0


def test_a_round_trip_keeps_the_bits(device):
    array = backend.to(HOST, device.kind)
    np.testing.assert_array_equal(backend.to_host(array), HOST)
    assert backend.is_device_array(array) == (device.kind == "gpu")


def test_no_other_device():
    with pytest.raises(ValueError, match="device 'tpu' is not 'cpu' or 'gpu'"):
        backend.to(HOST, "tpu")


def test_native():
    swapped = backend.native(HOST.astype(">f4"))
    assert swapped.dtype.isnative and swapped.dtype == np.float32
    np.testing.assert_array_equal(swapped, HOST)
    assert backend.native(HOST) is HOST
    assert backend.native(HOST[:, ::2]).flags.c_contiguous
    assert backend.native(np.array(1, ">i4")).shape == ()


def test_native_on_the_way_to_the_device(fakecupy_installed):
    np.testing.assert_array_equal(backend.to(HOST.astype(">f4"), "gpu").get(), HOST)
    np.testing.assert_array_equal(backend.to(HOST[:, ::2], "gpu").get(), HOST[:, ::2])


def test_nouns_move_whole(device):
    image = Image(data=HOST, dq=np.zeros(HOST.shape, np.uint32)).to(device.kind)
    assert image.device == device.kind
    assert all(backend.namespace(a) is device.xp for a in image.arrays().values())
    table = np.zeros(2, [("a", "f4")])
    reference = Reference("gain", "gain.fits", {"data": HOST, "table": table}).to(device.kind)
    assert backend.namespace(reference.data) is device.xp
    assert reference.table is table


def test_own_and_donate_on_every_device(device):
    image = Image(data=device.array(HOST.copy()), dq=device.array(np.zeros(HOST.shape, np.uint32)))
    assert image.own("data") is not image.data
    donated = image.donate()
    assert (donated.own("data") is image.data) == (device.name != "numpy-readonly")
    for view in (image.data[1:], image.data[:, ::2], image.data[::-1]):
        shared = image.donate(keep=(Image(data=view),))
        assert shared.own("data") is not image.data


LAUNCHES = {
    "Python number": (lambda a: (a, 1.0), TypeError, "argument 1: float is not an array or a numpy scalar"),
    "not contiguous": (lambda a: (a[:, ::2],), ValueError, "argument 0: the array is not C-contiguous"),
}


@pytest.mark.parametrize("what", LAUNCHES)
def test_a_wrong_launch_is_refused_on_every_device(device, what):
    arguments, error, words = LAUNCHES[what]
    with pytest.raises(error, match=words):
        kernels.launch("anything", 16, 3, *arguments(device.array(HOST)))


def test_nothing_to_do_launches_nothing(device):
    kernels.launch("anything", 16, 0, device.array(HOST))


def test_a_kernel_that_does_not_compile_is_named(fakecupy_installed, monkeypatch):
    from jwgpu.kernels import build

    monkeypatch.setattr(build, "OPTIONS", ("-std=c++17",))  # all.h is not found
    with pytest.raises(RuntimeError, match=r"(?s)did not compile for this GPU .*set JWGPU_DEVICE=cpu"):
        build.gpu_function("ramp_jumps", 16)
