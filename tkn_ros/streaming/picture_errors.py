"""Predicted frames beside repeating the newest one, and which frames are of one prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tkn_ros.video.metrics import psnr_and_ssim

PICTURE_METHODS = ('model', 'repeat_last')


def picture_errors(frames: np.ndarray, last: np.ndarray, true: Sequence[np.ndarray]) -> np.ndarray:
    """PSNR [dB] and SSIM of each step by `PICTURE_METHODS`: (m, methods, 2).

    Args:
        frames: predicted, (m, h, w, 3) uint8.
        last: the newest observed frame, (h, w, 3) uint8.
        true: m, what came, (h, w, 3) uint8.
    """
    repeated = [last] * len(true)
    return np.stack([psnr_and_ssim(said, true) for said in (frames, repeated)], 1)


class FrameBursts:
    """Predicted frames, one by one, as bursts: those of a prediction come with rising stamps."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, np.ndarray]] = []

    def add(self, stamp_ns: int, image: np.ndarray) -> None:
        """The next frame; one that is not later than the last begins a burst."""
        if self._pending and stamp_ns <= self._pending[-1][0]:
            self.clear()
        self._pending.append((stamp_ns, image))

    def take(self, future_ns: Sequence[int]) -> list[np.ndarray]:
        """The frames, if those at hand are exactly of these stamps; else none. They are given out
        once: a burst that lost a frame on its way belongs to no prediction."""
        if [stamp for stamp, _ in self._pending] != list(future_ns):
            return []
        frames = [image for _, image in self._pending]
        self.clear()
        return frames

    def clear(self) -> None:
        """Forget what is at hand."""
        self._pending = []
