"""What a running predictor does with a stream of images, and when: no ROS.

Receiving only stores. One thread owns the windows and the network: it encodes all that came and
predicts from the newest image of each camera. An image for which a prediction was due but which a
newer one overtook is counted as dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.stoppable_thread import StoppableThread
from tkn_ros.streaming.window import SlidingWindow

WAITING = 8  # images stored at most; a worker that is further behind will not catch up
BEHIND = 0.25  # [s] that encoding what waits may take; older images are passed over
MADE_UP = 4  # images at most that are predicted from in a row after a hiccup
SPARE = 0.85  # of the time: where predictions take less there is time to make up for a hiccup
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
        not_finite: of the dropped ones those whose prediction held NaN or infinity.
        undrawn: predictions whose frames were given up for those of a newer one.
        late: images that a newer one had overtaken.
        bad: images that could not be read or processed.
        resets: how often the window restarted.
    """

    received: int = 0
    encoded: int = 0
    predictions: int = 0
    frames_decoded: int = 0
    dropped: int = 0
    not_finite: int = 0
    undrawn: int = 0
    late: int = 0
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


class Stream(Generic[Item]):
    """One camera of a `Worker`, see `Worker.add`.

    Attributes:
        window: used by the worker's thread alone.
        client: where images are read and predictions go.
        horizon: frames to predict; may be changed at any time.
        stride: a prediction is due at every stride-th image; may be changed at any time.
        counters: what became of its images.
        busy_ns: for one image with its prediction, a running mean.
        encodings_ns: for one image each, of the last MEAN_OF.
        last_received: when the newest image came, of `time.monotonic`.

    Args:
        window: empty.
        client: where images are read and predictions go.
        horizon: frames to predict, at least 1.
        stride: a prediction is due at every stride-th image, at least 1.
        wake: notified when an image comes.
    """

    def __init__(
        self,
        window: SlidingWindow,
        client: Client[Item],
        horizon: int,
        stride: int,
        wake: threading.Condition,
    ) -> None:
        if horizon < 1 or stride < 1:
            raise ValueError(f'horizon is {horizon} and stride {stride}, expected at least 1')
        self.window, self.client = window, client
        self.horizon, self.stride = horizon, stride
        self.counters = Counters()
        self.busy_ns = 0.0
        self.encodings_ns: deque[int] = deque(maxlen=MEAN_OF)
        self.last_received = time.monotonic()
        self._wake = wake
        self._waiting: deque[tuple[Item, bool]] = deque()  # and whether a prediction is due
        self._forget = False

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

    def forget(self) -> None:
        """Start again with the next image; returns at once."""
        with self._wake:
            self._waiting.clear()
            self._forget = True

    @property
    def waits(self) -> bool:
        """Whether there is something to do."""
        return bool(self._waiting)

    @property
    def load(self) -> float:
        """Share of the time that its images and their predictions take."""
        period = self.window.period_ns * self.stride
        return self.busy_ns / period if period else 0.0

    def process_waiting(self, keeping_up: bool) -> None:
        """Process all that is stored now.

        keeping_up: whether there is time to predict from images that a hiccup delayed.
        """
        with self._wake:
            taken, forget = list(self._waiting), self._forget
            self._waiting.clear()
            self._forget = False
        try:
            if forget:
                self.window.clear()
            self._process(taken, keeping_up)
        except Exception as error:  # an image may fail, the stream goes on
            self.counters.bad += 1
            self.client.report_failure(error)

    def _process(self, taken: Sequence[tuple[Item, bool]], keeping_up: bool) -> None:
        """Encode all, or as many of the newest as there is time for, and predict from the newest.

        Images that a hiccup delayed are made up for where inference is faster than the camera,
        so that it will not fall behind by it.
        """
        # a hiccup is one long encoding, and no reason to pass images over: the median
        each = sorted(self.encodings_ns)[len(self.encodings_ns) // 2] if self.encodings_ns else 0
        most = max(1, int(BEHIND * 1e9 / each)) if each else len(taken)
        self.counters.dropped += sum(is_due for _, is_due in taken[:-most])
        taken = taken[-most:]
        due = [i for i, (_, is_due) in enumerate(taken) if is_due]
        chosen = due[-MADE_UP:] if keeping_up and self.window.period_ns else due[-1:]
        self.counters.dropped += len(due) - len(chosen)
        for i, (item, _) in enumerate(taken):
            started = time.perf_counter_ns()
            encoded = self._encode(item)
            self.encodings_ns.append(time.perf_counter_ns() - started)
            if encoded and i in chosen and self.client.wants_predictions():
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
        self.counters.late = self.window.late
        if reason:
            self.counters.resets += 1
            self.client.report_reset(reason)
        return True

    def _predict(self, item: Item, started: int) -> None:
        prediction = self.window.predict(self.horizon)
        if prediction is None:  # the window is not full yet
            return
        if not prediction.finite:
            self.counters.dropped += 1
            self.counters.not_finite += 1
            self.client.report_failure(ArithmeticError('a prediction is not finite'))
        else:
            self.counters.predictions += 1
            self.client.deliver(item, prediction, time.perf_counter_ns() - started)


class Worker(StoppableThread):
    """Encodes the images of all cameras and predicts from the newest, in a thread of its own.

    Cameras take turns; one that gives no images costs nothing, and one that gives too many is
    served no more often than the others.
    """

    def __init__(self) -> None:
        super().__init__('inference')
        self.streams: list[Stream[Any]] = []

    def add(
        self, window: SlidingWindow, client: Client[Item], horizon: int = 10, stride: int = 1
    ) -> Stream[Item]:
        """A camera more; before `start`.

        Args:
            window: used by the worker's thread alone once it is started.
            client: where images are read and predictions go.
            horizon: frames to predict.
            stride: a prediction is due at every stride-th image.
        """
        stream = Stream(window, client, horizon, stride, self._wake)
        self.streams.append(stream)
        return stream

    def process_waiting(self) -> None:
        """Process all that is stored now; the thread does this whenever something comes."""
        for stream in self.streams:
            if self._stopping:
                return
            if stream.waits:
                stream.process_waiting(sum(s.load for s in self.streams) < SPARE)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or any(s.waits for s in self.streams))
                if self._stopping:
                    return
            self.process_waiting()
