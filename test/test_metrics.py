"""PSNR and SSIM against values by hand and an independent version."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from tkn_ros.video.metrics import psnr, ssim


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
    noise = rng.integers(-30, 31, a.shape)
    return a, np.clip(a.astype(int) + noise, 0, 255).astype(np.uint8)


def test_psnr_by_hand():
    a = np.zeros((16, 16, 3))
    assert psnr(a, a + 0.1) == pytest.approx(20.0)
    assert psnr(a, a) == float('inf')
    b = np.full((16, 16, 3), 51, np.uint8)  # 0.2
    assert psnr(np.zeros_like(b), b) == pytest.approx(-20 * np.log10(0.2))


def test_uint8_and_float_give_the_same(pair):
    a, b = pair
    assert psnr(a, b) == pytest.approx(psnr(a / 255, b / 255))
    assert ssim(a, b) == pytest.approx(ssim((a / 255).astype(np.float32), b / 255), abs=1e-6)


def test_ssim_equals_wangs_formula(pair):
    a, b = (x / 255 for x in pair)

    def blur(x):  # 11 pixels: 5 to each side
        for axis in (0, 1):
            x = gaussian_filter1d(x, 1.5, axis, truncate=5 / 1.5, mode='reflect')
        return x

    ma, mb = blur(a), blur(b)
    va, vb, vab = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    full = ((2 * ma * mb + c1) * (2 * vab + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(a, b) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-4)
    assert ssim(a, a) == pytest.approx(1.0)


def test_unfit_frames_are_refused():
    with pytest.raises(ValueError, match='shapes'):
        psnr(np.zeros((4, 4, 3)), np.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match='expected at least 11x11'):
        ssim(np.zeros((8, 40, 3)), np.zeros((8, 40, 3)))
