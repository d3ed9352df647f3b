"""Pictures for people: keypoints with their predicted paths, strips of frames, captions.

All pictures are (H, W, 3) uint8 RGB; keypoints are (K, 3) = (x, y in pixels, intensity).
"""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

_SHIFT = 4  # OpenCV draws at 1/16 of a pixel with this many fractional bits
_MARGIN = 4
_BACKGROUND = (24, 24, 24)


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


def colours(count: int) -> list[tuple[int, int, int]]:
    """One distinguishable colour for each keypoint."""
    return [
        tuple(int(255 * c) for c in colorsys.hsv_to_rgb(k / count, 0.9, 1.0)) for k in range(count)
    ]


def draw_paths(
    image: np.ndarray,
    now: np.ndarray,
    future: Sequence[np.ndarray],
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """The picture with a dot at every keypoint and a line along its predicted path.

    Args:
        image: (H, W, 3) uint8 RGB.
        now: (K, 3).
        future: (K, 3) for each step.
        size: (height, width) to draw at, since a small picture has no room for lines; the keypoints
            are in pixels of `image` all the same.
    """
    height, width = image.shape[:2]
    out = fit(image, *(size or (height, width))).copy()
    scale = np.array([out.shape[1] / width, out.shape[0] / height])
    shift = scale / 2 - 0.5  # pixel centres
    path = np.stack([now, *future])[..., :2] * scale + shift  # (1 + m, K, 2)
    path = np.round(path * 2**_SHIFT).astype(np.int32)
    radius = max(2, round(min(out.shape[:2]) / 80))
    for k, colour in enumerate(colours(len(now))):
        points = np.ascontiguousarray(path[:, k])
        cv2.polylines(out, [points], False, colour, max(1, radius // 2), cv2.LINE_AA, _SHIFT)
        centre = tuple(int(v) for v in points[0])
        cv2.circle(out, centre, (radius + 1) << _SHIFT, (0, 0, 0), -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(out, centre, radius << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)
    return out


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
    image: np.ndarray,
    predicted: np.ndarray,
    observed_keypoints: np.ndarray,
    predicted_keypoints: np.ndarray,
    columns: int = 5,
) -> np.ndarray:
    """What the node shows live: the newest frame with its paths, over a strip of predictions.

    Args:
        image: (H, W, 3).
        predicted: (m, h, w, 3); keypoints: (n, K, 3) and (m, K, 3) in pixels of `image`.
        observed_keypoints: (n, K, 3) in pixels of `image`.
        predicted_keypoints: (m, K, 3) in pixels of `image`.
        columns: cells of a row.
    """
    height, width = image.shape[:2]
    cell = (max(48, round(height / width * 128)), 128)
    row = strip(list(predicted), *cell, columns)
    top_width = row.shape[1]
    top = draw_paths(
        image,
        observed_keypoints[-1],
        list(predicted_keypoints),
        (round(height / width * top_width), top_width),
    )
    return rows(
        [
            (top, 'newest frame, keypoints and their predicted paths'),
            (row, f'predicted: the next {len(predicted)} frames'),
        ]
    )
