"""Bright letters and digits that bounce over a dark plain background.

Camera pictures have such parts too (overlays, signs at night, instrument panels), and smearing over
a uniform background is easy to see.
"""

import cv2
import numpy as np

CHARACTERS = tuple('ABCDEFGHJKLMNPRSTUXYZabdeghkmnpqrstuxyz0123456789')
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


class GlyphScene:
    """One to three characters that bounce off the borders.

    Attributes:
        glyphs: (side, side, 1 or 3) float64 each, in [0, 255].

    Args:
        rng: NumPy generator.
        height: of the frames [pixel].
        width: of the frames [pixel].
        fps: frames per second.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int, fps: float) -> None:
        self._size = height, width
        coloured, lit = rng.random() < 0.3, rng.random() < 0.3
        self._ground = rng.integers(5, 60, 3) if lit else np.zeros(3)
        if not coloured:
            self._ground[:] = self._ground[0]
        self.glyphs, self._starts, self._speeds = [], [], []
        for _ in range(rng.integers(1, 4)):
            side = int(rng.uniform(0.3, 0.55) * min(height, width))
            self.glyphs.append(
                _glyph(rng, side)[..., None]
                * (rng.uniform(0.5, 1, 3) if coloured else rng.uniform(0.7, 1))
            )
            self._starts.append(rng.random(2))
            heading = rng.uniform(0, 2 * np.pi)
            # share of the free way per frame; in Moving MNIST it is 0.1
            self._speeds.append(
                rng.uniform(0.02, 0.12) * 30 / fps * np.array([np.cos(heading), np.sin(heading)])
            )

    def places(self, i: int) -> list[tuple[int, int]]:
        """Each glyph's uppermost row and leftmost column in frame i."""
        out = []
        for glyph, start, speed in zip(self.glyphs, self._starts, self._speeds):
            way = 1 - np.abs(1 - (start + speed * i) % 2)  # triangle wave between 0 and 1
            out.append(tuple(np.rint(way * np.subtract(self._size, len(glyph))).astype(int)))
        return out

    def draw(self, i: int) -> np.ndarray:
        """Frame i, RGB uint8 (height, width, 3)."""
        picture = np.tile(self._ground.astype(np.float64), (*self._size, 1))
        for glyph, (y, x) in zip(self.glyphs, self.places(i)):
            place = picture[y : y + len(glyph), x : x + len(glyph)]
            np.maximum(place, glyph, out=place)
        return picture.astype(np.uint8)


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
