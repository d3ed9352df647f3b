"""Between ROS messages and arrays: pure functions, no node, no state."""

from array import array

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from tkn_ros.msg import Keypoint, KeypointFrame, PredictedKeypoints
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.stamps import NS


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


def prediction_to_message(
    prediction: Prediction, frame_id: str, processing_ns: int, weights: str = ''
) -> PredictedKeypoints:
    """A prediction as a message, its keypoints in pixels of the newest observed image.

    Args:
        prediction: of `SlidingWindow.predict`.
        frame_id: coordinate frame of the camera.
        processing_ns: how long it took [ns].
        weights: name of the network's weights.
    """
    height, width = prediction.newest.image.shape[:2]
    pixels = prediction.pixels()

    def frames(
        stamps: list[int],
        positions: np.ndarray,
        intensity: np.ndarray,
        sigma: np.ndarray,
        active: np.ndarray,
    ) -> list[KeypointFrame]:
        """positions (f, K, 2); intensity, sigma and active (f, K)."""
        # a network may predict a little below nothing; the message says 0 or more
        intensity = np.maximum(intensity, 0)
        rows = np.concatenate([positions, intensity[..., None], sigma[..., None]], -1).tolist()
        return [
            KeypointFrame(
                stamp=to_time(stamp),
                keypoints=[
                    Keypoint(id=i, active=a, x=x, y=y, intensity=v, sigma=s)
                    for i, a, (x, y, v, s) in zip(ids, now, row)
                ],
            )
            for stamp, row, now in zip(stamps, rows, active.tolist())
        ]

    ids = prediction.ids.tolist()
    observed, predicted = prediction.observed, prediction.predicted
    return PredictedKeypoints(
        header=Header(stamp=to_time(prediction.newest.stamp_ns), frame_id=frame_id),
        image_height=height,
        image_width=width,
        frame_period=prediction.period_ns / NS,
        observed=frames(
            prediction.observed_ns,
            pixels.observed,
            observed[..., 2],
            np.zeros(observed.shape[:2]),
            prediction.active & prediction.known,
        ),
        predicted=frames(
            prediction.predicted_ns,
            pixels.predicted,
            predicted[..., 2],
            pixels.sigma,
            np.broadcast_to(prediction.active, predicted.shape[:2]),
        ),
        processing_time=Duration(sec=processing_ns // NS, nanosec=processing_ns % NS),
        weights=weights,
    )
