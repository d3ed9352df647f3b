"""Reads a bag of camera and predictions as moments: what was seen, and what was predicted of it.

Works on any rosbag2 with these topics, ours or one of `ros2 bag record`. Memory is bounded: each
moment is kept only until the future that was predicted from it has been seen.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from tqdm import tqdm

from tkn_ros.video.encodings import to_rgb
from tkn_ros.video.frame import VideoError

SECOND = 10 ** 9
KEPT = 32  # moments that stay at least, whatever their age


@dataclass
class Moment:
    """One camera image and what was predicted from it."""

    stamp: int  # [ns]
    image: np.ndarray  # (H, W, 3) uint8 RGB
    now: np.ndarray | None = None  # (K, 3) in pixels of `image`
    future: list[np.ndarray] = field(default_factory=list)  # m times (K, 3)
    future_stamps: list[int] = field(default_factory=list)  # m, [ns]
    frames: list[np.ndarray] = field(default_factory=list)  # m predicted frames, or none
    hindsight: tuple[np.ndarray, int] | None = None  # this moment as predicted, and so long ago

    @property
    def period(self) -> int:
        """Time between two predicted frames [ns]."""
        return self.future_stamps[0] - self.stamp


@dataclass
class BagLog:
    """What a bag held, filled in while its moments are read."""

    announced: int = 0  # predictions that the bag's index names
    images: int = 0
    predicted: list[int] = field(default_factory=list)  # stamps of the predictions' newest images
    published: list[int] = field(default_factory=list)  # when they were published


class Timeline:
    """The moments that are still of use, by stamp, and predictions finding their place in it."""

    def __init__(self):
        self.moments: OrderedDict[int, Moment] = OrderedDict()
        self.burst: list[tuple[int, np.ndarray]] = []
        self.horizon = 0

    def add_image(self, stamp: int, image: np.ndarray) -> None:
        """A new newest moment, with the longest look ahead at it, if there was one."""
        moment = self.moments[stamp] = Moment(stamp, image)
        for earlier in self.moments.values():
            for when, frame in zip(earlier.future_stamps, earlier.frames):
                if abs(when - stamp) * 2 <= earlier.period:
                    moment.hindsight = (frame, stamp - earlier.stamp)
                    return

    def add_keypoints(self, message) -> None:
        """A tkn_ros/msg/PredictedKeypoints."""
        moment = self.moments.get(to_ns(message.header.stamp))
        if moment is not None and message.predicted:
            moment.now = _points(message.observed[-1])
            moment.future = [_points(f) for f in message.predicted]
            moment.future_stamps = [to_ns(f.stamp) for f in message.predicted]
            self.horizon = max(self.horizon, moment.future_stamps[-1] - moment.stamp)

    def add_frame(self, stamp: int, image: np.ndarray) -> None:
        """One predicted frame. A prediction's frames come as a burst of rising stamps.

        The burst belongs to the moment whose keypoints name just its stamps; one that lost a frame
        on the way belongs to none.
        """
        if self.burst and stamp <= self.burst[-1][0]:
            self.burst = []
        self.burst.append((stamp, image))
        stamps = [s for s, _ in self.burst]
        for moment in reversed(self.moments.values()):
            if moment.future_stamps == stamps:
                moment.frames = [frame for _, frame in self.burst]
                self.burst = []
                return

    def nearest(self, stamp: int, tolerance: int) -> Moment | None:
        """The moment closest to `stamp` and within `tolerance` [ns]."""
        best = min(self.moments, key=lambda s: abs(s - stamp), default=None)
        if best is None or abs(best - stamp) > tolerance:
            return None
        return self.moments[best]

    def before(self, stamp: int, count: int) -> list[Moment]:
        """The last `count` moments up to and with `stamp`."""
        return [m for s, m in self.moments.items() if s <= stamp][-count:]

    def forget(self, stamp: int) -> None:
        """Let go of what is long before `stamp`."""
        while len(self.moments) > KEPT and next(iter(self.moments)) < stamp - 2 * self.horizon:
            self.moments.popitem(last=False)


def read_moments(bag: Path, camera: str, namespace: str, timeline: Timeline,
                 log: BagLog) -> Iterator[Moment]:
    """The bag's images in their order, each once all of its predicted future is in the timeline.

    Raises VideoError where the bag cannot be read or lacks one of the topics.
    """
    namespace = '/' + namespace.strip('/')
    images, keypoints, frames = topics = (camera, f'{namespace}/predicted_keypoints',
                                          f'{namespace}/predicted_frames')
    waiting: list[Moment] = []
    try:
        reader = AnyReader([bag])
        reader.open()
    except AnyReaderError as error:
        raise VideoError(f'{bag}: not a whole rosbag ({error}); record it again') from None
    with closing(reader):
        connections = [c for c in reader.connections if c.topic in topics]
        if missing := set(topics) - {c.topic for c in connections}:
            found = ', '.join(sorted({c.topic for c in reader.connections})) or 'nothing'
            raise VideoError(f'{bag}: nothing on {", ".join(sorted(missing))}; it holds {found}')
        log.announced = sum(c.msgcount for c in connections if c.topic == keypoints)
        total = sum(c.msgcount for c in connections)
        for connection, logged, raw in tqdm(reader.messages(connections), 'report', total,
                                            unit='message', leave=False, disable=None):
            message = reader.deserialize(raw, connection.msgtype)
            stamp = to_ns(message.header.stamp)
            if connection.topic == keypoints:
                log.predicted.append(stamp)
                log.published.append(logged)
                timeline.add_keypoints(message)
            elif connection.topic == frames:
                timeline.add_frame(stamp, _rgb(message))
            elif connection.topic == images:
                log.images += 1
                timeline.add_image(stamp, _rgb(message))
                waiting.append(timeline.moments[stamp])
                # a second more, for predictions that took long
                while stamp - waiting[0].stamp > timeline.horizon + SECOND:
                    yield waiting.pop(0)
                    timeline.forget(waiting[0].stamp)
    yield from waiting


def to_ns(stamp) -> int:
    """A message's time as nanoseconds."""
    return stamp.sec * SECOND + stamp.nanosec


def _rgb(message) -> np.ndarray:
    return to_rgb(message.encoding, message.height, message.width, message.step,
                  bool(message.is_bigendian), message.data)


def _points(frame) -> np.ndarray:
    return np.array([(k.x, k.y, k.intensity) for k in frame.keypoints])
