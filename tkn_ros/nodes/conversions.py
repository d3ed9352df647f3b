"""Between ROS messages and arrays: pure functions, no node, no state."""

from array import array

import cv2
import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from tkn_ros.msg import Keypoint, KeypointFrame, PredictedKeypoints
from tkn_ros.streaming.path_errors import (
    ObservedKeypoints,
    StampedPaths,
    before_newest,
    velocity_of,
)
from tkn_ros.streaming.prediction import KeypointColumns, Prediction, message_columns
from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.geometry import InputGeometry
from tkn_ros.video.stamps import NS, to_ns


def to_time(ns: int) -> Time:
    """Nanoseconds as a message's time."""
    return Time(sec=ns // NS, nanosec=ns % NS)


def image_to_rgb(message: Image | CompressedImage) -> np.ndarray:
    """The picture in a message: (H, W, 3) uint8 RGB. Raises what `video.encodings` raises."""
    return message_to_rgb(message)


def rgb_to_image(image: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """(H, W, 3) uint8 RGB as an rgb8 message.

    Args:
        image: (H, W, 3) uint8 RGB.
        stamp_ns: time [ns].
        frame_id: coordinate frame of the camera.
    """
    height, width = image.shape[:2]
    data = array('B')
    data.frombytes(image.tobytes())  # a hundred times faster than assigning the ndarray or a list
    return Image(
        header=Header(stamp=to_time(stamp_ns), frame_id=frame_id),
        height=height,
        width=width,
        encoding='rgb8',
        is_bigendian=0,
        step=3 * width,
        data=data,
    )


def rgb_to_compressed(image: np.ndarray, stamp_ns: int, frame_id: str) -> CompressedImage:
    """(H, W, 3) uint8 RGB as a JPEG, named as image_transport's own publisher names it.

    Args:
        image: (H, W, 3) uint8 RGB.
        stamp_ns: time [ns].
        frame_id: coordinate frame of the camera.
    """
    _, encoded = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    data = array('B')
    data.frombytes(encoded.tobytes())
    return CompressedImage(
        header=Header(stamp=to_time(stamp_ns), frame_id=frame_id),
        format='rgb8; jpeg compressed bgr8',
        data=data,
    )


def prediction_to_message(
    prediction: Prediction,
    frame_id: str,
    processing_ns: int,
    weights: str = '',
    geometry: InputGeometry | None = None,
) -> PredictedKeypoints:
    """A prediction as a message, its keypoints in pixels of the newest observed image.

    Args:
        prediction: of `SlidingWindow.predict`.
        frame_id: coordinate frame of the camera.
        processing_ns: how long it took [ns].
        weights: name of the network's weights.
        geometry: where the network's picture lies in the camera's image; None: it is the image.
    """
    height, width = geometry.source if geometry else prediction.newest.image.shape[:2]
    to_source = geometry.to_source if geometry else np.asarray

    def frames(columns: KeypointColumns) -> list[KeypointFrame]:
        values = columns.intensity[..., None], columns.sigma[..., None]
        rows = np.concatenate([to_source(columns.places), *values], -1).tolist()
        return [
            KeypointFrame(
                stamp=to_time(stamp),
                keypoints=[
                    Keypoint(id=i, active=a, x=x, y=y, intensity=v, sigma=s)
                    for i, a, (x, y, v, s) in zip(ids, now, row)
                ],
            )
            for stamp, row, now in zip(columns.stamps_ns, rows, columns.active.tolist())
        ]

    ids = prediction.ids.tolist()
    observed, predicted = (frames(columns) for columns in message_columns(prediction))
    return PredictedKeypoints(
        header=Header(stamp=to_time(prediction.newest.stamp_ns), frame_id=frame_id),
        image_height=height,
        image_width=width,
        frame_period=prediction.period_ns / NS,
        observed=observed,
        predicted=predicted,
        processing_time=Duration(sec=processing_ns // NS, nanosec=processing_ns % NS),
        weights=weights,
    )


def message_to_paths(message: PredictedKeypoints) -> StampedPaths:
    """What a prediction says, for `streaming.path_errors`."""

    def places(frames: list[KeypointFrame]) -> np.ndarray:
        return np.array([[(k.x, k.y) for k in f.keypoints] for f in frames], float).reshape(
            len(frames), -1, 2
        )

    now, observed = message.observed[-1].keypoints, places(message.observed)
    return StampedPaths(
        to_ns(message.header.stamp),
        message.image_width,
        ObservedKeypoints(
            np.array([k.id for k in now], int),
            observed[-1],
            np.array([k.active for k in now], bool),
            before_newest(observed),
        ),
        velocity_of(observed),
        [to_ns(frame.stamp) for frame in message.predicted],
        places(message.predicted),
        np.array([[k.sigma for k in f.keypoints] for f in message.predicted], float),
    )
