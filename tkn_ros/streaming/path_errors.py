"""How far keypoints went from where they were predicted, beside staying and constant velocity.

The truth is where the same ids were seen later: nothing but the predictor's own output is needed,
so that it can run on a robot for next to nothing. (`evaluation/keypoint_figures.py` judges by an
independent tracker.) Only points that truly move are judged, staying would be right of the others;
and none of those whose id went on to another point, which is seen by where that one has been.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tkn_ros.streaming.future_matcher import FutureMatcher
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.video.geometry import InputGeometry

UNIT = 64  # distances are in shares of the picture's width, one UNIT-th each
LEAST_PATH = 2 / 320  # of the width that a point must go to be judged
SAME_POINT = 3 / 320  # of the width that the places said of one moment may be apart ..
SAME_SHARE = 0.5  # .. and of the step, for moments that are not quite even
VELOCITY_STEPS = 4  # over which constant velocity is taken
PATH_METHODS = ('model', 'stay', 'constant_velocity')


@dataclass(frozen=True)
class ObservedKeypoints:
    """Keypoints at one moment, in pixels.

    Attributes:
        ids: (K,) int.
        places: (K, 2) float.
        active: (K,) bool, which are seen now.
        before: (K, 2) float, where the same points were one step earlier; None: not known.
    """

    ids: np.ndarray
    places: np.ndarray
    active: np.ndarray
    before: np.ndarray | None = None


@dataclass(frozen=True)
class StampedPaths:
    """One prediction as any subscriber has it, in pixels of the image.

    Attributes:
        stamp_ns: of the newest image [ns].
        width: of the image [pixel].
        now: the keypoints in the newest image; active where seen then.
        velocity: (K, 2), pixels a predicted step, of the window's last moments.
        future_ns: m, [ns].
        future: (m, K, 2).
        sigma: (m, K), 0 where unknown.
    """

    stamp_ns: int
    width: int
    now: ObservedKeypoints
    velocity: np.ndarray
    future_ns: list[int]
    future: np.ndarray
    sigma: np.ndarray


def velocity_of(observed: np.ndarray) -> np.ndarray:
    """(n, K, 2) places at even moments -> (K, 2), pixels from one moment to the next."""
    steps = min(VELOCITY_STEPS, len(observed) - 1)
    return (observed[-1] - observed[-1 - steps]) / max(steps, 1)


def before_newest(observed: np.ndarray) -> np.ndarray | None:
    """(n, K, 2) places -> (K, 2) those of the last moment but one; None: there is none."""
    return observed[-2] if len(observed) > 1 else None


def stamped_paths(prediction: Prediction, geometry: InputGeometry | None = None) -> StampedPaths:
    """Of a window's prediction, in pixels of the camera's image.

    Args:
        prediction: of the window.
        geometry: where the network's picture lies in the camera's image; None: it is the image.
    """
    pixels = prediction.pixels()
    to_source = geometry.to_source if geometry else np.asarray
    observed = to_source(pixels.observed)
    seen = prediction.active & prediction.known[-1]
    return StampedPaths(
        prediction.newest.stamp_ns,
        geometry.source[1] if geometry else prediction.newest.image.shape[1],
        ObservedKeypoints(prediction.ids, observed[-1], seen, before_newest(observed)),
        velocity_of(observed),
        prediction.predicted_ns,
        to_source(pixels.predicted),
        pixels.sigma,
    )


@dataclass(frozen=True)
class PathErrors:
    """Of one prediction whose future has come.

    Attributes:
        stamp_ns: of the newest image [ns].
        points: that were seen throughout and moved.
        errors: (3, m), sums over these points by `PATH_METHODS`, in 1 / UNIT of the width.
        truth: m, what was seen at each predicted moment.
        prediction: the prediction.
    """

    stamp_ns: int
    points: int
    errors: np.ndarray
    truth: list[ObservedKeypoints]
    prediction: StampedPaths


class PathJudge:
    """Judges predictions as their future comes."""

    def __init__(self) -> None:
        self._matcher: FutureMatcher[ObservedKeypoints, StampedPaths] = FutureMatcher()
        self._width = 0

    @property
    def unmatched(self) -> int:
        """Predictions a part of whose future did not come."""
        return self._matcher.unmatched

    def add(self, paths: StampedPaths) -> list[PathErrors]:
        """The next prediction: it says what is seen now, and what will be."""
        if paths.width != self._width:  # points of another picture mean nothing
            self.clear()
            self._width = paths.width
        self._matcher.add_observation(paths.stamp_ns, paths.now)
        self._matcher.add_prediction(paths.stamp_ns, paths.future_ns, paths)
        return self._judged()

    def clear(self) -> None:
        """Time jumped: what was predicted before will not be seen."""
        self._matcher.clear()

    def end(self) -> list[PathErrors]:
        """The last ones: nothing more will come."""
        return self._judged(ended=True)

    def _judged(self, ended: bool = False) -> list[PathErrors]:
        return [
            path_errors(found.prediction, found.observed) for found in self._matcher.matched(ended)
        ]


def path_errors(prediction: StampedPaths, truth: list[ObservedKeypoints]) -> PathErrors:
    """Judge one prediction by what was seen at its m moments."""
    start = prediction.now.places
    true = np.full(prediction.future.shape, np.nan)  # (m, K, 2)
    earlier = start
    for places, seen in zip(true, truth):
        ids = np.where(seen.active, seen.ids, -1)
        here, there = np.nonzero(prediction.now.ids[:, None] == ids)
        places[here] = seen.places[there]
        if seen.before is not None:
            apart = np.linalg.norm(seen.before[there] - earlier[here], axis=-1)
            step = np.linalg.norm(seen.places[there] - seen.before[there], axis=-1)
            another = apart > SAME_POINT * prediction.width + SAME_SHARE * step
            places[here[another]] = np.nan
        earlier = places
    moved = np.linalg.norm(true[-1] - start, axis=-1) > LEAST_PATH * prediction.width  # nan: False
    chosen = prediction.now.active & moved & np.isfinite(true).all((0, 2))
    steps = np.arange(1, len(true) + 1)[:, None, None]
    guesses = (
        prediction.future,
        np.broadcast_to(start, true.shape),
        start + prediction.velocity * steps,
    )
    errors = np.stack(
        [np.linalg.norm(guess - true, axis=-1)[:, chosen].sum(1) for guess in guesses]
    )  # (3, m)
    return PathErrors(
        prediction.stamp_ns,
        int(chosen.sum()),
        errors * (UNIT / prediction.width),
        truth,
        prediction,
    )


def trust_of(error: float, stay: float, velocity: float) -> float:
    """One number in [0, 1] of three mean errors.

    1: perfect; 0.5: no better than the better of the two trivial predictors; a third: its error is
    twice as large.

    Args:
        error: of the predictions.
        stay: of staying where it was, in the same unit.
        velocity: of constant velocity, in the same unit.
    """
    best = min(stay, velocity)
    return best / (best + error) if best + error > 0 else 1.0


class RollingErrors:
    """Means over the predictions of the last seconds. Arrays of another length restart it."""

    def __init__(self, seconds: float) -> None:
        self._span_ns = seconds * 1e9
        self._kept: deque[tuple[int, int, np.ndarray]] = deque()

    def add(self, stamp_ns: int, count: int, sums: np.ndarray) -> None:
        """Another prediction's errors.

        Args:
            stamp_ns: when it was made [ns].
            count: things that are summed.
            sums: of their errors, of any shape.
        """
        newest = self._kept[-1] if self._kept else None
        if newest and (sums.shape != newest[2].shape or stamp_ns < newest[0]):
            self._kept.clear()
        self._kept.append((stamp_ns, count, sums))
        self.forget(stamp_ns)

    def clear(self) -> None:
        """Start again."""
        self._kept.clear()

    def forget(self, now_ns: int) -> None:
        """Let go of what is too old at now_ns."""
        while self._kept and self._kept[0][0] < now_ns - self._span_ns:
            self._kept.popleft()

    @property
    def predictions(self) -> int:
        """How many are behind the mean."""
        return len(self._kept)

    @property
    def count(self) -> int:
        """How many things are behind the mean."""
        return sum(count for _, count, _ in self._kept)

    def mean(self) -> np.ndarray | None:
        """Over all things; None: there are none."""
        count = self.count
        return np.sum([sums for *_, sums in self._kept], 0) / count if count else None
