"""The predictor node: a camera in, its predicted frames and keypoints out.

What is predicted, and when, is the policy of `streaming/worker.py`; here it is wired to topics.
"""

import os
import threading
import time
from pathlib import Path

import numpy as np
import torch
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32

from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.model.devices import select_device
from tkn_ros.msg import PredictedKeypoints
from tkn_ros.nodes.conversions import (
    image_to_rgb,
    prediction_to_message,
    rgb_to_image,
)
from tkn_ros.nodes.diagnostics import diagnostics
from tkn_ros.nodes.predictor_parameters import declare_parameters
from tkn_ros.nodes.qos import FollowingSubscription
from tkn_ros.nodes.run import run
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.window import make_window
from tkn_ros.streaming.worker import Worker, warm_up
from tkn_ros.video.drawing import KeypointPaths, montage
from tkn_ros.video.encodings import UnsupportedEncoding
from tkn_ros.video.stamps import NS, to_ns

SILENCE = 5.0  # [s] without an image, after which the node says so


class PredictorNode(Node):
    """See config/predict.yaml for the parameters and README.md for the topics."""

    def __init__(self) -> None:
        super().__init__('predictor')
        p = declare_parameters(self)
        self.output_size = p.output_size
        # a thread more than there are free cores makes inference many times slower, not faster
        torch.set_num_threads(p.threads or max(1, (os.cpu_count() or 2) - 1))
        model = load_checkpoint(p.weights, select_device(p.device))
        self.weights = Path(p.weights).name or 'default'
        engine = make_backend(model, p.backend, horizon=p.horizon, window=p.window)
        window = make_window(
            model, p.window, round(NS / p.frame_rate) if p.frame_rate else 0, engine
        )
        width, height = self.output_size
        warm_up(window, p.horizon, (height, width) if width > 0 else None)
        self.worker = Worker(window, self, p.horizon, p.stride)
        self.refused: set[str] = set()  # encodings already complained about
        self.latency_ms = 0.0
        self.silent = False
        self.add_on_set_parameters_callback(self._on_parameters)

        results = QoSProfile(depth=10)
        self.keypoints_out = self.create_publisher(
            PredictedKeypoints, 'predicted_keypoints', results
        )
        self.offering = threading.Lock()  # held while frames are published
        self.frames_out = self._offer_frames()
        self.montage_out = self.create_publisher(Image, 'debug/montage', results)
        self.latency_out = self.create_publisher(Float32, 'debug/latency_ms', results)
        self.diagnostics_out = self.create_publisher(DiagnosticArray, '/diagnostics', results)

        self.worker.start()
        topic = self.resolve_topic_name('image')
        if p.image_transport == 'compressed':
            topic += '/compressed'
        self.images_in = FollowingSubscription(
            self,
            CompressedImage if p.image_transport == 'compressed' else Image,
            topic,
            self.worker.put,
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(0.2, self._watch, clock=steady)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)
        self.get_logger().info(
            f'{window.window} frames in, {p.horizon} out, on {window.device} by '
            f'{engine.name} {engine.precision} ({engine.reason}); '
            f'waiting for images: {self.images_in.describe()}'
        )

    # ---- the executor's thread: store, watch, report

    def _watch(self) -> None:
        if self.images_in.follow():
            kind = 'reliable' if self.images_in.reliable else 'best effort'
            self.get_logger().info(f'subscribed again as {kind}, as the publisher offers it')
        silence = time.monotonic() - self.worker.last_received
        if silence > SILENCE and not self.silent:
            self.get_logger().warning(
                f'no image for {silence:.0f} s on {self.images_in.describe()}. Check the topic '
                '(image:=..), image_transport, QoS, and for large images '
                'FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA or UDPv4 on both sides'
            )
        self.silent = silence > SILENCE

    def _on_parameters(self, parameters) -> SetParametersResult:
        for parameter in parameters:  # their ranges are checked already
            if parameter.name in ('horizon', 'stride'):
                setattr(self.worker, parameter.name, parameter.value)
        if 2 * self.worker.horizon > self.frames_depth:
            with self.offering:
                self.destroy_publisher(self.frames_out)
                self.frames_out = self._offer_frames()
        return SetParametersResult(successful=True)

    def _offer_frames(self) -> Publisher:
        # one prediction is a burst of `horizon` messages: two of them must fit
        self.frames_depth = max(10, 2 * self.worker.horizon)
        return self.create_publisher(Image, 'predicted_frames', self.frames_depth)

    def _publish_diagnostics(self) -> None:
        window = self.worker.window
        message = diagnostics(
            f'{self.get_fully_qualified_name()}: prediction',
            self.images_in.topic,
            self.worker.counters,
            self.silent,
            {
                'latency_ms': f'{self.latency_ms:.1f}',
                'busy_ms': f'{self.worker.busy_ns / 1e6:.1f}',
                'frame_period_s': window.period_ns / NS,
                'device': window.device,
                'backend': f'{window.backend.name} {window.backend.precision}',
            },
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics_out.publish(message)

    # ---- the worker's thread: what `streaming.worker.Client` asks for

    def read(self, item: Image | CompressedImage) -> tuple[int, np.ndarray]:
        """The stamp [ns] and the picture of a message."""
        return to_ns(item.header.stamp), image_to_rgb(item)

    def report_bad(self, error: ValueError) -> None:
        """Log an unusable image; an encoding only once."""
        if not isinstance(error, UnsupportedEncoding):
            self.get_logger().error(f'image passed over: {error}', throttle_duration_sec=5.0)
        elif error.encoding not in self.refused:
            self.refused.add(error.encoding)
            self.get_logger().error(f'images passed over: {error}')

    def report_reset(self, reason: str) -> None:
        """Log that the window restarts."""
        self.get_logger().warning(f'{reason}: the window restarts')

    def report_failure(self, error: Exception) -> None:
        """Log what failed, unless the node is ending."""
        if self.context.ok():
            self.get_logger().error(
                f'an image was passed over: {type(error).__name__}: {error}',
                throttle_duration_sec=5.0,
            )

    def wants_predictions(self) -> bool:
        """Whether anybody listens."""
        with self.offering:
            return any(
                p.get_subscription_count()
                for p in (self.frames_out, self.keypoints_out, self.montage_out, self.latency_out)
            )

    def deliver(
        self, item: Image | CompressedImage, prediction: Prediction, processing_ns: int
    ) -> None:
        """Publish a prediction: keypoints first, then frames, each only if somebody listens.

        Args:
            item: the image that it starts from.
            prediction: of `SlidingWindow.predict`.
            processing_ns: how long it took [ns].
        """
        frame_id = item.header.frame_id
        if self.keypoints_out.get_subscription_count():
            self.keypoints_out.publish(
                prediction_to_message(prediction, frame_id, processing_ns, self.weights)
            )
        age = self.get_clock().now().nanoseconds - prediction.newest.stamp_ns
        self.latency_ms = age / 1e6
        if self.latency_out.get_subscription_count():
            self.latency_out.publish(Float32(data=self.latency_ms))
        with self.offering:
            wants_frames = self.frames_out.get_subscription_count()
        wants_montage = self.montage_out.get_subscription_count()
        if wants_frames or wants_montage:
            frames = self.worker.render(prediction, self._render_size(prediction))
            if wants_frames:
                with self.offering:
                    for stamp, frame in zip(prediction.predicted_ns, frames):
                        self.frames_out.publish(rgb_to_image(frame, stamp, frame_id))
            if wants_montage:
                self.montage_out.publish(self._montage(prediction, frames, frame_id))

    def _render_size(self, prediction: Prediction) -> tuple[int, int] | None:
        width, height = self.output_size
        if width < 0:
            return prediction.newest.image.shape[:2]
        return (height, width) if width else None

    def _montage(self, prediction: Prediction, frames: np.ndarray, frame_id: str) -> Image:
        image = prediction.newest.image
        pixels = prediction.pixels()
        paths = KeypointPaths(
            pixels.observed[-1],
            pixels.predicted,
            pixels.sigma,
            prediction.active,
            prediction.ids,
        )
        return rgb_to_image(montage(image, frames, paths), prediction.newest.stamp_ns, frame_id)

    def destroy_node(self) -> None:
        """Stop the worker before the publishers go."""
        self.worker.stop()
        super().destroy_node()


def main() -> int:
    """`ros2 run tkn_ros predictor`."""
    return run(PredictorNode)


if __name__ == '__main__':
    raise SystemExit(main())
