"""An image message from its bytes, as DDS delivers them; no ROS needed."""

from __future__ import annotations

from functools import cache
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.frame import VideoError

_types = cache(lambda: get_typestore(Stores.ROS2_JAZZY))  # images are the same in each distribution


def image_from_cdr(cdr: bytes, compressed: bool = False) -> Any:
    """The message, for `message_to_rgb`. Its `data` is a view of `cdr`: nothing is copied, which
    takes rclpy a millisecond for 640x480.

    Args:
        cdr: a serialised sensor_msgs/Image.
        compressed: it is a sensor_msgs/CompressedImage.

    Raises:
        VideoError: for bytes that are no such message.
    """
    name = 'CompressedImage' if compressed else 'Image'
    try:
        return _types().deserialize_cdr(memoryview(cdr), f'sensor_msgs/msg/{name}')
    except SerdeError as error:
        raise VideoError(f'message of {len(cdr)} bytes cannot be read: {error}') from None
