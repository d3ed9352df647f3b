"""Motion labels by dense optical flow, no annotation needed: what the motion detector learns."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tkn_ros.training.following_data import to_grey

REACH = 3  # frames before and after, to which the flow is measured
MOVED = 1.875  # pixels in so many frames that count as one half
MOVED_STEEPNESS = 3.0  # of the sigmoid [1 / pixel]
PLATE_REACH, PLATE_STEP = 25, 3  # frames around the labelled one, whose median is the empty scene
DIFFERENCE = 10.0  # grey levels from the empty scene that count as one half
DIFFERENCE_STEEPNESS = 0.5


class MotionLabels:
    """Labels of one size.

    A place moves where the flow to an earlier and that to a later frame both say so: what is only
    uncovered moves in one of them. Where less than half of the picture does, it must differ from
    the scene without it as well, which takes away the halo of smooth flow.

    Args:
        height, width: of a label.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        # the stub of its `calc` wants an array where None is meant
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def _move(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Dense optical flow from picture a to b: (H, W, 2) [pixel]."""
        return self._flow.calc(a, b, None)

    def at(self, clip: np.ndarray, number: int) -> np.ndarray:
        """(height, width) uint8, 255 where it surely moves, of a frame of (T, H, W, 3) uint8."""
        sides = [i for i in (number - REACH, number + REACH) if 0 <= i < len(clip)]
        if not sides:
            return np.zeros((self.height, self.width), np.uint8)
        grey = to_grey(clip[number])
        moved = [np.linalg.norm(self._move(grey, to_grey(clip[i])), axis=-1) for i in sides]
        moves = _sigmoid(np.min(moved, 0), MOVED, MOVED_STEEPNESS)  # (H, W)
        if (moves > 0.5).mean() < 0.5:
            first = max(0, number - PLATE_REACH)
            near = clip[first : number + PLATE_REACH + 1 : PLATE_STEP]
            middle = len(near) // 2
            plate = np.partition(np.stack([to_grey(f) for f in near]), middle, 0)[middle]
            apart = cv2.GaussianBlur(cv2.absdiff(grey, plate).astype(np.float32), (0, 0), 1.2)
            moves = moves * _sigmoid(apart, DIFFERENCE, DIFFERENCE_STEEPNESS)
        size = (self.width, self.height)
        small = cv2.resize(moves.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return np.rint(small * 255).astype(np.uint8)


def _sigmoid(x: np.ndarray, half: float, steepness: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip((x - half) * steepness, -30, 30)))
