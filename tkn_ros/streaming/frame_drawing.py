"""Predicted frames at any size: the network says once, at its own size, how the picture goes on,
and the camera's own picture is moved by it.

One frame is drawn after the other, so that memory does not grow with the horizon, and no graph
depends on how many there are.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import cv2
import numpy as np
import torch

from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.warp import FLOW_SCALE
from tkn_ros.streaming.following_stages import Compose
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.drawing import fit

_remap: Any = cv2.remap  # its stub wants an array where None is meant

CHUNK = 10  # frames at once, where one at a time would be slow

Size = tuple[int, int]


class FrameDrawing(Protocol):
    """Draws predictions of one network; used by one thread, beside the one that predicts."""

    def frames(
        self, prediction: Prediction, steps: Sequence[int], size: Size | None = None
    ) -> Iterator[np.ndarray]:
        """(H, W, 3) uint8 RGB for each of the steps.

        Args:
            prediction: of `SlidingWindow.predict`.
            steps: into the future, 1 for the next frame; at most as many as are predicted.
            size: (height, width); None for the network's own.
        """


class FollowedDrawing:
    """Of networks whose keypoints are followed.

    On the CPU the picture is moved by OpenCV in 8 bits: within 3 of 255 of the stage `Compose`
    nearly everywhere, and within 0.6 in the mean. (OpenCV 5: within 1. OpenCV 4 knows places
    between pixels to a 32nd only.)

    Args:
        window: whose backend runs the network.
    """

    def __init__(self, window: SlidingWindow) -> None:
        self.backend, self.length = window.backend, window.model.config.window
        model = window.model
        assert isinstance(model, FollowingTKN)
        self._compose = None if window.device == 'cpu' else Compose(model)
        self._mover: PictureMover | None = None

    def frames(
        self, prediction: Prediction, steps: Sequence[int], size: Size | None = None
    ) -> Iterator[np.ndarray]:
        small = np.stack([o.frame for o in prediction.seen])  # (n, h, w, 3)
        drift = self.backend.run(
            'drift',
            torch.from_numpy(small)[None],
            torch.from_numpy(prediction.ends)[None],
            torch.from_numpy(prediction.active.astype(np.float32))[None],
        )[0]  # (1, 13, h, w)
        pictures = [o.at_size(size) for o in prediction.seen]
        newest, mean = pictures[-1], mean_picture(pictures)
        if self._compose is None:
            maps = np.ascontiguousarray(drift[0].float().numpy().transpose(1, 2, 0))
            if self._mover is None or self._mover.size != newest.shape[:2]:
                self._mover = PictureMover(*newest.shape[:2])
            for step in steps:
                yield self._mover.frame(newest, mean, maps, 1 - np.exp(-step / self.length))
            return
        source = torch.from_numpy(np.concatenate([newest, mean], -1)[None]).to(drift.device)
        for i in range(0, len(steps), CHUNK):
            chunk = torch.tensor(steps[i : i + CHUNK], dtype=torch.float32, device=drift.device)
            with torch.inference_mode():
                drawn = self._compose(source, drift.float(), chunk)  # (1, m, H, W, 3)
            yield from drawn[0].cpu().numpy()


class PictureMover:
    """Draws predicted frames of one size: `drift_of_steps` and `apply_change` in OpenCV.

    It keeps the arrays that it works in: to get new ones from the system would take longer than
    the work.

    Args:
        height: of the frames [pixel].
        width: of the frames [pixel].
    """

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        self._places = np.stack(np.meshgrid(x, y), -1)  # (H, W, 2)
        self._where = np.empty_like(self._places)
        self._colour = np.empty((height, width, 3), np.float32)
        self._fade, self._stay = np.empty((2, height, width), np.float32)
        self._moved, self._blended = np.empty((2, height, width, 3), np.uint8)

    def frame(
        self, newest: np.ndarray, mean: np.ndarray, drift: np.ndarray, share: float
    ) -> np.ndarray:
        """(H, W, 3) uint8, a new array.

        Args:
            newest: (H, W, 3) uint8.
            mean: (H, W, 3) uint8, the window's.
            drift: (h, w, 13) float32.
            share: s of `add_drift`, in [0, 1].
        """
        pixels = np.array([self.size[1] / 2, self.size[0] / 2], np.float32) * FLOW_SCALE
        flow = (drift[..., 0:2] + drift[..., 2:4] * share) * (share * pixels)
        colour = (drift[..., 4:7] + drift[..., 7:10] * share) * (255 * share)
        fade = 1 / (1 + np.exp(-(drift[..., 10] + drift[..., 11] * share)))  # (h, w)
        where, moved = self._enlarge(flow, self._where), self._moved
        cv2.add(where, self._places, where)
        _remap(newest, where, None, cv2.INTER_LINEAR, moved, cv2.BORDER_REPLICATE)
        weights = self._enlarge(1 - fade, self._stay), self._enlarge(fade, self._fade)
        cv2.blendLinear(moved, mean, *weights, self._blended)
        return cv2.add(self._blended, self._enlarge(colour, self._colour), dtype=cv2.CV_8U)

    def _enlarge(self, maps: np.ndarray, into: np.ndarray) -> np.ndarray:
        size = self.size[1], self.size[0]
        return cv2.resize(maps.astype(np.float32), size, into, interpolation=cv2.INTER_LINEAR)


def mean_picture(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of pictures of one size, (H, W, 3) uint8."""
    total = np.zeros(pictures[0].shape, np.float32)
    for picture in pictures:
        cv2.accumulate(picture, total)
    return cv2.convertScaleAbs(total, alpha=1 / len(pictures))


class DecodedDrawing:
    """Of networks of the paper's own form, whose decoder draws; always as many frames at once, so
    that a backend makes one graph for each size.

    A graph for another size is made in the background while frames of the former size go on.

    Args:
        window: whose backend runs the network.
        chunk: frames at once.
    """

    def __init__(self, window: SlidingWindow, chunk: int = CHUNK) -> None:
        self.window, self.chunk = window, chunk
        self._begun = False
        self._size: Size | None = None  # of the graph that is there
        self._wanted: Size | None = None  # of that which is made, or the same
        self._builder: threading.Thread | None = None

    def frames(
        self, prediction: Prediction, steps: Sequence[int], size: Size | None = None
    ) -> Iterator[np.ndarray]:
        size = self._ready_size(prediction, size)
        for i in range(0, len(steps), self.chunk):
            yield from self._draw(prediction, steps[i : i + self.chunk], size)

    def _draw(self, prediction: Prediction, steps: Sequence[int], size: Size | None) -> np.ndarray:
        full = [*steps, *[steps[-1]] * (self.chunk - len(steps))]
        chosen = prediction.predicted[np.array(full) - 1]
        return self.window.render(replace(prediction, predicted=chosen), size)[: len(steps)]

    def _ready_size(self, prediction: Prediction, size: Size | None) -> Size | None:
        if not self._begun:
            self._begun, self._size, self._wanted = True, size, size
        if size != self._wanted and not (self._builder and self._builder.is_alive()):
            self._wanted = size
            # no daemon: the interpreter must not end under a thread that is in native code
            self._builder = threading.Thread(
                target=self._build, args=(prediction, size), name='graph builder', daemon=False
            )
            self._builder.start()
        return self._size

    def _build(self, prediction: Prediction, size: Size | None) -> None:
        self._draw(prediction, [1], size)
        self._size = size


class PredictedDrawing:
    """Of networks that predict frames and no keypoints: they are there, and are resized."""

    def frames(
        self, prediction: Prediction, steps: Sequence[int], size: Size | None = None
    ) -> Iterator[np.ndarray]:
        assert prediction.frames is not None
        for step in steps:
            frame = prediction.frames[step - 1]
            yield fit(frame, *size) if size else frame


def make_drawing(window: SlidingWindow, frames: int = CHUNK) -> FrameDrawing:
    """What draws the predictions of a window; `frames`: how many there mostly are."""
    if isinstance(window.model, FollowingTKN):
        return FollowedDrawing(window)
    if not window.has_keypoints:
        return PredictedDrawing()
    return DecodedDrawing(window, min(frames, CHUNK))
