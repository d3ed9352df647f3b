"""Bright letters and digits that bounce over a dark plain ground: nothing moves but they.

Cameras' pictures have such parts too (overlays, signs at night, instrument panels), and what a
predictor smears over a ground of one colour is seen at once.
"""

from collections.abc import Callable

import cv2
import numpy as np

CHARACTERS = tuple('ABCDEFGHJKLMNPRSTUXYZabdeghkmnpqrstuxyz0123456789')
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def glyph_scene(
    rng: np.random.Generator, height: int, width: int, fps: float
) -> Callable[[int], np.ndarray]:
    """The function from a frame's number to its RGB uint8 picture (height, width, 3)."""
    coloured, lit = rng.random() < 0.3, rng.random() < 0.3
    ground = rng.integers(5, 60, 3) if lit else np.zeros(3)
    if not coloured:
        ground[:] = ground[0]
    pictures, starts, speeds = [], [], []
    for _ in range(rng.integers(1, 4)):
        side = int(rng.uniform(0.3, 0.55) * min(height, width))
        pictures.append(
            _glyph(rng, side)[..., None]
            * (rng.uniform(0.5, 1, 3) if coloured else rng.uniform(0.7, 1))
        )
        starts.append(rng.random(2))
        heading = rng.uniform(0, 2 * np.pi)
        # a share of its way across a frame: Moving MNIST's step is 0.1
        speeds.append(
            rng.uniform(0.02, 0.12) * 30 / fps * np.array([np.cos(heading), np.sin(heading)])
        )

    def draw(i: int) -> np.ndarray:
        picture = np.tile(ground.astype(np.float64), (height, width, 1))
        for glyph, start, speed in zip(pictures, starts, speeds):
            side = len(glyph)
            way = 1 - np.abs(1 - (start + speed * i) % 2)  # to and fro between 0 and 1
            y, x = np.rint(way * (height - side, width - side)).astype(int)
            place = picture[y : y + side, x : x + side]
            np.maximum(place, glyph, out=place)
        return picture.astype(np.uint8)

    return draw


def _glyph(rng: np.random.Generator, side: int) -> np.ndarray:
    """One character in a square, (side, side) float64 in [0, 255]."""
    text, font = str(rng.choice(CHARACTERS)), int(rng.choice(FONTS))
    pen = int(rng.integers(2, 5))
    (width, height), _ = cv2.getTextSize(text, font, 4.5, 4 * pen)
    big = np.zeros((160, 160), np.uint8)
    cv2.putText(
        big, text, ((160 - width) // 2, (160 + height) // 2), font, 4.5, 255, 4 * pen, cv2.LINE_AA
    )
    turn = cv2.getRotationMatrix2D((80, 80), rng.uniform(-20, 20), 1)
    return cv2.resize(
        cv2.warpAffine(big, turn, (160, 160)), (side, side), interpolation=cv2.INTER_AREA
    ).astype(np.float64)
