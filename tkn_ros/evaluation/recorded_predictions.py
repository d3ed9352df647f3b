"""Reads a bag of camera and predictions as records: what was seen, and what was predicted of it.

Works on any rosbag2 with these topics, ours or one of `ros2 bag record`, with any definition
of our messages it carries: keypoints without id, active and sigma, as earlier versions sent them,
are all active, of unknown sigma, and have their index for an id. Memory is bounded: each
record is kept only until the future that was predicted from it has been seen.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from tqdm import tqdm

from tkn_ros.streaming.picture_errors import FrameBursts
from tkn_ros.video.drawing import KeypointPaths
from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.frame import VideoError
from tkn_ros.video.stamps import NS, to_ns
from tkn_ros.warning.decision import Level

KEPT = 32  # records that are kept at least, at any age


@dataclass
class PredictionRecord:
    """One camera image and what was predicted from it.

    Attributes:
        stamp: [ns].
        image: (H, W, 3) uint8 RGB.
        paths: the keypoints and where they go, in pixels of `image`; None without a prediction.
        future_stamps: m, [ns].
        frames: m predicted frames, or none.
        warnings: what was warned of at this image, by zone.
        earlier_prediction: this frame as it had been predicted, and how long before [ns].
    """

    stamp: int  # [ns]
    image: np.ndarray  # (H, W, 3) uint8 RGB
    paths: KeypointPaths | None = None  # in pixels of `image`
    future_stamps: list[int] = field(default_factory=list)  # m, [ns]
    frames: list[np.ndarray] = field(default_factory=list)  # m predicted frames, or none
    warnings: dict[str, Level] = field(default_factory=dict)  # by zone
    # this frame as it had been predicted, and how long before [ns]
    earlier_prediction: tuple[np.ndarray, int] | None = None

    @property
    def period(self) -> int:
        """Time between two predicted frames [ns]."""
        return self.future_stamps[0] - self.stamp


@dataclass
class BagLog:
    """What a bag held, filled in while its records are read.

    Attributes:
        announced: predictions that the bag's index names.
        images: how many it holds.
        predicted: stamps of the predictions' newest images.
        published: when they were published.
    """

    announced: int = 0  # predictions that the bag's index names
    images: int = 0
    predicted: list[int] = field(default_factory=list)  # stamps of the predictions' newest images
    published: list[int] = field(default_factory=list)  # when they were published


class Timeline:
    """The records that are still of use, by stamp, and predictions finding their place in it."""

    def __init__(self) -> None:
        self.records: OrderedDict[int, PredictionRecord] = OrderedDict()
        self.bursts = FrameBursts()
        self.horizon = 0

    def add_image(self, stamp: int, image: np.ndarray) -> None:
        """Add a record, with the earliest prediction of its frame, if there is one."""
        record = self.records[stamp] = PredictionRecord(stamp, image)
        for earlier in self.records.values():
            for when, frame in zip(earlier.future_stamps, earlier.frames):
                if abs(when - stamp) * 2 <= earlier.period:
                    record.earlier_prediction = (frame, stamp - earlier.stamp)
                    return

    def add_keypoints(self, message: Any) -> None:
        """A tkn_ros/msg/PredictedKeypoints."""
        record = self.records.get(to_ns(message.header.stamp))
        if record is not None and message.predicted:
            record.paths = _paths(message)
            record.future_stamps = [to_ns(f.stamp) for f in message.predicted]
            self.horizon = max(self.horizon, record.future_stamps[-1] - record.stamp)

    def add_frame(self, stamp: int, image: np.ndarray) -> None:
        """One predicted frame. A prediction's frames come as a burst of rising stamps.

        The burst belongs to the record whose keypoints name exactly its stamps; one that lost a
        frame on the way belongs to none.
        """
        self.bursts.add(stamp, image)
        for record in reversed(self.records.values()):
            if frames := self.bursts.take(record.future_stamps):
                record.frames = frames
                return

    def add_warnings(self, message: Any) -> None:
        """A tkn_ros/msg/DangerWarnings."""
        record = self.records.get(to_ns(message.observed_stamp))
        if record is not None:
            record.warnings = {w.zone: Level(w.level) for w in message.warnings}

    def nearest(self, stamp: int, tolerance: int) -> PredictionRecord | None:
        """The record closest to `stamp` and within `tolerance` [ns]."""
        best = min(self.records, key=lambda s: abs(s - stamp), default=None)
        if best is None or abs(best - stamp) > tolerance:
            return None
        return self.records[best]

    def before(self, stamp: int, count: int) -> list[PredictionRecord]:
        """The last `count` records up to and with `stamp`."""
        return [m for s, m in self.records.items() if s <= stamp][-count:]

    def drop_before(self, stamp: int) -> None:
        """Let go of what is long before `stamp`."""
        while len(self.records) > KEPT and next(iter(self.records)) < stamp - 2 * self.horizon:
            self.records.popitem(last=False)


def read_records(
    bag: Path, camera: str, namespace: str, timeline: Timeline, log: BagLog
) -> Iterator[PredictionRecord]:
    """The bag's images in their order, each once all of its predicted future is in the timeline.

    Raises VideoError where the bag cannot be read or lacks one of the topics.

    Args:
        bag: a rosbag2 of images and predictions.
        camera: topic of the images.
        namespace: of the prediction topics.
        timeline: filled in on the way.
        log: filled in on the way.
    """
    namespace = '/' + namespace.strip('/')
    images, keypoints, frames = topics = (
        camera,
        f'{namespace}/predicted_keypoints',
        f'{namespace}/predicted_frames',
    )
    warnings = f'{namespace}/danger_warnings'  # may be missing
    waiting: list[PredictionRecord] = []
    try:
        reader = AnyReader([bag])
        reader.open()
    except AnyReaderError as error:
        raise VideoError(f'{bag}: not a whole rosbag ({error}); record it again') from None
    with closing(reader):
        connections = [c for c in reader.connections if c.topic in (*topics, warnings)]
        if missing := set(topics) - {c.topic for c in connections}:
            found = ', '.join(sorted({c.topic for c in reader.connections})) or 'nothing'
            raise VideoError(f'{bag}: nothing on {", ".join(sorted(missing))}; it holds {found}')
        log.announced = sum(c.msgcount for c in connections if c.topic == keypoints)
        total = sum(c.msgcount for c in connections)
        for connection, logged, raw in tqdm(
            reader.messages(connections), 'report', total, unit='message', leave=False, disable=None
        ):
            message: Any = reader.deserialize(raw, connection.msgtype)
            stamp = to_ns(message.header.stamp)
            if connection.topic == keypoints:
                log.predicted.append(stamp)
                log.published.append(logged)
                timeline.add_keypoints(message)
            elif connection.topic == warnings:
                timeline.add_warnings(message)
            elif connection.topic == frames:
                timeline.add_frame(stamp, message_to_rgb(message))
            elif connection.topic == images:
                log.images += 1
                timeline.add_image(stamp, message_to_rgb(message))
                waiting.append(timeline.records[stamp])
                # a second more, for predictions that took long
                while stamp - waiting[0].stamp > timeline.horizon + NS:
                    yield waiting.pop(0)
                    timeline.drop_before(waiting[0].stamp)
    yield from waiting


def _paths(message: Any) -> KeypointPaths:
    """Of a PredictedKeypoints, also of older ones, whose keypoints have a place alone."""

    def values(frame: Any, name: str, blanks: Sequence[Any]) -> list[Any]:
        return [getattr(k, name, blank) for k, blank in zip(frame.keypoints, blanks)]

    frames = [message.observed[-1], *message.predicted]
    count = len(frames[0].keypoints)
    places = np.array([[(k.x, k.y) for k in f.keypoints] for f in frames], np.float64)
    places = places.reshape(len(frames), count, 2)
    return KeypointPaths(
        now=places[0],
        future=places[1:],
        sigma=np.array([values(f, 'sigma', [0.0] * count) for f in frames[1:]], np.float64),
        active=np.array(values(frames[1], 'active', [True] * count), bool),
        ids=np.array(values(frames[0], 'id', range(count)), np.int64),
    )
