"""Which part of a camera's image the network sees, and the way back to the camera's pixels.

Nothing is resized here, so pixels and keypoints only move by whole pixels, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

FITS = ('stretch', 'letterbox', 'crop')
"""How a picture of another shape than the network's is seen: distorted; whole with black bars; or
without what is too much, in its middle."""
LEAST = 8  # [pixel] of a side


@dataclass(frozen=True)
class InputGeometry:
    """A rectangle of the camera's image; with `letterbox` it reaches beyond what is shown of it.

    Attributes:
        source: the camera's image (height, width) [pixel].
        shown: (x, y, width, height) of what is the camera's own, without bars [pixel].
        left, top: of the rectangle in the camera's image [pixel]; may be negative.
        width, height: of the rectangle [pixel].
    """

    source: tuple[int, int]
    shown: tuple[int, int, int, int]
    left: int
    top: int
    width: int
    height: int

    def picture(self, image: np.ndarray) -> np.ndarray:
        """What the network sees of the camera's image, both (.., .., 3) uint8.

        A view of `image` where there are no bars. ValueError for an image of another size.
        """
        if image.shape[:2] != self.source:
            height, width = self.source
            raise ValueError(
                f'image is {image.shape[1]}x{image.shape[0]} pixels, and its geometry is made '
                f'for {width}x{height}: make another one'
            )
        x, y, width, height = self.shown
        inside = image[y : y + height, x : x + width]
        if (height, width) == (self.height, self.width):
            return inside
        before = (y - self.top, x - self.left)
        after = (self.height - height - before[0], self.width - width - before[1])
        return cv2.copyMakeBorder(
            inside, before[0], after[0], before[1], after[1], cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )

    def to_source(self, points: np.ndarray) -> np.ndarray:
        """(.., 2) = (x, y) in pixels of the picture, to pixels of the camera's image."""
        return np.asarray(points, np.float64) + (self.left, self.top)

    def from_source(self, points: np.ndarray) -> np.ndarray:
        """Inverse of `to_source`."""
        return np.asarray(points, np.float64) - (self.left, self.top)

    def without_bars(self, frame: np.ndarray) -> np.ndarray:
        """A picture drawn at any size, (h, w, 3), without its bars: a view.

        At the rectangle's own size exactly `shown`; at others to the nearest pixel.
        """
        x, y, width, height = self.shown
        rows = np.array([y - self.top, y - self.top + height]) * frame.shape[0] / self.height
        columns = np.array([x - self.left, x - self.left + width]) * frame.shape[1] / self.width
        (top, bottom), (left, right) = np.round(rows).astype(int), np.round(columns).astype(int)
        return frame[top:bottom, left:right]


def check_roi(roi: Sequence[int]) -> tuple[int, int, int, int]:
    """(x, y, width, height); ValueError for what is a region of no image."""
    values = tuple(int(v) for v in roi)
    if values == (0, 0, 0, 0):
        return 0, 0, 0, 0
    if len(values) != 4 or min(values) < 0 or min(values[2:]) < LEAST:
        raise ValueError(
            f'roi is {list(values)}, expected [x, y, width, height] in pixels of the camera, x and '
            f'y 0 or more, width and height {LEAST} or more, or [0, 0, 0, 0] for the whole image'
        )
    return values[0], values[1], values[2], values[3]


def check_fit(fit: str) -> str:
    """One of FITS; ValueError for anything else."""
    if fit not in FITS:
        raise ValueError(f'fit is "{fit}", expected one of {", ".join(FITS)}')
    return fit


def input_geometry(
    source: tuple[int, int],
    roi: Sequence[int] = (0, 0, 0, 0),
    fit: str = 'stretch',
    shape: tuple[int, int] = (1, 1),
) -> InputGeometry:
    """The rectangle of the camera's image that the network will see.

    Args:
        source: the camera's image (height, width) [pixel].
        roi: region of it (x, y, width, height) [pixel]; all 0: the whole image.
        fit: one of FITS.
        shape: the network's (height, width), of which only the ratio counts.

    Raises:
        ValueError: for a region that is not wholly in the image, or an unknown fit.
    """
    check_fit(fit)
    x, y, width, height = check_roi(roi)
    if not width:
        width, height = source[1], source[0]
    if x + width > source[1] or y + height > source[0]:
        raise ValueError(
            f'roi is {[x, y, width, height]}, and the image is {source[1]}x{source[0]} pixels: '
            'the region must lie in it'
        )
    wide, high = width, height
    if fit != 'stretch':
        ratio = shape[1] / shape[0]
        if (width / height > ratio) == (fit == 'letterbox'):
            high = max(1, round(width / ratio))
        else:
            wide = max(1, round(height * ratio))
    # whole pixels: an odd rest has its extra pixel at the right and at the bottom
    left, top = x + (width - wide) // 2, y + (height - high) // 2
    cropped = (left, top, wide, high)
    shown = cropped if fit == 'crop' else (x, y, width, height)
    return InputGeometry(source, shown, *cropped)
