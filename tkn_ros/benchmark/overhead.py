"""What a node does around the network, timed: a camera's picture in, messages out."""

import time
from collections.abc import Callable

import cv2
import numpy as np

from tkn_ros.video.encodings import compressed_to_rgb

CAMERA = 480, 640  # height and width of the picture that comes in
REPETITIONS = 30


def time_overhead(height: int, width: int, horizon: int) -> dict[str, float]:
    """Median times [ms] of one prediction's other work on this machine.

    decode_image: a JPEG of CAMERA's size; resize: to the network's size; publish: `horizon` frames
    as serialised sensor_msgs/Image, without their transport.
    """
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (CAMERA[0] // 8, CAMERA[1] // 8, 3), np.uint8)
    picture = cv2.resize(coarse, CAMERA[::-1], interpolation=cv2.INTER_CUBIC)
    _, jpeg = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    frames = rng.integers(0, 256, (horizon, height, width, 3), np.uint8)
    serialise = _serialiser()
    return {
        'decode_image': _median(lambda: compressed_to_rgb('jpeg', jpeg)),
        'resize': _median(
            lambda: cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        ),
        'publish': _median(lambda: [serialise(i, frame) for i, frame in enumerate(frames)]),
    }


def _serialiser() -> Callable[[int, np.ndarray], object]:
    """(nanoseconds, (H, W, 3) uint8) -> the bytes of a sensor_msgs/Image."""
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    image, header, stamp = (
        store.types[name]
        for name in ('sensor_msgs/msg/Image', 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time')
    )

    def serialise(nanoseconds: int, frame: np.ndarray) -> memoryview:
        height, width = frame.shape[:2]
        message = image(
            header(stamp(*divmod(nanoseconds, 10**9)), 'camera'),
            height,
            width,
            'rgb8',
            0,
            3 * width,
            frame.reshape(-1),
        )
        return store.serialize_cdr(message, 'sensor_msgs/msg/Image')

    return serialise


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPETITIONS + 3):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times[3:]))
