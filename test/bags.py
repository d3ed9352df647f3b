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
WARNINGS = 'tkn_ros/msg/DangerWarnings'
WARNING_TEXTS = {
    f'tkn_ros/msg/{name}': (MESSAGES / f'{name}.msg').read_text()
    for name in ('DangerWarning', 'DangerWarnings')
}
# as they were before keypoints were followed
OLDER_TEXTS = {
    **TEXTS,
    'tkn_ros/msg/Keypoint': 'float32 x\nfloat32 y\nfloat32 intensity\n',
    'tkn_ros/msg/PredictedKeypoints': TEXTS['tkn_ros/msg/PredictedKeypoints'].partition(
        'string weights'
    )[0],
}


def _store(texts: dict[str, str] = TEXTS):
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in texts.items():
        store.register(get_types_from_msg(text, name))
    return store


STORE = _store({**TEXTS, **WARNING_TEXTS})
T = STORE.types


def time(stamp_ns: int):
    return T['builtin_interfaces/msg/Time'](stamp_ns // 10**9, stamp_ns % 10**9)


def header(stamp_ns: int, frame_id: str = 'camera'):
    return T['std_msgs/msg/Header'](stamp=time(stamp_ns), frame_id=frame_id)


class PredictionBag(BagWriter):
    """A BagWriter that knows the messages of tkn_ros, or others of their names, by `texts`.

    Frames are (H, W, 3) uint8 RGB.
    """

    def __init__(self, path: str | Path, texts: dict[str, str] = TEXTS):
        super().__init__(path)
        self.texts, self.store = texts, STORE if texts is TEXTS else _store(texts)

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
        places: np.ndarray | None = None,
        sigma: np.ndarray | None = None,
        active: Sequence[bool] = (True, True, True),
        ids: Sequence[int] = (0, 1, 2),
    ) -> None:
        """places: (1 + m, K, 2), now and at the future stamps; else in the middle of the picture.

        sigma: (1 + m, K); else 0.
        """
        count = len(ids)
        if places is None:
            places = np.broadcast_to([size[1] / 2, size[0] / 2], (1 + len(future), count, 2))
        if sigma is None:
            sigma = np.zeros(places.shape[:2])
        types = self.store.types
        names = types['tkn_ros/msg/Keypoint'].__dataclass_fields__

        def point(k: int, place, spread: float):
            values = {'x': place[0], 'y': place[1], 'intensity': 0.5}
            values |= {'id': ids[k], 'active': active[k], 'sigma': spread}
            known = {name: value for name, value in values.items() if name in names}
            return types['tkn_ros/msg/Keypoint'](**known)

        frames = [
            types['tkn_ros/msg/KeypointFrame'](
                stamp=time(when), keypoints=[point(k, at[k], wide[k]) for k in range(count)]
            )
            for when, at, wide in zip((stamp, *future), places, sigma)
        ]
        weights = {'weights': 'some.safetensors'} if self.texts is TEXTS else {}
        message = types[KEYPOINTS](
            header=header(stamp),
            image_height=size[0],
            image_width=size[1],
            frame_period=(future[0] - stamp) / 1e9,
            observed=frames[:1],
            predicted=frames[1:],
            processing_time=types['builtin_interfaces/msg/Duration'](0, 10**6),
            **weights,
        )
        cdr = bytes(self.store.serialize_cdr(message, KEYPOINTS))
        self.write_raw(topic, KEYPOINTS, cdr, logged, message_definition(KEYPOINTS, self.texts))

    def warnings(self, topic: str, observed: int, logged: int, levels: dict[str, int]) -> None:
        """levels: by zone, of DangerWarning.msg."""
        about = {'header': header(logged), 'camera': 'camera', 'observed_stamp': time(observed)}
        duration = T['builtin_interfaces/msg/Duration'](0, 0)
        message = T[WARNINGS](
            **about,
            warnings=[
                T['tkn_ros/msg/DangerWarning'](
                    **about,
                    level=level,
                    stale=False,
                    untrusted=False,
                    zone=zone,
                    probability=0.5,
                    time_to_entry=duration,
                    ids=np.zeros(0, np.uint32),
                )
                for zone, level in levels.items()
            ],
        )
        cdr = bytes(STORE.serialize_cdr(message, WARNINGS))
        self.write_raw(topic, WARNINGS, cdr, logged, message_definition(WARNINGS, WARNING_TEXTS))
