"""A prediction as the bytes of a PredictedKeypoints message, without ROS.

All of the message but its strings lies on multiples of four bytes, so that whole frames of
keypoints are filled as arrays: 0.1 ms in place of 3 through message objects.
"""

from __future__ import annotations

import numpy as np

from tkn_ros.streaming.prediction import KeypointColumns, Prediction, message_columns
from tkn_ros.video.geometry import InputGeometry
from tkn_ros.video.stamps import NS

TYPE = 'tkn_ros/msg/PredictedKeypoints'
_HEAD = bytes([0, 1, 0, 0])  # CDR, little endian
_KEYPOINT = np.dtype(
    {
        'names': ['id', 'active', 'x', 'y', 'intensity', 'sigma'],
        'formats': ['<u4', 'u1', '<f4', '<f4', '<f4', '<f4'],
        'offsets': [0, 4, 8, 12, 16, 20],
        'itemsize': 24,
    }
)


def prediction_cdr(
    prediction: Prediction,
    frame_id: str = '',
    weights: str = '',
    processing_ns: int = 0,
    geometry: InputGeometry | None = None,
) -> bytes:
    """What `prediction_to_message` makes, serialised.

    Args:
        prediction: of `SlidingWindow.predict`.
        frame_id: coordinate frame of the camera.
        weights: name of the network's weights.
        processing_ns: how long it took [ns].
        geometry: where the network's picture lies in the camera's image; None: it is the image.
    """
    height, width = geometry.source if geometry else prediction.newest.image.shape[:2]
    to_source = geometry.to_source if geometry else np.asarray
    ids = prediction.ids
    return b''.join(
        [
            _HEAD,
            _stamps([prediction.newest.stamp_ns]).tobytes(),
            _string(frame_id),
            np.array([height, width], '<u4').tobytes(),
            np.array([prediction.period_ns / NS], '<f4').tobytes(),
            *(_frames(c, to_source(c.places), ids) for c in message_columns(prediction)),
            _stamps([processing_ns]).tobytes(),
            _string(weights, last=True),
        ]
    )


def _frames(columns: KeypointColumns, places: np.ndarray, ids: np.ndarray) -> bytes:
    """A list of KeypointFrame; places: (f, K, 2) in the camera's image, ids: (K,)."""
    count, k = columns.sigma.shape
    frames = np.zeros(
        count, [('stamp', '<u4', 2), ('count', '<u4'), ('keypoints', _KEYPOINT, (k,))]
    )
    frames['stamp'], frames['count'] = _stamps(columns.stamps_ns), k
    points = frames['keypoints']
    points['id'], points['active'] = ids, columns.active
    points['x'], points['y'] = places[..., 0], places[..., 1]
    points['intensity'], points['sigma'] = columns.intensity, columns.sigma
    return np.array([count], '<u4').tobytes() + frames.tobytes()


def _stamps(stamps: list[int]) -> np.ndarray:
    """(f,) [ns] -> (f, 2), seconds and nanoseconds."""
    return np.array([divmod(stamp, NS) for stamp in stamps]).astype('<u4')


def _string(text: str, last: bool = False) -> bytes:
    """With its length, the closing zero, and zeros up to a multiple of four bytes."""
    raw = text.encode() + b'\0'
    return np.array([len(raw)], '<u4').tobytes() + raw + bytes(0 if last else -len(raw) % 4)
