"""Kernels of inter-pixel capacitance in files: one for all pixels is whole, those of each pixel are cut."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError
from jwgpu.reference.load import load
from jwgpu.reference.window import Window


@pytest.mark.parametrize("mode", ["nircam_ipc", "niriss"])
def test_simulated_kernels_come_back_from_their_files(mode, tmp_path):
    simulation = simulate.tiny(mode, ipc=True)
    raw = simulate.write(simulation, tmp_path, crds=False).uncal
    ramp = jw.open(raw)
    refs = jw.references(ramp, folder=raw.parent / "references")
    found, made = refs.ipc.data, simulation.references.ipc.data
    assert found.ndim == (4 if mode == "nircam_ipc" else 2)
    np.testing.assert_array_equal(found, made)
    np.testing.assert_array_equal(steps.ipc(ramp, refs.ipc).data, steps.ipc(simulation.ramp, refs.ipc).data)


def write(path, data, **header):
    from astropy.io import fits

    primary = fits.PrimaryHDU()
    primary.header.update({"REFTYPE": "IPC", "INSTRUME": "NIRCAM", "DETECTOR": "NRCB1", **header})
    fits.HDUList([primary, fits.ImageHDU(data, name="SCI")]).writeto(path)
    return path


def test_kernels_of_the_full_frame_are_cut(tmp_path):
    whole = np.zeros((3, 3, 64, 48), np.float32)
    whole += np.arange(48)
    path = write(tmp_path / "ipc.fits", whole, SUBSTRT1=101, SUBSTRT2=201, SUBSIZE1=48, SUBSIZE2=64)
    window = Window(start=(211, 105), shape=(8, 16), instrument="NIRCAM", detector="NRCB1")
    found = load(path, "ipc", window).data
    np.testing.assert_array_equal(found, whole[:, :, 10:18, 4:20])


def test_a_kernel_of_three_axes_is_an_error(tmp_path):
    path = write(tmp_path / "ipc.fits", np.ones((3, 8, 16), np.float32))
    window = Window(start=(1, 1), shape=(8, 16), instrument="NIRCAM", detector="NRCB1")
    with pytest.raises(InputError, match="2 or 4"):
        load(path, "ipc", window)
