"""The whole pipeline against the truth of simulated exposures."""

import numpy as np
import pytest

from jwgpu import pipelines, simulate

LEVELS = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # electron / s
ROWS = 60


def good_pulls(rate, truth):
    """Return (rate - truth) / err of the pixels without a flag."""
    good = rate.dq == 0
    return ((rate.data - truth) / np.where(good, rate.err, 1))[good].astype(np.float64)


@pytest.mark.slow
def test_no_flux_is_biased(capsys):
    """Photon and read noise alone, > 1e5 pixels at each flux level: the mean pull is below 0.02.

    Without refpix, which has nothing to subtract here but the noise of the reference pixels: that is common to whole
    rows and does not average out over the pixels of a level. Pulls are relative to the rms error of their level.
    """
    sky = np.repeat(np.array(LEVELS, np.float32), ROWS)[:, None] * np.ones((1, 2048), np.float32)
    made = simulate.exposure(
        "NIRCAM", size=sky.shape, sky=sky, n_stars=0, n_galaxies=0, effects=simulate.IDEAL, seed=3, zero_frame=False
    )
    rate = pipelines.detector1(made.ramp).without("refpix").run(made.ramp, made.references, progress=False).rate
    lines = ["electron/s   mean pull   width"]
    means = []
    for number, level in enumerate(LEVELS):
        part = np.s_[number * ROWS : (number + 1) * ROWS]
        good = rate.dq[part] == 0
        assert good.sum() > 1e5
        gap = (rate.data - made.truth.rate)[part][good].astype(np.float64)
        scale = np.sqrt(np.mean(rate.err[part][good].astype(np.float64) ** 2))
        means.append(gap.mean() / scale)
        assert 0.95 < gap.std() / scale < 1.06
        lines.append(f"{level:<12} {means[-1]:+.4f}     {gap.std() / scale:.4f}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert max(map(abs, means)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("one_over_f", "limit", "widths"), [(0.0, 0.06, (1.0, 1.08)), (4.0, 0.4, (1.05, 1.25))])
def test_all_that_happens_to_a_detector(one_over_f, limit, widths, capsys):
    """Bias, drifts, non-linearity, dark, bad pixels, rays, snowballs and saturation leave the median where it is.

    So does 1/f noise on average only: what the reference pixels cannot see of it is common to the pixels of a group,
    and shifts a whole exposure of this size by about 0.13 of the error of a faint pixel.
    """
    found = []
    for seed in range(4):
        made = simulate.exposure("NIRCAM", size=(512, 512), seed=seed, one_over_f=one_over_f)
        rate = pipelines.detector1(made.ramp).run(made.ramp, made.references, progress=False).rate
        assert (rate.dq == 0).mean() > 0.7
        pull = good_pulls(rate, made.truth.rate)
        found.append((np.median(pull), 1.4826 * np.median(np.abs(pull - np.median(pull)))))
    with capsys.disabled():
        print(f"\n1/f {one_over_f} DN; median pull, width: " + "; ".join(f"{m:+.3f}, {w:.3f}" for m, w in found))
    assert all(abs(median) < limit for median, _ in found)
    assert all(widths[0] < width < widths[1] for _, width in found)
