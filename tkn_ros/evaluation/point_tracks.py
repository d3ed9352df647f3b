"""An independent witness of where points went, and labelled boxes of persons."""

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
_LUCAS_KANADE: dict[str, Any] = {
    'winSize': (15, 15),
    'maxLevel': 3,
    'criteria': (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 0.03),
}
_MOST_BACK = 1.0  # [pixel] that a point may lie off where it started after a step there and back


def follow_points(
    grey: Pictures, points: np.ndarray, steps: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pyramidal Lucas-Kanade with a forward-backward check.

    grey: by number of frame (h, w) uint8; points: (N, 2) pixels of it in frame steps[0]; steps:
    frames in the order in which to go. Returns (len(steps), N, 2) float32 and (N,) bool, which
    were followed to the last.
    """
    at = np.float32(points).reshape(-1, 1, 2)
    found, path = np.ones(len(at), bool), [at[:, 0].copy()]
    for a, b in zip(steps[:-1], steps[1:]):
        to, ok, _ = cv2.calcOpticalFlowPyrLK(grey[a], grey[b], at, None, **_LUCAS_KANADE)  # type: ignore[call-overload]
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(grey[b], grey[a], to, None, **_LUCAS_KANADE)  # type: ignore[call-overload]
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
