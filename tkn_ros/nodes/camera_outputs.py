"""What the predictor publishes for one camera. Nothing is computed without a subscriber."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from rclpy.exceptions import InvalidHandle
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32, Header

from tkn_ros.msg import PredictedFrameInfo, PredictedKeypoints
from tkn_ros.nodes.calibration import Calibration
from tkn_ros.nodes.conversions import (
    prediction_to_message,
    rgb_to_compressed,
    rgb_to_image,
    to_time,
)
from tkn_ros.nodes.path_visualisation import PathVisualisation
from tkn_ros.nodes.predictor_parameters import Settings
from tkn_ros.streaming.frame_drawing import FrameDrawing
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.prediction_cdr import prediction_cdr
from tkn_ros.streaming.worker import Counters
from tkn_ros.video.drawing import KeypointPaths, montage
from tkn_ros.video.geometry import InputGeometry

IN_MONTAGE = 10  # frames drawn for a montage at most
RESULTS = 10  # messages that wait for a subscriber


class CameraOutputs:
    """Topics of one camera; frames are published by the thread that draws, the rest by another.

    Args:
        node: whose topics they are.
        name: of the camera, before the topics; '' for the only one.
        topic: of the camera's images, without `/compressed`.
        frames: drawn of one prediction.
        keypoints: whether predictions have any; topics of them are not there otherwise.

    Attributes:
        calibration: of the camera and of its predicted frames.
    """

    def __init__(
        self, node: LifecycleNode, name: str, topic: str, frames: int, keypoints: bool = True
    ) -> None:
        self.node, self.name = node, name
        self._offering = threading.Lock()  # held while frames are published
        self._depth = 0
        out = partial(node.create_lifecycle_publisher, qos_profile=RESULTS)
        self._keypoints: Any = None
        self._visualisation: PathVisualisation | None = None
        if keypoints:
            self._keypoints = out(PredictedKeypoints, self._below('predicted_keypoints'))
            self._visualisation = PathVisualisation(node, self._below)
        self._montages = out(Image, self._below('debug/montage'))
        self._latency = out(Float32, self._below('debug/latency_ms'))
        self.calibration = Calibration(node, topic, self._below('predicted_frames/camera_info'))
        self._frames: tuple[Any, ...] = ()  # raw, compressed, info
        self.make_room(frames)

    def _below(self, topic: str) -> str:
        return f'{self.name}/{topic}' if self.name else topic

    def make_room(self, frames: int) -> None:
        """Publishers with room for two bursts of so many frames."""
        depth = max(RESULTS, 2 * frames)
        if depth <= self._depth:
            return
        former, outs = self._frames, []
        active = any(p.is_activated for p in former)
        with self._offering:
            for kind, topic in (
                (Image, 'predicted_frames'),
                (CompressedImage, 'predicted_frames/compressed'),
                (PredictedFrameInfo, 'predicted_frames_info'),
            ):
                outs.append(self.node.create_lifecycle_publisher(kind, self._below(topic), depth))
                if active:
                    outs[-1].on_activate(None)
            self._frames, self._depth = tuple(outs), depth
            for publisher in former:
                self.node.destroy_lifecycle_publisher(publisher)

    def close(self) -> None:
        """Give the topics back."""
        if self._visualisation is not None:
            self._visualisation.close()
            self.node.destroy_lifecycle_publisher(self._keypoints)
        self.calibration.close()
        for publisher in (self._montages, self._latency, *self._frames):
            self.node.destroy_lifecycle_publisher(publisher)

    def wants_predictions(self) -> bool:
        """Whether anybody listens."""
        return _subscribed(self._latency) or self._wants_keypoints() or self.wants_pictures()

    def _wants_keypoints(self) -> bool:
        if self._visualisation is None:
            return False
        return _subscribed(self._keypoints) or self._visualisation.wanted()

    def wants_pictures(self) -> bool:
        """Whether anything has to be drawn."""
        return _subscribed(*self._frames[:2], self._montages)

    def publish_keypoints(
        self,
        prediction: Prediction,
        frame_id: str,
        processing_ns: int,
        weights: str,
        place: InputGeometry,
    ) -> None:
        """Send `predicted_keypoints`, and what shows it, to whoever subscribes.

        Args:
            prediction: of the window.
            frame_id: coordinate frame of the camera.
            processing_ns: how long it took [ns].
            weights: name of the network's weights.
            place: where in the camera's image the network's input is.
        """
        if self._visualisation is None:
            return
        if _subscribed(self._keypoints):
            cdr = prediction_cdr(prediction, frame_id, weights, processing_ns, place)
            self._keypoints.publish(cdr)
        if self._visualisation.wanted():
            message = prediction_to_message(prediction, frame_id, processing_ns, weights, place)
            self._visualisation.publish(message, self.calibration.newest)

    def publish_latency(self, latency_ms: float) -> None:
        """From the image's stamp to its keypoints."""
        if _subscribed(self._latency):
            self._latency.publish(Float32(data=latency_ms))

    def draw(
        self,
        prediction: Prediction,
        frame_id: str,
        settings: Settings,
        drawing: FrameDrawing,
        counters: Counters,
        place: InputGeometry,
    ) -> None:
        """Draw a prediction's steps and publish each as it is ready.

        Args:
            prediction: of `SlidingWindow.predict`.
            frame_id: of the camera.
            settings: as they were for this prediction.
            drawing: of frames.
            counters: whose `frames_decoded` counts.
            place: of what the network sees in the camera's image.
        """
        size = settings.size_for(prediction.newest.image.shape[:2])
        settings.check_memory(size)
        wants_montage = _subscribed(self._montages)
        wants_frames = _subscribed(*self._frames[:2])
        steps: Sequence[int] = [s for s in settings.steps if s <= len(prediction.predicted)]
        if not wants_frames:
            spread = np.linspace(0, len(steps) - 1, min(len(steps), IN_MONTAGE))
            steps = [steps[i] for i in spread.round().astype(int)]
        shown: list[np.ndarray] = []
        for step, frame in zip(steps, drawing.frames(prediction, steps, size)):
            counters.frames_decoded += 1
            if wants_frames:
                shows = place.without_bars(frame)
                self._publish_frame(prediction, step, shows, frame_id)
                stamp = prediction.predicted_ns[step - 1]
                self.calibration.publish(place.shown, shows.shape[:2], stamp, frame_id)
            if wants_montage and len(shown) < IN_MONTAGE:
                shown.append(frame)
        if shown:
            self._montages.publish(self._montage(prediction, np.stack(shown), frame_id))

    def _publish_frame(
        self, prediction: Prediction, step: int, frame: np.ndarray, frame_id: str
    ) -> None:
        stamp = prediction.predicted_ns[step - 1]
        with self._offering:
            raw, compressed, info = self._frames
            if _subscribed(raw):
                raw.publish(rgb_to_image(frame, stamp, frame_id))
            if _subscribed(compressed):
                compressed.publish(rgb_to_compressed(frame, stamp, frame_id))
            if _subscribed(info):
                info.publish(
                    PredictedFrameInfo(
                        header=Header(stamp=to_time(stamp), frame_id=frame_id),
                        observed_stamp=to_time(prediction.newest.stamp_ns),
                        step=step,
                        horizon=len(prediction.predicted),
                    )
                )

    def _montage(self, prediction: Prediction, frames: np.ndarray, frame_id: str) -> Image:
        pixels = prediction.pixels()
        paths = KeypointPaths(
            pixels.observed[-1],
            pixels.predicted,
            pixels.sigma,
            prediction.active,
            prediction.ids,
        )
        image = montage(prediction.newest.image, frames, paths)
        return rgb_to_image(image, prediction.newest.stamp_ns, frame_id)


def _subscribed(*publishers: Any) -> bool:
    """Whether one of them has a subscriber."""
    try:
        return any(p.get_subscription_count() for p in publishers)
    except InvalidHandle:  # replaced by another in this moment
        return False
