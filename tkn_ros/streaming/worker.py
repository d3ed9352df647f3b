"""What a running predictor does with a stream of images, and when: no ROS.

Receiving only stores. One thread owns the window and the network: it encodes all that came and
predicts from the newest image. An image for which a prediction was due but which a newer one
overtook is counted as dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.window import SlidingWindow

WAITING = 8  # images stored at most; a worker that is further behind will not catch up
MADE_UP = 4  # images at most that are predicted from in a row after a hiccup
SPARE = 0.85  # of the frame period: a prediction that takes less leaves time to make up
MEAN_OF = 8  # predictions that the running mean of the busy time covers, about

Item = TypeVar('Item')
ItemIn = TypeVar('ItemIn', contravariant=True)


@dataclass
class Counters:
    """Images and predictions since the start.

    Attributes:
        received: images that came.
        encoded: images that joined the window.
        predictions: predictions made.
        frames_decoded: predicted frames drawn.
        dropped: images for which a prediction was due and not made.
        bad: images that could not be read or processed.
        resets: how often the window restarted.
    """

    received: int = 0
    encoded: int = 0
    predictions: int = 0
    frames_decoded: int = 0
    dropped: int = 0
    bad: int = 0
    resets: int = 0


class Client(Protocol[ItemIn]):
    """Who gives images to a `Worker` and takes its predictions; called in the worker's thread."""

    def read(self, item: ItemIn) -> tuple[int, np.ndarray]:
        """An image as (stamp in ns, (H, W, 3) uint8 RGB); ValueError where it is unusable."""

    def wants_predictions(self) -> bool:
        """Whether anybody would use a prediction now."""

    def deliver(self, item: ItemIn, prediction: Prediction, processing_ns: int) -> None:
        """Use a prediction from `item`, which took `processing_ns` since its image was read.

        Args:
            item: the image that it starts from.
            prediction: of `SlidingWindow.predict`.
            processing_ns: how long it took [ns].
        """

    def report_reset(self, reason: str) -> None:
        """The window restarted."""

    def report_bad(self, error: ValueError) -> None:
        """`read` refused an image."""

    def report_failure(self, error: Exception) -> None:
        """Something else failed; the worker continues with the next images."""


class Worker(Generic[Item]):
    """Encodes every image and predicts from the newest, in a thread of its own.

    Args:
        window: used by the worker's thread alone once it is started.
        client: where images are read and predictions go.
        horizon: frames to predict; may be changed at any time.
        stride: a prediction is due at every stride-th image; may be changed at any time.
    """

    def __init__(
        self, window: SlidingWindow, client: Client[Item], horizon: int = 10, stride: int = 1
    ) -> None:
        if horizon < 1 or stride < 1:
            raise ValueError(f'horizon is {horizon} and stride {stride}, expected at least 1')
        self.window, self.client = window, client
        self.horizon, self.stride = horizon, stride
        self.counters = Counters()
        self.busy_ns = 0.0  # for one image with its prediction, a running mean
        self.last_received = time.monotonic()
        self.stopping = False
        self._waiting: deque[tuple[Item, bool]] = deque()  # and whether a prediction is due
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def stop(self, patience: float = 10.0) -> None:
        """End the thread after the image that it is at; waits at most `patience` seconds."""
        with self._wake:
            self.stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout=patience)

    def put(self, item: Item) -> None:
        """Store an image; returns at once. The oldest is given up where too many wait."""
        with self._wake:
            due = self.counters.received % self.stride == 0
            self.counters.received += 1
            self.last_received = time.monotonic()
            self._waiting.append((item, due))
            if len(self._waiting) > WAITING:
                self.counters.dropped += self._waiting.popleft()[1]
            self._wake.notify()

    def process_waiting(self) -> None:
        """Process all that is stored now; the thread does this whenever something comes."""
        with self._wake:
            taken = list(self._waiting)
            self._waiting.clear()
        try:
            self._process(taken)
        except Exception as error:  # an image may fail, the stream goes on
            if self.stopping:
                return
            self.counters.bad += 1
            self.client.report_failure(error)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self.stopping)
                if self.stopping:
                    return
            self.process_waiting()

    def _process(self, taken: Sequence[tuple[Item, bool]]) -> None:
        """Encode all, predict from the newest.

        Images that a hiccup delayed are made up for where inference is faster than the camera,
        so that it will not fall behind by it.
        """
        due = [i for i, (_, is_due) in enumerate(taken) if is_due]
        keeping_up = self.busy_ns < SPARE * self.window.period_ns
        chosen = due[-MADE_UP:] if keeping_up else due[-1:]
        self.counters.dropped += len(due) - len(chosen)
        for i, (item, _) in enumerate(taken):
            started = time.perf_counter_ns()
            if self._encode(item) and i in chosen and self.client.wants_predictions():
                self._predict(item, started)
                self.busy_ns += (time.perf_counter_ns() - started - self.busy_ns) / MEAN_OF

    def _encode(self, item: Item) -> bool:
        try:
            stamp_ns, image = self.client.read(item)
        except ValueError as error:
            self.counters.bad += 1
            self.client.report_bad(error)
            return False
        reason = self.window.push(stamp_ns, image)
        self.counters.encoded += 1
        if reason:
            self.counters.resets += 1
            self.client.report_reset(reason)
        return True

    def _predict(self, item: Item, started: int) -> None:
        prediction = self.window.predict(self.horizon)
        if prediction is not None:  # the window may not be full yet
            self.counters.predictions += 1
            self.client.deliver(item, prediction, time.perf_counter_ns() - started)

    def render(self, prediction: Prediction, size: tuple[int, int] | None = None) -> np.ndarray:
        """As `SlidingWindow.render`, counted; to be called in `Client.deliver`."""
        frames = self.window.render(prediction, size)
        self.counters.frames_decoded += len(frames)
        return frames


def warm_up(window: SlidingWindow, horizon: int, size: tuple[int, int] | None = None) -> None:
    """Make the first passes, which are slow, before the first image; the window stays empty.

    Args:
        window: not used by anybody else yet.
        horizon: frames that will be predicted.
        size: (height, width) at which they will be drawn; None for the model's own.
    """
    config = window.model.config
    blank = np.zeros((config.height, config.width, 3), np.uint8)
    for i in range(window.window + 1):
        window.push(i * 1_000_000_000, blank)
    if (prediction := window.predict(horizon)) is not None:
        window.render(prediction, size)
    window.clear()
