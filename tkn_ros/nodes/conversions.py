"""Between ROS messages and arrays: pure functions, no node, no state."""

from array import array

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from tkn_ros.msg import Keypoint, KeypointFrame, PredictedKeypoints
from tkn_ros.streaming.window import Prediction
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


def to_pixels(keypoints: np.ndarray, cells: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Model coordinates to pixels of the source image.

    Returns (.., 3) = (x, y in pixels with 0 at a pixel's centre, v).

    Args:
        keypoints: (.., 3) = (x, y, v), x and y in [-1, 1] from the centre of the heatmap's first
            cell to that of its last.
        cells: the heatmap's (height, width).
        size: the image's (height, width).
    """
    out = np.array(keypoints, np.float64)
    for axis, (n, pixels) in enumerate(((cells[1], size[1]), (cells[0], size[0]))):
        cell = (out[..., axis] + 1) / 2 * (n - 1)
        out[..., axis] = (cell + 0.5) / n * pixels - 0.5
    return out


def keypoint_frame(stamp_ns: int, keypoints: np.ndarray) -> KeypointFrame:
    """(K, 3) in pixels at one moment as a message."""
    return KeypointFrame(
        stamp=to_time(stamp_ns),
        keypoints=[Keypoint(x=x, y=y, intensity=v) for x, y, v in keypoints.tolist()],
    )


def prediction_to_message(
    prediction: Prediction, cells: tuple[int, int], frame_id: str, processing_ns: int
) -> PredictedKeypoints:
    """A prediction as a message, its keypoints in pixels of the newest observed image.

    Args:
        prediction: of `SlidingWindow.predict`.
        cells: the heatmap's (height, width).
        frame_id: coordinate frame of the camera.
        processing_ns: how long it took [ns].
    """
    height, width = prediction.newest.image.shape[:2]

    def frames(stamps: list[int], keypoints: np.ndarray) -> list[KeypointFrame]:
        pixels = to_pixels(keypoints, cells, (height, width))
        # a network may predict a little below nothing; the message says 0 or more
        pixels[..., 2] = np.maximum(pixels[..., 2], 0)
        return [keypoint_frame(s, k) for s, k in zip(stamps, pixels)]

    return PredictedKeypoints(
        header=Header(stamp=to_time(prediction.newest.stamp_ns), frame_id=frame_id),
        image_height=height,
        image_width=width,
        frame_period=prediction.period_ns / NS,
        observed=frames(prediction.observed_ns, prediction.observed),
        predicted=frames(prediction.predicted_ns, prediction.predicted),
        processing_time=Duration(sec=processing_ns // NS, nanosec=processing_ns % NS),
    )
