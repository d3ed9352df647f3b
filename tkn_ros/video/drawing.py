"""Pictures for people: keypoints with their predicted paths, strips of frames, captions.

All pictures are (H, W, 3) uint8 RGB.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

_SHIFT = 4  # OpenCV draws at 1/16 of a pixel with this many fractional bits
_MARGIN = 4
_BACKGROUND = (24, 24, 24)
_OUTLINE = (0, 0, 0)
_GOLDEN = (5**0.5 - 1) / 2  # multiples of it spread evenly over the circle of hues
_BAND_OPACITY = 0.35
_BY_DEFAULT: Any = None  # what a field was not given, `__post_init__` fills in


def fit(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize smoothly: by area averaging to make smaller, bicubic to make larger.

    Args:
        image: (H, W, 3) uint8 RGB.
        height: of the frames [pixel].
        width: of the frames [pixel].
    """
    if image.shape[:2] == (height, width):
        return image
    smaller = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )


@dataclass(frozen=True)
class KeypointPaths:
    """Keypoints of one frame and where they are predicted to go, in pixels of that frame.

    Attributes:
        now: (K, 2) or more columns, of which x and y count.
        future: (m, K, 2) or more columns.
        sigma: (m, K), standard deviation of x and of y; None: 0, unknown.
        active: (K,) bool, which are drawn; None: all.
        ids: (K,), of which the colours are; None: 0 .. K-1.
    """

    now: np.ndarray
    future: np.ndarray
    sigma: np.ndarray = _BY_DEFAULT
    active: np.ndarray = _BY_DEFAULT
    ids: np.ndarray = _BY_DEFAULT

    def __post_init__(self) -> None:
        count = len(self.now)
        blanks = {
            'sigma': np.zeros((len(self.future), count)),
            'active': np.ones(count, bool),
            'ids': np.arange(count),
        }
        for name, blank in blanks.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, blank)


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of the keypoint with this id: always the same, and unlike its neighbours'."""
    hue = number * _GOLDEN % 1
    r, g, b = colorsys.hsv_to_rgb(hue, 0.85 - 0.3 * (number % 2), 1.0)
    return int(255 * r), int(255 * g), int(255 * b)


def draw_paths(
    image: np.ndarray, paths: KeypointPaths, size: tuple[int, int] | None = None
) -> np.ndarray:
    """The picture with a dot at every active keypoint and a line along its predicted path.

    The line lies in a translucent band as wide as sigma on either side, where sigma is known.

    Args:
        image: (H, W, 3) uint8 RGB.
        paths: in pixels of `image`, whatever the `size`.
        size: (height, width) to draw at, since a small picture has no room for lines.
    """
    height, width = image.shape[:2]
    out = fit(image, *(size or (height, width))).copy()
    chosen = np.flatnonzero(paths.active)
    scale = np.array([out.shape[1] / width, out.shape[0] / height])
    shift = scale / 2 - 0.5  # pixel centres
    path = np.concatenate([paths.now[None, chosen, :2], paths.future[:, chosen, :2]])
    path = path * scale + shift  # (1 + m, K, 2)
    wide = np.concatenate([np.zeros((1, len(chosen))), paths.sigma[:, chosen]]) * scale.mean()
    wide = np.minimum(wide, max(out.shape[:2]))  # OpenCV's numbers have an end
    path = np.clip(path, -4 * max(out.shape[:2]), 5 * max(out.shape[:2]))
    colours = [colour_of(int(i)) for i in paths.ids[chosen]]
    radius = 0.9 + min(out.shape[:2]) / 150  # of a dot: 2.5 at 320x240, 5.7 at 1280x720
    line = max(2, round(radius / 2.2))
    out = _draw_bands(out, path, wide, colours, line + 2)
    for k, colour in enumerate(colours):
        cv2.polylines(out, [_fixed(path[:, k])], False, colour, line, cv2.LINE_AA, _SHIFT)
    for k, colour in enumerate(colours):  # above all lines
        centre = tuple(_fixed(path[0, k]).tolist())
        for r, c in ((radius + 1, _OUTLINE), (radius, colour)):
            cv2.circle(out, centre, int(r * 2**_SHIFT), c, -1, cv2.LINE_AA, _SHIFT)
    return out


def _draw_bands(
    image: np.ndarray, path: np.ndarray, wide: np.ndarray, colours: Sequence[Any], edge: int
) -> np.ndarray:
    """Translucent bands around paths, and dark edges of the lines that will follow these.

    path: (1 + m, K, 2); wide: (1 + m, K), a band's width to either side; edge: a line's width
    with its edges [pixel].
    """
    over = image.copy()
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], -1)  # (24, 2)
    rims = _fixed(path[:, :, None] + wide[:, :, None, None] * circle)
    for k in np.flatnonzero(wide.any(0)).tolist():
        for near, far in zip(rims[:-1, k], rims[1:, k]):
            piece = cv2.convexHull(np.concatenate([near, far]))
            cv2.fillConvexPoly(over, piece, colours[k], cv2.LINE_AA, _SHIFT)
    for k in range(len(colours)):
        cv2.polylines(over, [_fixed(path[:, k])], False, _OUTLINE, edge, cv2.LINE_AA, _SHIFT)
    return cv2.addWeighted(over, _BAND_OPACITY, image, 1 - _BAND_OPACITY, 0)


def _fixed(pixels: np.ndarray) -> np.ndarray:
    """Pixels in OpenCV's fixed-point numbers."""
    return np.round(pixels * 2**_SHIFT).astype(np.int32)


def caption(image: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text under it, as large as the width allows."""
    width = image.shape[1]
    bar = np.full((22, width, 3), _BACKGROUND, np.uint8)
    (text_width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    size = 0.45 * min(1.0, (width - 8) / max(text_width, 1))
    cv2.putText(bar, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, size, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([image, bar])


def side_by_side(images: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one height in a row."""
    gap = np.full((images[0].shape[0], _MARGIN, 3), _BACKGROUND, np.uint8)
    parts = [part for image in images for part in (image, gap)]
    return np.hstack(parts[:-1])


def strip(images: Sequence[np.ndarray], height: int, width: int, columns: int) -> np.ndarray:
    """At most `columns` of the pictures, evenly chosen with the last one among them, in a row.

    Args:
        images: (H, W, 3) uint8 RGB, of one size.
        height: of the frames [pixel].
        width: of the frames [pixel].
        columns: cells of a row.
    """
    chosen = np.unique(np.linspace(0, len(images) - 1, columns).round().astype(int))
    blank = np.full((height, width, 3), _BACKGROUND, np.uint8)
    row = [fit(images[i], height, width) for i in chosen]
    return side_by_side(row + [blank] * (columns - len(row)))


def rows(parts: Sequence[tuple[np.ndarray, str]]) -> np.ndarray:
    """Captioned pictures under each other, narrower ones filled up on the right."""
    width = max(image.shape[1] for image, _ in parts)
    filled = [
        cv2.copyMakeBorder(
            image, 0, 0, 0, width - image.shape[1], cv2.BORDER_CONSTANT, value=_BACKGROUND
        )
        for image, _ in parts
    ]
    return np.vstack([caption(image, text) for image, (_, text) in zip(filled, parts)])


def montage(
    image: np.ndarray, predicted: np.ndarray, paths: KeypointPaths, columns: int = 5
) -> np.ndarray:
    """What the node shows live: the newest frame with its paths, over a strip of predictions.

    Args:
        image: (H, W, 3).
        predicted: (m, h, w, 3).
        paths: in pixels of `image`.
        columns: cells of a row.
    """
    height, width = image.shape[:2]
    cell = (max(48, round(height / width * 128)), 128)
    row = strip(list(predicted), *cell, columns)
    top_width = row.shape[1]
    top = draw_paths(image, paths, (round(height / width * top_width), top_width))
    return rows(
        [
            (top, 'newest frame, keypoints and their predicted paths'),
            (row, f'predicted: the next {len(predicted)} frames'),
        ]
    )
