"""How like two pictures are: PSNR, SSIM, MS-SSIM and sharpness under one stated protocol.

Pixels in [0, 1] (uint8 is divided by 255), colour as three channels averaged, data range 1, SSIM
with a Gaussian window of 11 pixels (sigma 1.5) and population covariance, as in Wang et al. 2004.
Both give one number for a pair of frames; a report averages these over the frames of a clip and
then over the clips. Figures taken otherwise (grey, other window, other range) do not compare.
"""

from collections.abc import Sequence

import numpy as np

Clip = Sequence[np.ndarray] | np.ndarray  # frames of one size
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights of MS-SSIM, the finest scale first
SIGMA, MARGIN = 1.5, 5  # of SSIM's Gaussian window of 11 pixels [pixel]
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


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Multi-scale SSIM (Wang, Simoncelli and Bovik 2003) of two frames (H, W, 3), at most 1.

    Of its five scales as many as SSIM's window fits into (three at 64x64, four at 128x128), their
    weights enlarged to sum to 1; with one scale it is `ssim`. Anti-correlated structure counts as
    none. ValueError where the shapes differ or a side is shorter than 11 pixels.
    """
    a, b = _unit(a, b)
    side = min(a.shape[:2])
    if side < 2 * MARGIN + 1:
        raise ValueError(f'frames are {a.shape[1]}x{a.shape[0]}, expected at least 11x11')
    count = sum(side >> scale >= 2 * MARGIN + 1 for scale in range(len(SCALES)))
    weights = np.array(SCALES[:count]) / sum(SCALES[:count])
    value = 1.0
    for scale, weight in enumerate(weights):
        light, structure = _similarity(a, b)
        last = scale + 1 == count
        value *= max(float((light * structure if last else structure).mean()), 0.0) ** weight
        a, b = _halved(a), _halved(b)
    return float(value)


def sharpness(predicted: Clip, truth: Clip) -> float:
    """Gradient energy of predicted frames over that of the true ones, over a whole clip: 1 where
    they are as sharp, less where they are blurred; NaN where the true ones are without structure.
    """
    drawn, real = (sum(map(_gradient_energy, clip)) for clip in (predicted, truth))
    return drawn / real if real else float('nan')


def _gradient_energy(frame: np.ndarray) -> float:
    """Mean square of the differences between neighbouring pixels, across and down."""
    image = frame / 255.0 if frame.dtype == np.uint8 else frame
    return float(sum(np.square(np.diff(image, axis=axis)).mean() for axis in (0, 1)))


def _similarity(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps of SSIM's two factors: light, and contrast with structure, without the margins."""
    from scipy.ndimage import gaussian_filter  # slow to import

    def mean(x: np.ndarray) -> np.ndarray:
        blurred = gaussian_filter(x, (SIGMA, SIGMA, 0), truncate=(MARGIN + 0.25) / SIGMA)
        return blurred[MARGIN:-MARGIN, MARGIN:-MARGIN]

    mean_a, mean_b = mean(a), mean(b)
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return light, (2 * covariance + 0.03**2) / (variances + 0.03**2)


def _halved(x: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H // 2, W // 2, 3) by means of four."""
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).mean((1, 3))


def _unit(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 in [0, 1]."""
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f'frames have shapes {a.shape} and {b.shape}, expected one (H, W, 3)')
    a, b = (x / 255.0 if x.dtype == np.uint8 else x.astype(np.float64) for x in (a, b))
    return a, b
