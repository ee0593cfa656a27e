"""Input pixels on the edges of drizzling, for everything that runs `numerics.drizzle`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jwgpu.numerics.drizzle import Drop

KERNELS = ("square", "turbo", "point", "gaussian", "lanczos2", "lanczos3")


@dataclass
class Case:
    """The arguments of `Canvas` and of `Canvas.add`."""

    name: str
    drop: Drop
    x: np.ndarray
    y: np.ndarray
    origin: tuple[int, int] = (0, 0)
    shape: tuple[int, int] = (40, 37)
    data: np.ndarray = field(init=False)
    weight: np.ndarray = field(init=False)
    variances: list = field(init=False)
    dq: np.ndarray = field(init=False)

    def __post_init__(self):
        random = np.random.default_rng(len(self.name))
        shape = tuple(n - 2 for n in self.x.shape)
        self.data = random.normal(10, 5, shape).astype(np.float32)
        self.weight = random.uniform(0.5, 2, shape).astype(np.float32)
        self.weight[random.random(shape) < 0.1] = 0
        self.data[self.weight == 0] = np.nan
        self.variances = [random.uniform(0, 2, shape).astype(np.float32) for _ in range(3)]
        self.variances[0][random.random(shape) < 0.05] = 0
        self.variances[1][random.random(shape) < 0.02] = -1
        self.dq = random.integers(0, 2**32, shape, np.uint32)


def affine(shape, angle=0.0, scale=1.0, shift=(0.0, 0.0), flip=False, bend=0.0):
    """Return a map (x, y) of pixels and of those one further out, turned by degrees about the first."""
    y, x = np.mgrid[-1 : shape[0] + 1, -1 : shape[1] + 1].astype(float)
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    sign = -1 if flip else 1
    return sign * (c * x - s * y) + shift[1] + bend * x * y, s * x + c * y + shift[0] + bend * x**2


def cases():
    """Yield cases, each with every kernel."""
    for number, name in enumerate(KERNELS):
        fraction = (1.0, 0.7, 0.31)[number % 3]
        for label, pixfrac, scale, maps, more in _maps(fraction):
            yield Case(f"{name}: {label}", Drop(name, pixfrac, 1 / scale), *maps, **more)


def _maps(f):
    shape = (23, 29)
    yield "whole pixels, edges on edges", 1.0, 1, affine(shape, shift=(3, 4)), {}
    yield "halves, centres on edges", 1.0, 1, affine(shape, shift=(3.5, 4.5)), {}
    yield "no drop larger than a pixel", 0.5, 1, affine(shape, shift=(3.25, 4.25)), {}
    yield "turned by 45 degrees", f, 1, affine(shape, 45, shift=(2, 20)), {}
    yield "turned by 90 degrees", f, 1, affine(shape, 90, shift=(1, 30)), {}
    yield "mirrored and bent", f, 1.1, affine(shape, 10, 1.1, (1, 35), flip=True, bend=3e-3), {}
    yield "beyond every side", f, 2.3, affine(shape, 20, 2.3, (-12, -5)), {}
    yield "a part of the output", f, 0.9, affine(shape, -30, 0.9, (90, 200)), {"origin": (85, 210), "shape": (17, 70)}
    yield "nowhere near", f, 1, affine(shape, shift=(500, -700)), {}
    yield "many output pixels each", f, 5.7, affine((5, 6), 12, 5.7, (4, 8)), {}
    yield "many input pixels each", f, 0.11, affine((60, 50), 33, 0.11, (3, 8)), {"shape": (9, 8)}
    yield "one pixel", f, 1, affine((1, 1), 5, shift=(7.3, 8.1)), {}
    yield "one row", f, 1, affine((1, 30), 25, shift=(7.3, 1.1)), {}
    yield "almost a point", 0.0005, 1, affine(shape, 5, shift=(3, 4)), {}
    x, y = affine(shape, 7, shift=(3, 6))
    x[5, 9], y[12, 20], x[20, 3], y[8, 25] = np.nan, np.inf, -np.inf, 1e12
    yield "pixels that fall nowhere", f, 1, (x, y), {}
    x, y = affine(shape, shift=(3, 4))
    x[:, 11:14] = x[:, 12:13]
    yield "without area", f, 1, (x, y), {}
