"""Random pictures of what is behind the ground: houses, trees, walls."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tkn_ros.synthetic.textures import Colour, colour, noise, texture

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


def backdrop(
    rng: np.random.Generator,
    height: int,
    width: int,
    style: str,
    base: Colour | None = None,
    storeys: tuple[float, float] = (2.5, 7.5),
) -> np.ndarray:
    """The picture behind the ground, (height, width, 3) uint8; its last row touches the ground.

    Args:
        rng: NumPy generator.
        height: [pixel].
        width: [pixel].
        style: 'city', 'trees', 'wall' (one texture) or 'plain' (nearly one colour).
        base: mean colour (3,) of 'wall' and 'plain'; None: drawn at random.
        storeys: least and largest height of a house, in storeys of height / 24 pixels.
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
            np.array([[zoom, 0, 0], [0, zoom, 0]], np.float32),
            (width, height),
            borderMode=cv2.BORDER_WRAP,
        )
        lit = 1 + rng.uniform(0, 0.25) * np.cos(np.linspace(0, 3, width) + rng.uniform(0, 6))
        return np.clip(tiled * lit[None, :, None], 0, 255).astype(np.uint8)
    zenith = np.array([84, 138, 196], np.float32) * rng.uniform(0.7, 1.1) + rng.normal(0, 10, 3)
    haze = np.array([206, 218, 226], np.float32) * rng.uniform(0.8, 1.05) + rng.normal(0, 7, 3)
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


def _treeline(rng: np.random.Generator, plate: np.ndarray, top: float, far: bool) -> None:
    height, width = plate.shape[:2]
    edge = noise(rng, 2, 2 * (width // 2 + 1), 1.1)[0][:width] * 0.3 + 1
    rows = height - top * np.clip(edge, 0.1, 2)
    mask = np.clip(np.arange(height)[:, None] - rows[None, :], 0, 1)[..., None]
    green = np.array([95, 115, 110] if far else [45, 70, 35], np.float32) + rng.normal(0, 10, 3)
    rows_, cols_ = max(2, height // 2), max(2, width // 2 // 2 * 2)
    grain = cv2.resize(noise(rng, rows_, cols_, 0.8), (width, height))[..., None]
    trees = np.clip(green * (1 + (0.06 if far else 0.3) * grain), 0, 255)
    plate[:] = plate + mask * (trees - plate)


def _house(
    rng: np.random.Generator, plate: np.ndarray, x0: float, x1: float, tall: float, unit: float
) -> None:
    """Draw a facade with rows of windows; its right end is a little darker."""
    height = plate.shape[0]
    x0, x1, y0 = int(x0), int(min(x1, plate.shape[1])), int(height - tall)
    if x1 - max(x0, 0) < 2:
        return
    wall = np.array(WALLS[rng.integers(len(WALLS))], np.float32) * rng.uniform(0.8, 1.12)
    wall = np.clip(wall + rng.normal(0, 5, 3), 20, 240)
    w, h = x1 - max(x0, 0), height - y0
    tile = texture(rng, 128, ('bricks', 'cloud', 'asphalt')[rng.integers(3)], wall, 0.18)
    reps = (h // 128 + 1, w // 128 + 1, 1)
    plate[y0:, max(x0, 0) : x1] = np.tile(tile, reps)[:h, :w]
    pitch_x, pitch_y = unit * rng.uniform(0.8, 1.3), unit * rng.uniform(0.95, 1.25)
    glass, trim = np.array([55, 70, 88], np.float32) * rng.uniform(0.6, 1.5), wall * 1.15
    y = y0 + pitch_y * 0.35
    while y + pitch_y * 0.6 < height - unit * 0.2:
        x = x0 + pitch_x * 0.3
        while x + pitch_x * 0.5 < x1:
            a, b = (
                np.array([x, y], np.float32),
                np.array([x + pitch_x * 0.48, y + pitch_y * 0.6], np.float32),
            )
            tone = glass * rng.uniform(0.7, 1.3)
            frame = unit * 0.06
            for pad, col in ((frame, trim), (0, tone)):
                _rect(plate, a - pad, b + pad, col)
            _rect(plate, a, (b[0], a[1] + pitch_y * rng.uniform(0.05, 0.3)), tone * 1.6)
            _rect(plate, ((a[0] + b[0] - frame) / 2, a[1]), ((a[0] + b[0] + frame) / 2, b[1]), trim)
            x += pitch_x
        y += pitch_y
    if rng.random() < 0.5:
        roof = np.array(
            [
                [x0 - unit * 0.2, y0],
                [x1 + unit * 0.2, y0],
                [x1 - unit * 0.8, y0 - unit],
                [x0 + unit * 0.8, y0 - unit],
            ],
            np.float32,
        )
        tile = np.array(((128, 72, 54), (96, 86, 84), (110, 60, 50))[rng.integers(3)], np.float32)
        cv2.fillConvexPoly(
            plate,
            (roof * 16).astype(np.int32),
            (tile * rng.uniform(0.8, 1.1)).tolist(),
            cv2.LINE_AA,
            4,
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


def _rect(image: np.ndarray, a: Any, b: Any, col: np.ndarray) -> None:
    corners = np.array([[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]], np.float32)
    cv2.fillConvexPoly(
        image, (corners * 16).astype(np.int32), np.clip(col, 0, 255).tolist(), cv2.LINE_AA, 4
    )
