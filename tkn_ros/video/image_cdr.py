"""Image messages from their bytes, as DDS delivers them; no ROS needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.frame import VideoError

_types = cache(lambda: get_typestore(Stores.ROS2_JAZZY))  # images are the same in each distribution


def image_reader(compressed: bool = False) -> Callable[[bytes], Any]:
    """A function from a serialised sensor_msgs/Image to the message, for `message_to_rgb`.

    The message's `data` is a view of the bytes: nothing is copied. The function raises VideoError
    for bytes that are no such message.

    compressed: of a sensor_msgs/CompressedImage instead.
    """
    store = _types()  # takes a tenth of a second, the first time
    name = f'sensor_msgs/msg/{"CompressedImage" if compressed else "Image"}'

    def read(cdr: bytes) -> Any:
        try:
            return store.deserialize_cdr(memoryview(cdr), name)
        except SerdeError as error:
            raise VideoError(f'message of {len(cdr)} bytes cannot be read: {error}') from None

    return read
