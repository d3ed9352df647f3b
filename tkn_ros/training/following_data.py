"""What the stages of the following form share: the clips' size, and what is made of them at first.

Detector frames, grey pictures and the pictures of the background are all resized from one prepared
clip. What a stage learns from is made once at its start (labels, tracks, followed points), of at
most so many places of the clips: evenly, by the clips' weights, in an order of which every
beginning is such a choice. So a run with few minutes takes what it has come to.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from tqdm import tqdm

from tkn_ros.training.stage import Schedule

SHARE = 0.35  # of a stage's time at most for what is made at its start


def spread(counts: Sequence[int], weights: np.ndarray, seed: int) -> Iterator[tuple[int, int]]:
    """All places (clip, number) in a random order in which clips come by their weights.

    Args:
        counts: of places in each clip.
        weights: (clips,) float; those of weight 0 are left out.
        seed: of the order.
    """
    clip = np.repeat(np.arange(len(counts)), counts)
    number = np.concatenate([np.arange(count) for count in counts] or [np.empty(0, int)])
    each = np.repeat(weights / np.maximum(counts, 1), counts)
    chance = np.log(1 - np.random.default_rng(seed).random(len(clip)))
    with np.errstate(divide='ignore', invalid='ignore'):
        key = np.where(each > 0, chance / each, -np.inf)  # as Efraimidis and Spirakis draw
    for i in np.argsort(-key, kind='stable'):
        if each[i] > 0:
            yield int(clip[i]), int(number[i])


class Preparation:
    """What a stage makes at its start, with a bar and within its share of the time.

    Args:
        schedule: of the stage.
        show: whether there is a bar.
    """

    def __init__(self, schedule: Schedule, show: bool = True) -> None:
        self._schedule, self._show, self._begun = schedule, show, time.monotonic()

    def bar(self, what: str, most: int, unit: str) -> tqdm:
        """A progress bar.

        Args:
            what: is prepared.
            most: at which it is full.
            unit: of `most`.
        """
        return tqdm(total=most, desc=what, unit=unit, leave=False, disable=not self._show or None)

    @property
    def over(self) -> bool:
        """Whether its share of the time is used up."""
        return 0 < SHARE * self._schedule.seconds < self._used

    @property
    def _used(self) -> float:
        return time.monotonic() - self._begun

    @property
    def schedule(self) -> Schedule:
        """What is left for the steps."""
        seconds = self._schedule.seconds
        left = max(1.0, seconds - self._used) if seconds else 0.0
        return replace(self._schedule, seconds=left)


def to_grey(frame: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> (H, W) uint8."""
    return cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)


def resized(frames: Iterable[np.ndarray], height: int, width: int) -> np.ndarray:
    """(T, height, width, 3) uint8, by area averaging.

    Args:
        frames: (H, W, 3) uint8 each.
        height: [pixel].
        width: [pixel].
    """
    return np.stack(
        [
            cv2.resize(np.ascontiguousarray(f), (width, height), interpolation=cv2.INTER_AREA)
            for f in frames
        ]
    )
