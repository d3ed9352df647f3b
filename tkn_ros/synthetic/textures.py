"""Random periodic textures."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import cv2
import numpy as np

STYLES = (
    'cloud',
    'photo',
    'grass',
    'asphalt',
    'stripes',
    'checks',
    'bricks',
    'pavers',
    'blobs',
    'gradient',
    'plaid',
    'speckle',
)
MATERIALS = (
    (92, 118, 58),
    (70, 96, 48),
    (128, 132, 70),
    (150, 148, 142),
    (112, 112, 115),
    (82, 82, 86),
    (186, 176, 158),
    (205, 200, 192),
    (150, 104, 82),
    (122, 98, 76),
    (196, 178, 140),
    (104, 92, 80),
    (172, 158, 150),
    (60, 66, 72),
)


Colour = Sequence[float] | np.ndarray  # (3,) RGB in [0, 255]


def noise(
    rng: np.random.Generator, height: int, width: int, slope: float = 1.0, stretch: float = 1.0
) -> np.ndarray:
    """Periodic 1/f**slope noise: (height, width) float32, mean 0, standard deviation 1.

    Args:
        rng: NumPy generator.
        height: [pixel].
        width: [pixel].
        slope: of the spectrum; larger is smoother.
        stretch: factor of the vertical frequencies.
    """
    fy = np.fft.fftfreq(height)[:, None] * stretch
    fx = np.fft.rfftfreq(width)[None, :]
    radius = np.sqrt(fx * fx + fy * fy) + 0.5 / max(height, width)
    shape = radius.shape
    spectrum = (
        rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)
    ) / radius**slope
    spectrum[0, 0] = 0
    field_ = np.fft.irfft2(spectrum, s=(height, width))
    return (field_ / (field_.std() + 1e-9)).astype(np.float32)


def colour(
    rng: np.random.Generator, saturation: float = 0.5, low: float = 30, high: float = 230
) -> np.ndarray:
    """A random RGB colour, (3,) float32 in [0, 255].

    Args:
        rng: NumPy generator.
        saturation: 0 for grey to 1 for any hue.
        low: least brightness.
        high: largest brightness.
    """
    value = rng.uniform(low, high)
    return np.clip(value + saturation * (rng.uniform(0, 255, 3) - value), 0, 255).astype(np.float32)


def material(rng: np.random.Generator) -> np.ndarray:
    """A colour of usual ground or walls, (3,) float32; in one of six cases any colour."""
    if rng.random() < 1 / 6:
        return colour(rng, 0.7)
    return np.clip(
        np.array(MATERIALS[rng.integers(len(MATERIALS))], np.float32) * rng.uniform(0.65, 1.3)
        + rng.normal(0, 8, 3),
        8,
        245,
    ).astype(np.float32)


def texture(
    rng: np.random.Generator,
    size: int,
    style: str | None = None,
    base: Colour | None = None,
    contrast: float | None = None,
) -> np.ndarray:
    """A periodic tile, (size, size, 3) uint8.

    Args:
        rng: NumPy generator.
        size: [pixel].
        style: one of STYLES; None: drawn at random.
        base: mean colour (3,); None: drawn at random.
        contrast: None: drawn at random.
    """
    style = style or STYLES[rng.integers(len(STYLES))]
    base = material(rng) if base is None else np.asarray(base, np.float32)
    contrast = float(np.exp(rng.uniform(-1.6, 0.2))) if contrast is None else contrast
    other = colour(rng, rng.uniform(0, 1) ** 2)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    n = int(rng.integers(2, 9))
    grain = 0.25 * noise(rng, size, size, rng.uniform(0.2, 1.0))
    if style == 'cloud':
        mix = noise(rng, size, size, rng.uniform(1.2, 2.2))
    elif style == 'photo':
        # three correlated 1/f fields and a few soft steps: the statistics of a photograph
        mix = noise(rng, size, size, 1.3)
        mix = mix + 1.5 * np.tanh(6 * noise(rng, size, size, 2.0))
    elif style == 'grass':
        mix = noise(rng, size, size, 0.6, 0.5) + 0.5 * noise(rng, size, size, 1.8)
    elif style == 'asphalt':
        mix = 0.6 * noise(rng, size, size, 0.25) + 0.4 * noise(rng, size, size, 1.8)
    elif style == 'stripes':
        kx, ky = rng.integers(-n, n + 1), rng.integers(0, n + 1)
        wave = np.sin(2 * pi * ((kx if kx or ky else n) * x + ky * y) + rng.uniform(0, 6))
        mix = np.tanh(rng.uniform(0.7, 6) * wave)
    elif style == 'checks':
        mix = np.tanh(8 * np.sin(2 * pi * n * x) * np.sin(2 * pi * n * y))
    elif style in ('bricks', 'pavers'):
        rows, cols = 2 * n, n if style == 'bricks' else 2 * n
        row = np.floor(y * rows)
        shift = 0.5 * (row % 2) if style == 'bricks' else 0
        col = np.floor(x * cols + shift) % cols
        tone = rng.normal(0, 0.7, (rows, cols)).astype(np.float32)
        edge = np.minimum.reduce(
            [
                y * rows % 1,
                1 - y * rows % 1,
                (x * cols + shift) % 1 * 2,
                2 - (x * cols + shift) % 1 * 2,
            ]
        )
        mix = tone[row.astype(int), col.astype(int)] - 2.0 * (edge < 0.09)
    elif style == 'blobs':
        mix = np.tanh(9 * (noise(rng, size, size, rng.uniform(1.5, 2.5)) - rng.uniform(-0.6, 0.8)))
    elif style == 'gradient':
        mix = 1.2 * np.sin(2 * pi * (x * rng.integers(0, 2) + y) + rng.uniform(0, 6))
        grain *= 0.3
    elif style == 'plaid':
        mix = 0.7 * np.tanh(4 * np.sin(2 * pi * n * x)) + 0.7 * np.tanh(4 * np.sin(2 * pi * n * y))
    else:
        mix = np.where(noise(rng, size, size, 0.4) > rng.uniform(1.2, 2), 2.0, -0.3)
    mix = (mix + grain).astype(np.float32)
    hue = noise(rng, size, size, 1.8)[..., None] * rng.normal(0, 8, 3).astype(np.float32)
    # `mix` runs along the line from the base colour to the other one, and beyond both ends.
    direction = other - base
    direction = direction / (np.linalg.norm(direction) + 1e-6)
    # Shade varies more than hue on most real surfaces.
    hueful = rng.uniform(0.4, 1) if rng.random() < 0.25 else rng.uniform(0, 0.35)
    direction = direction * hueful + rng.uniform(0.5, 1) * _sign(rng) * 0.7
    direction = 55 * contrast * direction.astype(np.float32)
    return np.clip(base + mix[..., None] * direction + hue * contrast, 0, 255).astype(np.uint8)


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def pyramid(tile: np.ndarray, levels: int = 7) -> list[np.ndarray]:
    """Mip levels: the tile and its halvings, without which distant ground would flicker."""
    out = [tile]
    while len(out) < levels and min(out[-1].shape[:2]) >= 4:
        h, w = out[-1].shape[:2]
        out.append(cv2.resize(out[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    return out
