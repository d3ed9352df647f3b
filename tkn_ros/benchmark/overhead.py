"""What a node does around the network, timed: a camera's picture in, messages out."""

from collections.abc import Callable

import cv2
import numpy as np

from tkn_ros.evaluation.runs import milliseconds
from tkn_ros.video.bag_writer import image_serialiser
from tkn_ros.video.encodings import compressed_to_rgb

CAMERA = 480, 640  # height and width of the picture that comes in
REPETITIONS = 30


def time_overhead(height: int, width: int, horizon: int) -> dict[str, float]:
    """Median times [ms] of one prediction's other work on this machine.

    decode_image: a JPEG of CAMERA's size; resize: to the network's size; publish: `horizon` frames
    as serialised sensor_msgs/Image, without their transport.

    Args:
        height: of the frames [pixel].
        width: of the frames [pixel].
        horizon: m, frames to predict.
    """
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (CAMERA[0] // 8, CAMERA[1] // 8, 3), np.uint8)
    picture = cv2.resize(coarse, CAMERA[::-1], interpolation=cv2.INTER_CUBIC)
    _, jpeg = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    frames = rng.integers(0, 256, (horizon, height, width, 3), np.uint8)
    serialise = image_serialiser()
    work: dict[str, Callable[[], object]] = {
        'decode_image': lambda: compressed_to_rgb('jpeg', jpeg),
        'resize': lambda: cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA),
        'publish': lambda: [serialise(frame, i) for i, frame in enumerate(frames)],
    }
    return {name: milliseconds(part, REPETITIONS) for name, part in work.items()}
