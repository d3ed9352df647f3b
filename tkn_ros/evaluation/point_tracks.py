"""An independent tracker of points, and labelled boxes of persons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tkn_ros.video.frame import VideoError

Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height [pixel]
Tracks = dict[int, dict[int, Box]]  # frame, from 0 -> person -> box

Pictures = np.ndarray | Sequence[np.ndarray] | Mapping[int, np.ndarray]  # by number of frame
# its stub wants an array where None is meant
_lucas_kanade: Any = cv2.calcOpticalFlowPyrLK
_SETTINGS: dict[str, Any] = {
    'winSize': (15, 15),
    'maxLevel': 3,
    'criteria': (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 0.03),
}
_MOST_BACK = 1.0  # [pixel] that a point may lie off where it started after a step there and back


def follow_points(
    grey: Pictures, points: np.ndarray, steps: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pyramidal Lucas-Kanade with a forward-backward check.

    Args:
        grey: (h, w) uint8 by number of frame.
        points: (N, 2) in frame steps[0] [pixel].
        steps: numbers of frames in the order in which to go.

    Returns:
        (len(steps), N, 2) float32 positions, and (N,) bool: followed to the last.
    """
    at = np.float32(points).reshape(-1, 1, 2)
    found, path = np.ones(len(at), bool), [at[:, 0].copy()]
    for a, b in zip(steps[:-1], steps[1:]):
        to, ok, _ = _lucas_kanade(grey[a], grey[b], at, None, **_SETTINGS)
        back, ok_back, _ = _lucas_kanade(grey[b], grey[a], to, None, **_SETTINGS)
        near = np.linalg.norm(back - at, axis=-1)[:, 0] < _MOST_BACK
        found &= (ok[:, 0] == 1) & (ok_back[:, 0] == 1) & near
        at = to
        path.append(at[:, 0].copy())
    return np.stack(path), found


def read_tracks(path: str | Path, scale: Sequence[float] = (1.0, 1.0)) -> Tracks:
    """Boxes of persons from MOTChallenge text: frame from 1, id, x, y, w, h[, counts or not, ..].

    scale: (x, y), what its pixels are multiplied by to be those of the recording. Boxes whose
    seventh number is 0 do not count. Raises VideoError for what is no such file.
    """
    tracks: Tracks = {}
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'not text'
        raise VideoError(f'{path}: cannot be read ({reason})') from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = [float(v) for v in line.split(',')]
        except ValueError:
            values = []
        if len(values) < 6 or not all(map(math.isfinite, values[:6])) or values[0] < 1:
            raise VideoError(
                f'{path}: line {number} is not MOTChallenge text: frame from 1, id, x, y, width, '
                'height, .., with commas between'
            )
        if len(values) > 6 and values[6] == 0:
            continue
        x, y, width, height = values[2:6]
        box = (x * scale[0], y * scale[1], width * scale[0], height * scale[1])
        tracks.setdefault(int(values[0]) - 1, {})[int(values[1])] = box
    if not tracks:
        raise VideoError(f'{path}: holds no box; give the labels of the recording')
    return tracks


def inside(point: np.ndarray, box: Box) -> bool:
    """Whether (x, y) is in the box or on its border."""
    x, y, width, height = box
    return bool(x <= point[0] <= x + width and y <= point[1] <= y + height)
