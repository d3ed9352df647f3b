"""Seeded textures and backdrops for the synthetic clips: NumPy and OpenCV only."""

from __future__ import annotations

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
WALLS = (
    (188, 172, 146),
    (170, 110, 88),
    (206, 198, 184),
    (148, 128, 112),
    (196, 160, 120),
    (160, 164, 166),
    (140, 88, 72),
    (214, 204, 170),
)


def noise(rng, height: int, width: int, slope: float = 1.0, stretch: float = 1.0) -> np.ndarray:
    """Periodic 1/f**slope noise: float32 (height, width), mean 0, std 1."""
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


def colour(rng, saturation: float = 0.5, low: float = 30, high: float = 230) -> np.ndarray:
    """A random RGB colour as float32 (3,); saturation 0 is grey, 1 any hue."""
    value = rng.uniform(low, high)
    return np.clip(value + saturation * (rng.uniform(0, 255, 3) - value), 0, 255).astype(np.float32)


def material(rng) -> np.ndarray:
    """The colour of some usual ground or wall, float32 (3,); one time in six any colour."""
    if rng.random() < 1 / 6:
        return colour(rng, 0.7)
    return np.clip(
        np.float32(MATERIALS[rng.integers(len(MATERIALS))]) * rng.uniform(0.65, 1.3)
        + rng.normal(0, 8, 3),
        8,
        245,
    ).astype(np.float32)


def texture(
    rng,
    size: int,
    style: str | None = None,
    base=None,
    contrast: float | None = None,
) -> np.ndarray:
    """A periodic tile, uint8 (size, size, 3): `style` of STYLES (drawn if None) about `base`."""
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
        # Three correlated 1/f fields and a few soft steps: the statistics of a photograph.
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


def _sign(rng):
    return 1.0 if rng.random() < 0.5 else -1.0


def pyramid(tile: np.ndarray, levels: int = 7) -> list[np.ndarray]:
    """The tile and its halvings, which keep far ground from flickering."""
    out = [tile]
    while len(out) < levels and min(out[-1].shape[:2]) >= 4:
        h, w = out[-1].shape[:2]
        out.append(cv2.resize(out[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    return out


def backdrop(rng, height: int, width: int, style: str, base=None, storeys=(2.5, 7.5)) -> np.ndarray:
    """What stands behind the ground, uint8 (height, width, 3); its last row touches the ground.

    style: 'city', 'trees', 'wall' (one texture) or 'plain' (nearly one colour). A storey is
    height / 24 pixels.
    """
    if style in ('wall', 'plain'):
        base = colour(rng, 0.25, 60, 225) if base is None else base
        tile = texture(
            rng,
            256,
            None if style == 'wall' else 'cloud',
            base,
            None if style == 'wall' else rng.uniform(0.02, 0.12),
        )
        zoom = width / rng.uniform(500, 1500)
        tiled = cv2.warpAffine(
            tile,
            np.float32([[zoom, 0, 0], [0, zoom, 0]]),
            (width, height),
            borderMode=cv2.BORDER_WRAP,
        )
        lit = 1 + rng.uniform(0, 0.25) * np.cos(np.linspace(0, 3, width) + rng.uniform(0, 6))
        return np.clip(tiled * lit[None, :, None], 0, 255).astype(np.uint8)
    zenith = np.float32([84, 138, 196]) * rng.uniform(0.7, 1.1) + rng.normal(0, 10, 3)
    haze = np.float32([206, 218, 226]) * rng.uniform(0.8, 1.05) + rng.normal(0, 7, 3)
    up = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] ** 0.7
    sky = haze + (zenith - haze) * up
    small = noise(rng, 192, 256, 1.75, 0.45)
    cloud = np.clip(
        cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * rng.uniform(0.4, 0.8)
        + rng.uniform(-0.5, 0.5),
        0,
        1,
    )[..., None]
    plate = np.clip(sky + (245 - sky) * cloud * 0.9, 0, 255).astype(np.uint8)
    unit = height / 24.0  # the plate is about 24 "storeys" high: everything scales with it
    _treeline(rng, plate, unit * rng.uniform(1.0, 2.5), True)
    if style == 'city':
        x = -unit * rng.uniform(0, 4)
        while x < width:
            w = unit * rng.uniform(3.5, 8)
            _house(rng, plate, x, x + w, unit * rng.uniform(*storeys), unit)
            x += w + (unit * rng.uniform(0.3, 3) if rng.random() < 0.3 else 0)
    _treeline(rng, plate, unit * rng.uniform(0.4, 1.2 if style == 'city' else 5), False)
    return plate


def _treeline(rng, plate, top, far):
    height, width = plate.shape[:2]
    edge = noise(rng, 2, 2 * (width // 2 + 1), 1.1)[0][:width] * 0.3 + 1
    rows = height - top * np.clip(edge, 0.1, 2)
    mask = np.clip(np.arange(height)[:, None] - rows[None, :], 0, 1)[..., None]
    green = np.float32([95, 115, 110] if far else [45, 70, 35]) + rng.normal(0, 10, 3)
    rows_, cols_ = max(2, height // 2), max(2, width // 2 // 2 * 2)
    grain = cv2.resize(noise(rng, rows_, cols_, 0.8), (width, height))[..., None]
    trees = np.clip(green * (1 + (0.06 if far else 0.3) * grain), 0, 255)
    plate[:] = plate + mask * (trees - plate)


def _house(rng, plate, x0, x1, tall, unit):
    """One facade with rows of windows, its right end a little darker."""
    height = plate.shape[0]
    x0, x1, y0 = int(x0), int(min(x1, plate.shape[1])), int(height - tall)
    if x1 - max(x0, 0) < 2:
        return
    wall = np.float32(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.8, 1.12)
    wall = np.clip(wall + rng.normal(0, 5, 3), 20, 240)
    w, h = x1 - max(x0, 0), height - y0
    tile = texture(rng, 128, ('bricks', 'cloud', 'asphalt')[rng.integers(3)], wall, 0.18)
    reps = (h // 128 + 1, w // 128 + 1, 1)
    plate[y0:, max(x0, 0) : x1] = np.tile(tile, reps)[:h, :w]
    pitch_x, pitch_y = unit * rng.uniform(0.8, 1.3), unit * rng.uniform(0.95, 1.25)
    glass, trim = np.float32([55, 70, 88]) * rng.uniform(0.6, 1.5), wall * 1.15
    y = y0 + pitch_y * 0.35
    while y + pitch_y * 0.6 < height - unit * 0.2:
        x = x0 + pitch_x * 0.3
        while x + pitch_x * 0.5 < x1:
            a, b = np.float32([x, y]), np.float32([x + pitch_x * 0.48, y + pitch_y * 0.6])
            tone = glass * rng.uniform(0.7, 1.3)
            frame = unit * 0.06
            for pad, col in ((frame, trim), (0, tone)):
                _rect(plate, a - pad, b + pad, col)
            _rect(plate, a, (b[0], a[1] + pitch_y * rng.uniform(0.05, 0.3)), tone * 1.6)
            _rect(plate, ((a[0] + b[0] - frame) / 2, a[1]), ((a[0] + b[0] + frame) / 2, b[1]), trim)
            x += pitch_x
        y += pitch_y
    if rng.random() < 0.5:
        roof = np.float32(
            [
                [x0 - unit * 0.2, y0],
                [x1 + unit * 0.2, y0],
                [x1 - unit * 0.8, y0 - unit],
                [x0 + unit * 0.8, y0 - unit],
            ]
        )
        tile = np.float32(((128, 72, 54), (96, 86, 84), (110, 60, 50))[rng.integers(3)])
        cv2.fillConvexPoly(
            plate, np.int32(roof * 16), (tile * rng.uniform(0.8, 1.1)).tolist(), cv2.LINE_AA, 4
        )
        for k in range(1, 6):
            y = y0 - unit * k / 6
            _rect(
                plate,
                (x0 - unit * 0.2 + unit * k / 6, y),
                (x1 + unit * 0.2 - unit * k / 6, y + unit * 0.03),
                tile * 0.75,
            )
    _rect(plate, (x0 - unit * 0.1, y0 - unit * 0.1), (x1 + unit * 0.1, y0 + unit * 0.1), wall * 0.7)
    door = x0 + (x1 - x0) * rng.uniform(0.15, 0.75)
    _rect(plate, (door - unit * 0.06, height - unit * 0.92), (door + unit * 0.5, height), trim)
    _rect(
        plate, (door, height - unit * 0.86), (door + unit * 0.44, height), colour(rng, 0.5, 30, 90)
    )


def _rect(image, a, b, col):
    corners = np.float32([[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]])
    cv2.fillConvexPoly(image, np.int32(corners * 16), np.clip(col, 0, 255).tolist(), cv2.LINE_AA, 4)
