"""Predictions that wait for their future, and what came of it, matched by stamp."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

MOST = 1000  # moments, and predictions, that are kept at most: 33 s at 30 Hz

Observed = TypeVar('Observed')
Predicted = TypeVar('Predicted')


@dataclass(frozen=True)
class Matched(Generic[Observed, Predicted]):
    """A prediction and what came at each of its moments.

    Attributes:
        stamp_ns: of the newest image that it was made from [ns].
        prediction: the prediction.
        observed: m, what was nearest to each predicted moment.
    """

    stamp_ns: int
    prediction: Predicted
    observed: list[Observed]


class FutureMatcher(Generic[Observed, Predicted]):
    """Matches each prediction with what came.

    A moment counts as observed where something came within half a frame period of it. Memory is
    bounded by `MOST` and by the age of what may still be asked for.

    Attributes:
        unmatched: predictions a part of whose future did not come.
    """

    def __init__(self) -> None:
        self.unmatched = 0
        self._observations: deque[tuple[int, Observed]] = deque(maxlen=MOST)
        self._predictions: deque[tuple[int, Sequence[int], Predicted]] = deque()
        self._longest = 0  # [ns] of a horizon

    @property
    def waiting(self) -> bool:
        """Whether any prediction waits."""
        return bool(self._predictions)

    def clear(self) -> None:
        """Forget all: time jumped, or the picture is another."""
        self.unmatched += len(self._predictions)
        self._predictions.clear()
        self._observations.clear()

    def add_prediction(
        self, stamp_ns: int, future_ns: Sequence[int], prediction: Predicted
    ) -> None:
        """What was predicted.

        Args:
            stamp_ns: of the newest image that it was made from [ns].
            future_ns: m, the predicted moments, increasing [ns].
            prediction: for these moments.
        """
        self._longest = max(self._longest, future_ns[-1] - stamp_ns)
        self._predictions.append((stamp_ns, future_ns, prediction))
        if len(self._predictions) > MOST:
            self._predictions.popleft()
            self.unmatched += 1

    def add_observation(self, stamp_ns: int, observed: Observed) -> None:
        """What came at stamp_ns; what is not later than the newest is passed over."""
        if self._observations and stamp_ns <= self._observations[-1][0]:
            return
        self._observations.append((stamp_ns, observed))
        # predictions come after the image that they are made from, and are a while on their way
        oldest = (
            min([stamp_ns, *(prediction[0] for prediction in self._predictions)])
            - 2 * self._longest
        )
        while self._longest and len(self._observations) > 2 and self._observations[0][0] < oldest:
            self._observations.popleft()

    def matched(self, ended: bool = False) -> list[Matched[Observed, Predicted]]:
        """The predictions whose whole future has come since the last call, oldest first.

        ended: nothing more will come; what still waits is matched with what is there.
        """
        found: list[Matched[Observed, Predicted]] = []
        if not self._observations:
            return found
        stamps = np.array([stamp for stamp, _ in self._observations])
        while self._predictions and (ended or stamps[-1] >= self._predictions[0][1][-1]):
            stamp, future, prediction = self._predictions.popleft()
            places = _nearest(stamps, np.array(future), (future[0] - stamp) / 2)
            if places is None:
                self.unmatched += 1
            else:
                found.append(Matched(stamp, prediction, [self._observations[i][1] for i in places]))
        return found


def _nearest(stamps: np.ndarray, moments: np.ndarray, tolerance: float) -> np.ndarray | None:
    """Places (m,) of the stamps nearest to the moments; None where one is too far away."""
    after = np.clip(np.searchsorted(stamps, moments), 0, len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    near = np.where(moments - stamps[before] < stamps[after] - moments, before, after)
    return near if (np.abs(stamps[near] - moments) <= tolerance).all() else None
