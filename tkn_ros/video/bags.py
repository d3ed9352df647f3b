"""Frames from rosbags of ROS 1 and ROS 2, without ROS.

The message types of images are the same in every distribution, so they are taken from rosbags'
own store: a bag whose other types are unknown or damaged still opens.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rosbags import rosbag1
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.bag_files import BagReader, opened
from tkn_ros.video.bounded_bags import unpack_zstd
from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import DEFAULT_FPS, Source, checked_fps
from tkn_ros.video.stamps import to_ns

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')

_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
_PROBED = 32  # messages looked at for size and frame rate
_HELD_BACK = 4  # frames kept to put late ones in their place


class BagMessage(NamedTuple):
    """One message of an image topic.

    Attributes:
        logged_ns: when it was recorded [ns].
        message: a sensor_msgs/Image or CompressedImage of rosbags; None where its bytes are none.
        error: why it is none.
    """

    logged_ns: int
    message: Any
    error: str = ''


class BagSource(Source):
    """The images of one topic of a rosbag: a rosbag2 folder, a bare .mcap or .db3, a ROS 1 .bag.

    Stamps are the headers', or the time of recording where a header has none. A message that
    cannot be read, or an image of another size than the first, is passed over and counted. A bag
    compressed as a whole is unpacked into a temporary folder at each iteration. Of a damaged
    bag what is there is read, and what is lost is among `bad_frames`.

    Attributes:
        topic: the topic read.

    Args:
        path: of the bag.
        topic: to read; None: its only image topic.
        fps: frames a second; None: measured by the stamps.

    Raises:
        VideoError: if no image of the topic can be read.
    """

    def __init__(
        self, path: str | Path, topic: str | None = None, fps: float | None = None
    ) -> None:
        super().__init__(str(path))
        self._path = Path(path)
        stamps: list[int] = []
        with opened(self._path) as reader:
            self.topic = _select_topic(self.name, reader.connections, topic)
            for frame in self._decode(reader, limit=_PROBED):
                if not stamps:
                    self.height, self.width = frame.image.shape[:2]
                stamps.append(frame.stamp_ns)
        if not stamps:
            why = self.bad_frames[0] if self.bad_frames else 'it has no messages'
            raise VideoError(f'{self.name}: no image of topic {self.topic} can be read: {why}')
        self.fps = _rate(stamps) if fps is None else checked_fps(fps)

    def _read(self) -> Iterator[Frame]:
        with opened(self._path) as reader:
            for frame in _in_stamp_order(self._decode(reader)):
                height, width = frame.image.shape[:2]
                if (height, width) != (self.height, self.width):
                    self._skip(f'image is {width}x{height}, not {self.width}x{self.height}')
                    continue
                yield frame

    def messages(self) -> Iterator[BagMessage]:
        """The topic's messages as a subscriber would get them: in the order of recording, whatever
        their stamps and sizes, and with those that cannot be read.

        What the bag has lost goes to `bad_frames`.
        """
        self.bad_count, self.bad_frames = 0, []
        with opened(self._path) as reader:
            yield from self._messages(reader)

    def _decode(self, reader: BagReader, limit: int | None = None) -> Iterator[Frame]:
        for number, (logged, message, error) in enumerate(self._messages(reader, limit)):
            if not error:
                try:
                    frame = _to_frame(message, logged)
                except Exception as refusal:  # damaged fields: see `_messages`
                    error = str(refusal)
            if error:
                self._skip(f'message {number}: {error}')
                continue
            yield frame

    def _messages(self, reader: BagReader, limit: int | None = None) -> Iterator[BagMessage]:
        deserialize = _deserializer(reader)
        connections = [c for c in reader.connections if c.topic == self.topic]
        messages = islice(reader.messages(connections), limit)
        number = -1
        while True:
            number += 1
            # damaged bytes raise whatever the layer that trips over them raises, so every
            # error counts here; an error between messages ends the reading, one inside does not
            try:
                item = next(messages, None)
            except Exception as error:
                self._skip(f'the bag ends early after {number} messages: {error}')
                return
            if item is None:
                break
            connection, logged, raw = item
            try:
                if bytes(raw[:4]) == _ZSTD_MAGIC:  # bare storage file of a compressed bag
                    raw = unpack_zstd(raw)
                message = deserialize(raw, _full_type(connection.msgtype))
            except Exception as error:
                yield BagMessage(logged, None, str(error) or type(error).__name__)
                continue
            yield BagMessage(logged, message)
        announced = sum(connection.msgcount for connection in connections)
        if limit is None and number < announced:
            self._skip(f'only {number} of the {announced} messages the bag announces are there')
        lost = getattr(reader, 'lost', '')
        if limit is None and lost:
            self._skip(lost)


def _select_topic(name: str, connections: Any, topic: str | None) -> str:
    """The image topic to read: the one asked for, or the only one."""
    types = {c.topic: _full_type(c.msgtype) for c in connections}
    images = [t for t, msgtype in types.items() if msgtype in IMAGE_TYPES]
    if not images:
        listing = ', '.join(f'{t} ({msgtype})' for t, msgtype in sorted(types.items()))
        raise VideoError(f'{name}: no image topic in this bag; it has {listing or "no topics"}')
    listing = ', '.join(sorted(images))
    if topic:
        topic = topic if topic in types else '/' + topic.strip('/')
        if topic in images:
            return topic
        if topic in types:
            raise VideoError(
                f'{name}: topic {topic} is {types[topic]}, not an image; pass one of {listing}'
            )
        raise VideoError(f'{name}: no topic {topic} in this bag; its image topics are {listing}')
    if len(images) > 1:
        raise VideoError(f'{name}: {len(images)} image topics, pass TOPIC=<one of them>: {listing}')
    return images[0]


def _full_type(msgtype: str) -> str:
    """'sensor_msgs/Image', as some recorders write it, to 'sensor_msgs/msg/Image'."""
    package, _, rest = msgtype.partition('/')
    return msgtype if '/' in rest or not rest else f'{package}/msg/{rest}'


def _deserializer(reader: BagReader) -> Callable[[bytes, str], Any]:
    """The function (raw, msgtype) -> message that fits the bag's version."""
    if isinstance(reader, rosbag1.Reader):
        return get_typestore(Stores.ROS1_NOETIC).deserialize_ros1
    return get_typestore(Stores.ROS2_JAZZY).deserialize_cdr


def _to_frame(message: Any, logged: int) -> Frame:
    header = message.header
    stamp = to_ns(header.stamp)
    return Frame(stamp or logged, message_to_rgb(message), header.frame_id)


def _in_stamp_order(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Bags are in order of recording; put frames that came late back in their place."""
    held: list[tuple[int, int, Frame]] = []
    for number, frame in enumerate(frames):
        heapq.heappush(held, (frame.stamp_ns, number, frame))
        if len(held) > _HELD_BACK:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def _rate(stamps: list[int]) -> float:
    """Frames per second by the median distance of the stamps."""
    stamps = sorted(stamps)
    steps = [b - a for a, b in zip(stamps, stamps[1:])]
    step = median(steps) if steps else 0
    return min(1e9 / step, 1000.0) if step > 0 else DEFAULT_FPS
