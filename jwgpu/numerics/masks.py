"""Operations on boolean planes."""

from __future__ import annotations


def grow(mask, n_pixels: int):
    """Return `mask` grown by `n_pixels` on every side, corners included.

    Each true pixel turns the (2 n + 1) x (2 n + 1) square around it true. The square is separable: shifts along y,
    then along x, cost 4 n passes instead of (2 n + 1)**2.

    Parameters
    ----------
    mask : bool array (y, x)
    n_pixels : int
        0 returns a copy.
    """
    tall = mask.copy()
    for shift in range(1, min(n_pixels, mask.shape[0] - 1) + 1):
        tall[shift:] |= mask[:-shift]
        tall[:-shift] |= mask[shift:]
    square = tall.copy()
    for shift in range(1, min(n_pixels, mask.shape[1] - 1) + 1):
        square[:, shift:] |= tall[:, :-shift]
        square[:, :-shift] |= tall[:, shift:]
    return square
