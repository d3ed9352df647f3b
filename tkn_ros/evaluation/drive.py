"""A recorded drive through the predictor's own worker and window, image by image, without ROS.

Each message goes through `streaming.worker.Worker` with the stamp of its header, as in the
predictor node; but the next one is read only when this one is done, so that nothing is dropped and
the same bag always gives the same predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from tkn_ros.evaluation.drive_settings import DriveSettings
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.warm_up import warm_up
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.streaming.worker import Worker
from tkn_ros.video.bags import BagMessage, BagSource
from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.frame import VideoError
from tkn_ros.video.geometry import InputGeometry, input_geometry
from tkn_ros.video.stamps import NS, to_ns

GAP = 1.5  # frame periods without an image, from which it is a gap
KEPT = 200  # gaps, resets and bad images that are listed; all are counted


@dataclass(frozen=True)
class DriveStep:
    """One image of the drive.

    Attributes:
        number: of the message, from 0.
        logged_ns: when it was recorded [ns].
        stamp_ns: of its header [ns].
        image: (H, W, 3) uint8 RGB, what the network sees of the camera's.
        geometry: where that lies in the camera's image.
        frame_id: coordinate frame of the camera.
        prediction: made from it, or None.
        restarted: whether the window restarted before it.
    """

    number: int
    logged_ns: int
    stamp_ns: int
    image: np.ndarray
    geometry: InputGeometry
    frame_id: str
    prediction: Prediction | None
    restarted: bool


class Judge(Protocol):
    """Who follows a drive."""

    def add(self, step: DriveStep) -> None:
        """The next image, with its prediction."""

    def end(self) -> None:
        """There is no more."""


@dataclass
class DriveLog:
    """What the drive was like.

    Attributes:
        stamps: of the images [ns].
        ready: of each image, whether a prediction was made from it.
        processing_ms: of each prediction, from its image's bytes to its keypoints.
        gaps: [{stamp_ns, seconds}], intervals of more than `GAP` periods.
        resets: [{stamp_ns, reason}], restarts of the window.
        bad: [{number, reason}], images that could not be read.
        lost: what of the bag could not be read at all, one line each.
        counts: messages, images, predictions, bad, resets, gaps, missing (images that the gaps
            leave room for), duplicates.
    """

    stamps: list[int] = field(default_factory=list)
    ready: list[bool] = field(default_factory=list)
    processing_ms: list[float] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    resets: list[dict[str, Any]] = field(default_factory=list)
    bad: list[dict[str, Any]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str, entry: dict[str, Any]) -> None:
        """Count one of gaps, resets and bad, and list it while there is room."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if len(getattr(self, kind)) < KEPT:
            getattr(self, kind).append(entry)

    @property
    def seconds(self) -> float:
        """From the first image to the last."""
        return (max(self.stamps) - min(self.stamps)) / NS if self.stamps else 0.0


class Drive:
    """One pass over a bag; it is the worker's client.

    Args:
        source: the bag.
        window: empty, of `window_for`.
        settings: of the evaluation.
        judges: each is given every image, in their order.
    """

    def __init__(
        self,
        source: BagSource,
        window: SlidingWindow,
        settings: DriveSettings,
        judges: Sequence[Judge],
    ) -> None:
        self.source, self.window, self.judges = source, window, judges
        self.log = DriveLog()
        self._worker = Worker()
        self._stream = self._worker.add(window, self, settings.horizon, settings.stride)
        self._settings = settings
        self._geometry: InputGeometry | None = None
        self._number = -1
        self._read: tuple[int, np.ndarray] | None = None
        self._prediction: Prediction | None = None
        self._restarted = False
        self._period_ns = 0

    def run(self) -> DriveLog:
        """Read the bag to its end. VideoError where no prediction could be made from it."""
        warm_up(self.window, self._settings.horizon)
        for message in tqdm(self.source.messages(), 'evaluating', unit='image', disable=None):
            self._number += 1
            self._read = self._prediction = None
            self._restarted = False
            self._stream.put(message)
            self._worker.process_waiting()
            if self._read is not None:
                self._notify(message, *self._read)
        for judge in self.judges:
            judge.end()
        self._finish()
        return self.log

    def _notify(self, message: BagMessage, stamp: int, image: np.ndarray) -> None:
        log = self.log
        if log.stamps:
            self._look_for_gap(log.stamps[-1], stamp)
        log.stamps.append(stamp)
        log.ready.append(self._prediction is not None)
        assert self._geometry is not None
        frame_id = message.message.header.frame_id
        step = DriveStep(
            self._number,
            message.logged_ns,
            stamp,
            image,
            self._geometry,
            frame_id,
            self._prediction,
            self._restarted,
        )
        for judge in self.judges:
            judge.add(step)

    def _look_for_gap(self, before: int, stamp: int) -> None:
        period, interval = self._period_ns, stamp - before  # of before, as a restart forgets it
        self._period_ns = self.window.period_ns or period
        if interval == 0:
            self.log.counts['duplicates'] = self.log.counts.get('duplicates', 0) + 1
        if period and interval > GAP * period:
            self.log.note('gaps', {'stamp_ns': before, 'seconds': round(interval / NS, 4)})
            missing = round(interval / period) - 1
            self.log.counts['missing'] = self.log.counts.get('missing', 0) + missing

    def _finish(self) -> None:
        counters, log = self._stream.counters, self.log
        log.lost = list(self.source.bad_frames)
        log.counts = {
            'messages': self._number + 1,
            'images': len(log.stamps),
            'predictions': counters.predictions,
            **{k: log.counts.get(k, 0) for k in ('bad', 'resets', 'gaps', 'missing', 'duplicates')},
        }
        if not counters.predictions:
            why = log.bad[0]['reason'] if log.bad else 'too few, or too far apart'
            raise VideoError(
                f'{self.source.name}: no prediction could be made from its {len(log.stamps)} '
                f'images ({why}); the window needs {self.window.window} in a row'
            )

    # ---- what `streaming.worker.Client` asks for

    def read(self, item: BagMessage) -> tuple[int, np.ndarray]:
        """The stamp [ns] and the picture of a message, as the node takes them."""
        if item.error:
            raise VideoError(item.error)
        image = message_to_rgb(item.message)
        if self._geometry is None or self._geometry.source != image.shape[:2]:
            config, asked = self.window.model.config, self._settings
            self._geometry = input_geometry(
                image.shape[:2], asked.roi, asked.fit, (config.height, config.width)
            )
        self._read = to_ns(item.message.header.stamp), self._geometry.picture(image)
        return self._read

    def wants_predictions(self) -> bool:
        """Always."""
        return True

    def deliver(self, item: BagMessage, prediction: Prediction, processing_ns: int) -> None:
        """Keep a prediction for the judges.

        Args:
            item: the message that it starts from.
            prediction: of the window.
            processing_ns: how long it took [ns].
        """
        self._prediction = prediction
        self.log.processing_ms.append(processing_ns / 1e6)

    def report_reset(self, reason: str) -> None:
        """The window restarted."""
        assert self._read is not None
        self._restarted = True
        self.log.note('resets', {'stamp_ns': self._read[0], 'reason': reason})

    def report_bad(self, error: ValueError) -> None:
        """A message is no image."""
        self.log.note('bad', {'number': self._number, 'reason': ' '.join(str(error).split())})

    def report_failure(self, error: Exception) -> None:
        """As the node does, pass over an image at which something else failed."""
        self._read = None
        self.report_bad(ValueError(f'{type(error).__name__}: {error}'))
