"""Bags of camera and predictions, made without ROS."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from tkn_ros.video.bag_writer import BagWriter, message_definition

IMAGE = 'sensor_msgs/msg/Image'
KEYPOINTS = 'tkn_ros/msg/PredictedKeypoints'
MESSAGES = Path(__file__).parents[1] / 'msg'
TEXTS = {
    f'tkn_ros/msg/{name}': (MESSAGES / f'{name}.msg').read_text()
    for name in ('Keypoint', 'KeypointFrame', 'PredictedKeypoints')
}


def _store():
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in TEXTS.items():
        store.register(get_types_from_msg(text, name))
    return store


STORE = _store()
T = STORE.types


def time(stamp_ns: int):
    return T['builtin_interfaces/msg/Time'](stamp_ns // 10**9, stamp_ns % 10**9)


def header(stamp_ns: int, frame_id: str = 'camera'):
    return T['std_msgs/msg/Header'](stamp=time(stamp_ns), frame_id=frame_id)


class PredictionBag(BagWriter):
    """A BagWriter that knows the messages of tkn_ros. Frames are (H, W, 3) uint8 RGB."""

    def image(
        self, topic: str, stamp: int, frame: np.ndarray, logged: int = 0, frame_id: str = 'camera'
    ) -> None:
        height, width = frame.shape[:2]
        message = T[IMAGE](
            header=header(stamp, frame_id),
            height=height,
            width=width,
            encoding='rgb8',
            is_bigendian=0,
            step=3 * width,
            data=frame.reshape(-1),
        )
        cdr = bytes(STORE.serialize_cdr(message, IMAGE))
        self.write_raw(topic, IMAGE, cdr, logged or stamp)

    def keypoints(
        self,
        topic: str,
        stamp: int,
        future: Sequence[int],
        logged: int,
        size: tuple[int, int],
        count: int = 3,
    ) -> None:
        """All keypoints stand in the middle of the picture."""
        one = T['tkn_ros/msg/Keypoint'](x=size[1] / 2, y=size[0] / 2, intensity=0.5)
        frames = [
            T['tkn_ros/msg/KeypointFrame'](stamp=time(s), keypoints=[one] * count)
            for s in (stamp, *future)
        ]
        message = T[KEYPOINTS](
            header=header(stamp),
            image_height=size[0],
            image_width=size[1],
            frame_period=(future[0] - stamp) / 1e9,
            observed=frames[:1],
            predicted=frames[1:],
            processing_time=T['builtin_interfaces/msg/Duration'](0, 10**6),
        )
        cdr = bytes(STORE.serialize_cdr(message, KEYPOINTS))
        self.write_raw(topic, KEYPOINTS, cdr, logged, message_definition(KEYPOINTS, TEXTS))
