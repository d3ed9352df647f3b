"""Predicted pictures of a drive beside what came, and the worst of them as strips."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tkn_ros.evaluation.drive import DriveStep
from tkn_ros.streaming.future_matcher import FutureMatcher
from tkn_ros.streaming.path_errors import ObservedKeypoints, StampedPaths, stamped_paths
from tkn_ros.streaming.picture_errors import picture_errors
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.drawing import KeypointPaths, draw_paths, fit, rows, side_by_side
from tkn_ros.video.geometry import InputGeometry
from tkn_ros.video.stamps import NS

WORST = 6  # moments shown, of which no two are less than APART [s] apart
APART = 3.0
CELL, COLUMNS = 192, 5  # [pixel] of a strip's cells


# a small picture of an image that came, and its keypoints where there is a prediction from it
_Came = tuple[np.ndarray, ObservedKeypoints | None]


@dataclass(frozen=True)
class _Drawn:
    last: np.ndarray  # (h, w, 3), the newest frame as large as the predicted ones
    frames: np.ndarray  # (m, h, w, 3)
    paths: StampedPaths  # in pixels of the network's picture
    geometry: InputGeometry


@dataclass(order=True)
class Worst:
    """One moment that went badly.

    Attributes:
        gain: PSNR less that of repeating the last frame [dB]; the worst has the lowest.
        stamp_ns: of the newest image [ns].
        psnr: of the predicted frames [dB].
        strip: (H, W, 3) uint8 RGB.
    """

    gain: float
    stamp_ns: int
    psnr: float = field(compare=False)
    strip: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class PictureFigures:
    """Of one prediction: (m, methods, 2), PSNR [dB] and SSIM by `PICTURE_METHODS`."""

    stamp_ns: int
    figures: np.ndarray


class PictureJudge:
    """Draws a prediction now and then and compares it with what came.

    Held are small pictures of one horizon at a time.

    Args:
        window: that made the predictions.
        width: of the pictures [pixel].
        every: at most one prediction in so many seconds.
        drawn: gets each one's step and its frames (m, h, w, 3), without bars.
    """

    def __init__(
        self,
        window: SlidingWindow,
        width: int,
        every: float,
        drawn: Callable[[DriveStep, Sequence[np.ndarray]], None] | None = None,
    ) -> None:
        self.found: list[PictureFigures] = []
        self.worst: list[Worst] = []  # the worst one first
        self._window, self._width, self._every_ns = window, width, round(every * NS)
        self._tell = drawn
        self._matcher: FutureMatcher[_Came, _Drawn] = FutureMatcher()
        self._next_ns = -(2**63)
        self._size = (0, 0)

    def add(self, step: DriveStep) -> None:
        """The next image."""
        height, width = step.image.shape[:2]
        size = (max(16, round(self._width * height / width)), self._width)
        if step.restarted or size != self._size:
            self._matcher.clear()
            self._size, self._next_ns = size, step.stamp_ns
        paths = None if step.prediction is None else stamped_paths(step.prediction)
        if self._matcher.waiting:
            seen = None if paths is None else paths.now
            self._matcher.add_observation(step.stamp_ns, (fit(step.image, *size), seen))
            self._judge()
        if step.prediction and paths and step.stamp_ns >= self._next_ns:
            self._next_ns = step.stamp_ns + self._every_ns
            frames = self._window.render(step.prediction, size)
            drawn = _Drawn(fit(step.image, *size), frames, paths, step.geometry)
            if self._tell is not None:
                self._tell(step, [step.geometry.without_bars(frame) for frame in frames])
            self._matcher.add_prediction(step.stamp_ns, paths.future_ns, drawn)

    def end(self) -> None:
        """Nothing more comes."""
        self._judge(ended=True)

    @property
    def unmatched(self) -> int:
        """Drawn predictions a part of whose future did not come."""
        return self._matcher.unmatched

    def _judge(self, ended: bool = False) -> None:
        for found in self._matcher.matched(ended):
            drawn = found.prediction
            bare = drawn.geometry.without_bars
            figures = picture_errors(
                np.stack([bare(frame) for frame in drawn.frames]),
                bare(drawn.last),
                [bare(image) for image, _ in found.observed],
            )
            self.found.append(PictureFigures(found.stamp_ns, figures))
            psnr, repeat = figures[:, :, 0].mean(0)
            self._keep(psnr - repeat, psnr, found.stamp_ns, drawn, found.observed)

    def _keep(
        self, gain: float, psnr: float, stamp: int, drawn: _Drawn, seen: Sequence[_Came]
    ) -> None:
        near = [w for w in self.worst if abs(w.stamp_ns - stamp) < APART * NS]
        if any(w.gain <= gain for w in near):
            return
        if not near and len(self.worst) == WORST and max(self.worst).gain <= gain:
            return
        kept = [w for w in self.worst if w not in near]
        kept.append(Worst(float(gain), stamp, float(psnr), _strip(drawn, seen)))
        self.worst = heapq.nsmallest(WORST, kept)


def _strip(drawn: _Drawn, seen: Sequence[_Came]) -> np.ndarray:
    """The newest frame with its predicted paths, then what came over what had been predicted."""
    paths, m = drawn.paths, len(drawn.frames)
    scale = drawn.last.shape[1] / paths.width
    cell = (round(CELL * drawn.last.shape[0] / drawn.last.shape[1]), CELL)
    chosen = np.unique(np.linspace(0, m - 1, COLUMNS).round().astype(int)).tolist()

    def small(places: np.ndarray) -> np.ndarray:
        return (places + 0.5) * scale - 0.5

    def dots(
        image: np.ndarray, places: np.ndarray, active: np.ndarray, ids: np.ndarray
    ) -> np.ndarray:
        nowhere = np.zeros((0, len(places), 2))
        return draw_paths(
            image, KeypointPaths(small(places), nowhere, active=active, ids=ids), cell
        )

    now = draw_paths(
        drawn.last,
        KeypointPaths(
            small(paths.now.places),
            small(paths.future),
            paths.sigma * scale,
            paths.now.active,
            paths.now.ids,
        ),
        cell,
    )
    true = [
        fit(image, *cell) if there is None else dots(image, there.places, there.active, there.ids)
        for image, there in (seen[j] for j in chosen)
    ]
    predicted = [
        dots(drawn.frames[j], paths.future[j], paths.now.active, paths.now.ids) for j in chosen
    ]
    seconds = [(paths.future_ns[j] - paths.stamp_ns) / NS for j in chosen]
    both = [
        rows([(a, f'came, +{s:.2f} s'), (p, f'predicted, +{s:.2f} s')])
        for a, p, s in zip(true, predicted, seconds)
    ]
    first = rows([(now, 'newest frame, predicted paths'), (fit(drawn.last, *cell), 'as it was')])
    return side_by_side([first, *both])
