"""Timing whole predictions of several backends against each other."""

import itertools
import time
from collections.abc import Callable, Sequence

import numpy as np

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.quality import PERIOD_NS

ROUNDS, REPETITIONS = 4, 4  # of the trial
FAR_BEHIND = 3.0  # times the best one's time, after which it is not tried further


def prediction_step(
    model: AnyNetwork,
    backend: Backend,
    frame: np.ndarray,
    window: int,
    horizon: int,
    cameras: int = 1,
) -> Callable[[], None]:
    """A function that does all that a new frame asks for: encode, predict, draw.

    Args:
        model: the network.
        backend: what runs it.
        frame: (H, W, 3) uint8.
        window: n, frames observed.
        horizon: m, frames to predict.
        cameras: that each have a frame.
    """
    streams = [make_window(model, window, PERIOD_NS, backend) for _ in range(cameras)]
    stamps = itertools.count(0, PERIOD_NS)

    def push() -> None:
        stamp = next(stamps)
        for stream in streams:
            stream.push(stamp, frame)

    def step() -> None:
        push()
        for stream in streams:
            if prediction := stream.predict(horizon):
                stream.render(prediction)

    for _ in range(window):
        push()
    return step


def interleaved_ms(steps: Sequence[Callable[[], None]]) -> list[float]:
    """Median time of each [ms], taken in turns: other programs then slow all of them alike."""
    times: list[list[float]] = [[] for _ in steps]
    racing = list(range(len(steps)))
    for _ in range(ROUNDS):
        for i in racing:
            steps[i]()  # caches and threads are the other's still
            for _ in range(REPETITIONS):
                started = time.perf_counter()
                steps[i]()
                times[i].append((time.perf_counter() - started) * 1e3)
        best = min(np.median(times[i]) for i in racing)
        racing = [i for i in racing if np.median(times[i]) < FAR_BEHIND * best]
    return [float(np.median(mine)) for mine in times]
