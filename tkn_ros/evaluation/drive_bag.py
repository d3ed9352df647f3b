"""What the node would have published of a drive, on its original timeline: predictions.mcap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from tkn_ros.evaluation.drive import DriveStep
from tkn_ros.evaluation.drive_warnings import DriveWarnings
from tkn_ros.install import message_texts
from tkn_ros.streaming.prediction_cdr import TYPE, prediction_cdr
from tkn_ros.video.bag_writer import IMAGE_TYPE, BagWriter, image_serialiser, message_definition
from tkn_ros.video.stamps import NS
from tkn_ros.warning.decision import ZoneWarning

NAMESPACE = '/tkn/'
KEYPOINTS, FRAMES, WARNINGS = (
    NAMESPACE + name for name in ('predicted_keypoints', 'predicted_frames', 'danger_warnings')
)
WARNINGS_TYPE = 'tkn_ros/msg/DangerWarnings'
MOST_SECONDS = 2**31 - 1  # that a Duration holds


class PredictionBag:
    """Writes each prediction under the time at which its image was recorded; a judge of `Drive`.

    Args:
        bag: open.
        weights: name of the network's weights.
        warnings: whose newest ones are written too; it must be told of each image first.
    """

    def __init__(self, bag: BagWriter, weights: str, warnings: DriveWarnings | None = None) -> None:
        self._bag, self._weights, self._warnings = bag, weights, warnings
        texts = message_texts('Keypoint', 'KeypointFrame', 'PredictedKeypoints')
        self._definition = message_definition(TYPE, texts)
        self._serialise = _WarningSerialiser() if warnings else None

    def add(self, step: DriveStep) -> None:
        """The next image."""
        if step.prediction is None:
            return
        cdr = prediction_cdr(step.prediction, step.frame_id, self._weights, 0, step.geometry)
        self._bag.write_raw(KEYPOINTS, TYPE, cdr, step.logged_ns, self._definition)
        if self._warnings and self._warnings.newest and self._serialise:
            cdr = self._serialise(self._warnings.newest, step)
            self._bag.write_raw(
                WARNINGS, WARNINGS_TYPE, cdr, step.logged_ns, self._serialise.definition
            )

    def add_frames(self, step: DriveStep, frames: Sequence[np.ndarray]) -> None:
        """Predicted frames of an image, stamped with the moments that they show.

        Args:
            step: the image, with its prediction.
            frames: m, (h, w, 3) uint8 RGB.
        """
        assert step.prediction is not None
        serialise = image_serialiser(step.frame_id)
        for stamp, frame in zip(step.prediction.predicted_ns, frames):
            self._bag.write_raw(FRAMES, IMAGE_TYPE, serialise(frame, stamp), step.logged_ns)

    def end(self) -> None:
        """Nothing is left to write."""


class _WarningSerialiser:
    """Warnings as the bytes of a DangerWarnings message; `definition` is of the message."""

    def __init__(self) -> None:
        texts = message_texts('DangerWarning', 'DangerWarnings')
        self.definition = message_definition(WARNINGS_TYPE, texts)
        self._store = get_typestore(Stores.ROS2_JAZZY)
        for name, text in texts.items():
            self._store.register(get_types_from_msg(text, name))

    def __call__(self, warnings: Sequence[ZoneWarning], step: DriveStep) -> bytes:
        types = self._store.types
        stamp = types['builtin_interfaces/msg/Time'](*divmod(step.stamp_ns, NS))
        header = types['std_msgs/msg/Header'](stamp, step.frame_id)
        about: dict[str, Any] = {'header': header, 'camera': step.frame_id, 'observed_stamp': stamp}
        message = types[WARNINGS_TYPE](
            **about,
            warnings=[
                types['tkn_ros/msg/DangerWarning'](
                    **about,
                    level=int(w.level),
                    stale=w.stale,
                    untrusted=w.untrusted,
                    zone=w.zone,
                    probability=w.probability,
                    time_to_entry=types['builtin_interfaces/msg/Duration'](
                        *_duration(w.time_to_entry)
                    ),
                    ids=np.array(w.ids, np.uint32),
                )
                for w in warnings
            ],
        )
        return bytes(self._store.serialize_cdr(message, WARNINGS_TYPE))


def _duration(seconds: float) -> tuple[int, int]:
    """Seconds and nanoseconds; -1 where nothing is foreseen."""
    if not math.isfinite(seconds):
        return -1, 0
    return divmod(round(min(seconds, MOST_SECONDS) * NS), NS)
