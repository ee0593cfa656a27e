"""Corrections of a pointing: an affine map in the plane that touches the telescope's field at the reference point.

A correction stands between the frames `v2v3corr` and the one before it, in the form that tweakwcs gives it and reads
again: V2, V3 to the plane, the affine map, and back.
"""

from __future__ import annotations

import dataclasses

import numpy as np

CORRECTION = "JWST tangent-plane linear correction. v1"
FRAME = "v2v3corr"
ARCSEC = 180 / np.pi * 3600  # of a radian


@dataclasses.dataclass(frozen=True, eq=False)
class Plane:
    """The plane that touches the sphere of V2, V3 at a point, turned so that its second axis points north.

    Attributes
    ----------
    v2, v3 : float, arcsec
        Of the point.
    roll : float, degrees
        Position angle of V3 there.
    matrix, shift : (2, 2) and (2,) float64
        The affine map of coordinates (arcsec) in the plane that a correction is so far.
    """

    v2: float
    v3: float
    roll: float
    matrix: np.ndarray = dataclasses.field(default_factory=lambda: np.eye(2))
    shift: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))

    def _turned(self) -> np.ndarray:
        """Return the matrix that turns directions in V2, V3 into those of the plane, its normal first."""
        from astropy.modeling.models import RotationSequence3D

        model = RotationSequence3D([self.v2 / 3600, -self.v3 / 3600, self.roll], "zyx")
        return np.array(model(*np.eye(3)))

    def project(self, v2, v3) -> np.ndarray:
        """Return the coordinates (2, n) in the plane, arcsec, of V2, V3 (arcsec); NaN behind it."""
        lon, lat = np.radians(np.asarray(v2) / 3600), np.radians(np.asarray(v3) / 3600)
        direction = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        depth, x, y = np.tensordot(self._turned(), direction, axes=1)
        depth = np.where(depth > 0, depth, np.nan)
        return np.stack([x / depth, y / depth]) * ARCSEC

    def lift(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Return the V2, V3 (arcsec) that coordinates in the plane (arcsec) stand for."""
        x, y = np.asarray(x) / ARCSEC, np.asarray(y) / ARCSEC
        a, b, c = np.tensordot(self._turned().T, np.stack([np.ones_like(x), x, y]), axes=1)
        return np.degrees(np.arctan2(b, a)) * 3600, np.degrees(np.arctan2(c, np.hypot(a, b))) * 3600

    def moved(self, matrix, shift) -> Plane:
        """Return the plane with another affine map (arcsec) done after what there is."""
        matrix = np.asarray(matrix)
        return dataclasses.replace(self, matrix=matrix @ self.matrix, shift=matrix @ self.shift + np.asarray(shift))


def plane(gwcs, meta) -> Plane:
    """Return the plane of an image, with the correction that its gwcs has.

    Parameters
    ----------
    gwcs : gwcs.WCS
    meta : Meta
        Its V2_REF, V3_REF and ROLL_REF say where the plane touches, unless a correction does.
    """
    frames = list(gwcs.available_frames)
    if FRAME not in frames:
        v2, v3, roll = (float(meta.require(f"wcsinfo.{name}_ref", "tweakreg")) for name in ("v2", "v3", "roll"))
        return Plane(v2, v3, roll)
    model = gwcs.pipeline[frames.index(FRAME) - 1].transform
    v2, v3, roll = (float(angle) for angle in model["det_to_optic_axis"].angles.value)
    affine = model["tp_affine"]
    return Plane(v2 * 3600, -v3 * 3600, roll, affine.matrix.value.copy(), affine.translation.value * ARCSEC)


def uncorrected(gwcs) -> str:
    """Return the name of the frame that corrections start from."""
    frames = gwcs.available_frames
    return "v2v3vacorr" if "v2v3vacorr" in frames else "v2v3"


def corrected(gwcs, plane: Plane):
    """Return a gwcs with the correction that a plane says, in place of the one that it had.

    Parameters
    ----------
    gwcs : gwcs.WCS
        Of an image: with a frame `v2v3`, and perhaps `v2v3vacorr` and `v2v3corr`. It is left as it is.
    plane : Plane
    """
    import copy

    from gwcs import WCS

    steps = [(step.frame, step.transform) for step in gwcs.pipeline]
    names = list(gwcs.available_frames)
    start = names.index(uncorrected(gwcs))
    if FRAME in names:
        steps[start] = (steps[start][0], model(plane))
    else:
        frame, onward = steps[start]
        after = copy.copy(frame)
        after.name = FRAME
        steps[start : start + 1] = [(frame, model(plane)), (after, onward)]
    made = WCS(steps, name=gwcs.name)
    made.pixel_shape = gwcs.pixel_shape
    return made


def model(plane: Plane):
    """Return the astropy model of a correction, V2, V3 to V2, V3 (arcsec), with its inverse."""
    from astropy.modeling.models import AffineTransformation2D, Const1D, Identity, Mapping, RotationSequence3D, Scale
    from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

    def twice(factor: float, name: str):
        both = Scale(factor, name=f"{name}_1D") & Scale(factor, name=f"{name}_1D")
        both.name = f"{name}_2D"
        return both

    def around(affine):
        turn = RotationSequence3D([plane.v2 / 3600, -plane.v3 / 3600, plane.roll], "zyx", name="det_to_optic_axis")
        back = turn.inverse
        back.name = "optic_axis_to_det"
        divided = Mapping((0, 1, 2), name="xyz") / Mapping((0, 0, 0), n_inputs=3, name="xxx")
        onto = divided | Mapping((1, 2), name="xtyt")
        onto.name = "Cartesian 3D to TAN"
        off = Mapping((0, 0, 1), n_inputs=2, name="xtyt2xyz") | (Const1D(1, name="one") & Identity(2, name="I(2D)"))
        off.name = "TAN to cartesian 3D"
        s2c = SphericalToCartesian(name="s2c", wrap_lon_at=180)
        c2s = CartesianToSpherical(name="c2s", wrap_lon_at=180)
        degrees, arcsec = twice(1 / 3600, "arcsec_to_deg"), twice(3600.0, "deg_to_arcsec")
        return degrees | s2c | turn | onto | affine | off | back | c2s | arcsec

    inverse = np.linalg.inv(plane.matrix)
    shift = plane.shift / ARCSEC
    made = around(AffineTransformation2D(plane.matrix, shift, name="tp_affine"))
    made.name = CORRECTION
    made.inverse = around(AffineTransformation2D(inverse, -inverse @ shift, name="tp_affine_inv"))
    made.inverse.name = f"Inverse {CORRECTION}"
    return made
