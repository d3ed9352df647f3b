"""How like two pictures are: PSNR and SSIM under one stated protocol.

Pixels in [0, 1] (uint8 is divided by 255), colour as three channels averaged, data range 1, SSIM
with a Gaussian window of 11 pixels (sigma 1.5) and population covariance, as in Wang et al. 2004.
Both give one number for a pair of frames; a report averages these over the frames of a clip and
then over the clips. Figures taken otherwise (grey, other window, other range) do not compare.
"""

from collections.abc import Sequence

import numpy as np

Clip = Sequence[np.ndarray] | np.ndarray  # frames of one size
PSNR_CAP = 60.0  # [dB] that equal frames count as: below what 8 bits can tell apart


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal to noise ratio in dB of two frames (H, W, 3), uint8 or float in [0, 1].

    Equal frames give inf. ValueError where the two do not have the same shape.
    """
    a, b = _unit(a, b)
    error = float(np.mean((a - b) ** 2))
    return float('inf') if error == 0 else -10 * float(np.log10(error))


def capped_psnr(a: np.ndarray, b: np.ndarray) -> float:
    """As `psnr`, but at most PSNR_CAP: what reports average."""
    return min(psnr(a, b), PSNR_CAP)


def clip_psnr(predicted: Clip, truth: Clip) -> float:
    """Mean of `capped_psnr` over the frames of a clip [dB]."""
    return float(np.mean([capped_psnr(a, b) for a, b in zip(predicted, truth)]))


def psnr_and_ssim(predicted: Clip, truth: Clip) -> np.ndarray:
    """`capped_psnr` and `ssim` of each frame of two clips of m frames: (m, 2)."""
    return np.array([[capped_psnr(a, b), ssim(a, b)] for a, b in zip(predicted, truth)])


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity, at most 1, of two frames (H, W, 3), uint8 or float in [0, 1].

    ValueError where the shapes differ or a side is shorter than the window's 11 pixels.
    """
    from skimage.metrics import structural_similarity  # slow to import

    a, b = _unit(a, b)
    if min(a.shape[:2]) < 11:
        raise ValueError(f'frames are {a.shape[1]}x{a.shape[0]}, expected at least 11x11 for SSIM')
    return float(
        structural_similarity(
            a,
            b,
            data_range=1.0,
            channel_axis=-1,
            sigma=1.5,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
    )


def _unit(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 in [0, 1]."""
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f'frames have shapes {a.shape} and {b.shape}, expected one (H, W, 3)')
    return tuple(x / 255.0 if x.dtype == np.uint8 else x.astype(np.float64) for x in (a, b))
