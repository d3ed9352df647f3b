"""Frames from rosbags of ROS 1 and ROS 2, without ROS.

The message types of images are the same in every distribution, so they are taken from rosbags'
own store: a bag whose other types are unknown or damaged still opens.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median

from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import DEFAULT_FPS, Source, checked_fps
from tkn_ros.video.stamps import to_ns

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd  # rosbags brings it

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')

_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
_PROBED = 32  # messages looked at for size and frame rate
_HELD_BACK = 4  # frames kept to put late ones in their place


class BagSource(Source):
    """The images of one topic of a rosbag: a rosbag2 folder, a bare .mcap or .db3, a ROS 1 .bag.

    Stamps are the headers', or the time of recording where a header has none. A message that
    cannot be read, or an image of another size than the first, is passed over and counted. A bag
    compressed as a whole is unpacked into a temporary folder at each iteration.

    Attributes:
        topic: the topic read.
    """

    def __init__(
        self, path: str | Path, topic: str | None = None, fps: float | None = None
    ) -> None:
        super().__init__(str(path))
        self._path = Path(path)
        stamps = []
        with _opened(self._path) as reader:
            self.topic = _choose_topic(self.name, reader.connections, topic)
            for frame in self._decode(reader, limit=_PROBED):
                if not stamps:
                    self.height, self.width = frame.image.shape[:2]
                stamps.append(frame.stamp_ns)
        if not stamps:
            why = self.bad_frames[0] if self.bad_frames else 'it has no messages'
            raise VideoError(f'{self.name}: no image of topic {self.topic} can be read: {why}')
        self.fps = _rate(stamps) if fps is None else checked_fps(fps)

    def _read(self) -> Iterator[Frame]:
        with _opened(self._path) as reader:
            for frame in _in_stamp_order(self._decode(reader)):
                height, width = frame.image.shape[:2]
                if (height, width) != (self.height, self.width):
                    self._skip(f'image is {width}x{height}, not {self.width}x{self.height}')
                    continue
                yield frame

    def _decode(self, reader, limit: int | None = None) -> Iterator[Frame]:
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
                    raw = zstd.decompress(raw)
                message = deserialize(raw, _full_type(connection.msgtype))
                frame = _to_frame(message, logged)
            except Exception as error:
                self._skip(f'message {number}: {error}')
                continue
            yield frame
        announced = sum(connection.msgcount for connection in connections)
        if limit is None and number < announced:
            self._skip(f'only {number} of the {announced} messages the bag announces are there')


@contextmanager
def _opened(path: Path):
    """A reader of rosbags for the path, opened; VideoError if it is no whole bag."""
    is_ros1 = path.suffix == '.bag'
    try:
        reader = rosbag1.Reader(path) if is_ros1 else rosbag2.Reader(path)
        reader.open()
    except Exception as error:  # as many kinds as there are ways to damage a bag
        is_mcap = path.suffix == '.mcap' or any(path.glob('*.mcap'))
        repair = 'rosbag reindex' if is_ros1 else 'mcap recover' if is_mcap else 'ros2 bag reindex'
        reason = ' '.join(str(error).split())
        raise VideoError(
            f'{path}: not a whole rosbag ({reason}); try `{repair}` if the recording was cut off'
        ) from None
    try:
        yield reader
    finally:
        reader.close()


def _choose_topic(name: str, connections, topic: str | None) -> str:
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


def _deserializer(reader):
    """The function (raw, msgtype) -> message that fits the bag's version."""
    if isinstance(reader, rosbag1.Reader):
        return get_typestore(Stores.ROS1_NOETIC).deserialize_ros1
    return get_typestore(Stores.ROS2_JAZZY).deserialize_cdr


def _to_frame(message, logged: int) -> Frame:
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
