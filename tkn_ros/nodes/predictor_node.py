"""The predictor node: a camera in, its predicted frames and keypoints out.

The subscription's callback only stores. One worker owns the model: it encodes what has come and
predicts from the newest frame; a frame for which a prediction was due but which a newer one
overtook is counted as dropped.
"""

import os
import threading
import time
from collections import deque
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
    NS,
    image_to_rgb,
    prediction_to_message,
    rgb_to_image,
    to_ns,
)
from tkn_ros.nodes.diagnostics import Counters, diagnostics
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import FollowingSubscription
from tkn_ros.nodes.run import run
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.drawing import KeypointPaths, montage
from tkn_ros.video.encodings import UnsupportedEncoding

SILENCE = 5.0  # [s] without an image, after which the node says so
WAITING = 8  # images stored at most; a worker that is further behind will not catch up
MADE_UP = 4  # images at most that are predicted from in a row after a hiccup


class PredictorNode(Node):
    """See config/predict.yaml for the parameters and README.md for the topics."""

    def __init__(self):
        super().__init__('predictor')
        window = declare(
            self,
            'window',
            0,
            'Frames observed for a prediction; 0: as the weights were trained',
            0,
            256,
        )
        self.horizon = declare(self, 'horizon', 10, 'Frames predicted', 1, 1000, read_only=False)
        frame_rate = declare(
            self,
            'frame_rate',
            0.0,
            "Frames a second in the window and in the prediction [Hz]; 0: the camera's own rate",
            0.0,
            240.0,
        )
        self.stride = declare(
            self, 'stride', 1, 'Predict at every stride-th image', 1, 10000, read_only=False
        )
        weights = declare(self, 'weights', '', 'Checkpoint (.safetensors); empty: the bundled one')
        device = declare(self, 'device', 'auto', 'auto, cpu, cuda or cuda:N')
        self.output_size = _output_size(
            declare(
                self,
                'output_size',
                [0, 0],
                'Width and height [pixel] of the predicted frames; '
                "[0, 0]: the model's own size; [-1, -1]: the camera's",
            )
        )
        transport = declare(
            self,
            'image_transport',
            'raw',
            'raw: sensor_msgs/Image; compressed: '
            'sensor_msgs/CompressedImage on the same topic + "/compressed"',
        )
        threads = declare(
            self,
            'threads',
            0,
            'CPU threads of the inference; 0: all cores but one, '
            'which the middleware and the other nodes need',
            0,
            256,
        )
        backend = declare(
            self,
            'backend',
            'auto',
            'What runs the network: auto (the fastest of a '
            'short trial at the first start), eager, compile, onnxruntime, openvino '
            'or cuda',
        )
        if transport not in ('raw', 'compressed'):
            raise ValueError(f'image_transport is "{transport}", expected "raw" or "compressed"')

        # a thread more than there are free cores makes inference many times slower, not faster
        torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) - 1))
        model = load_checkpoint(weights, select_device(device))
        self.weights = Path(weights).name or 'default'
        engine = make_backend(model, backend, horizon=self.horizon, window=window)
        self.window = SlidingWindow(
            model, window, round(NS / frame_rate) if frame_rate else 0, engine
        )
        _warm_up(self.window, self.horizon, self.output_size)

        self.counters = Counters()
        self.waiting: deque = deque()  # (Image or CompressedImage, whether a prediction is due)
        self.wake = threading.Condition()
        self.stopping = False
        self.refused: set[str] = set()  # encodings already complained about
        self.latency_ms = 0.0
        self.busy_ns = 0.0  # that an image takes, a running mean
        self.last_received = time.monotonic()
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

        self.worker = threading.Thread(target=self._work, name='inference', daemon=True)
        self.worker.start()
        topic = self.resolve_topic_name('image')
        if transport == 'compressed':
            topic += '/compressed'
        self.images_in = FollowingSubscription(
            self, CompressedImage if transport == 'compressed' else Image, topic, self._on_image
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(0.2, self._watch, clock=steady)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)
        self.get_logger().info(
            f'{self.window.window} frames in, {self.horizon} out, on {self.window.device} by '
            f'{engine.name} {engine.precision} ({engine.reason}); '
            f'waiting for images: {self.images_in.describe()}'
        )

    # ---- the executor's thread: store, watch, report

    def _on_image(self, message) -> None:
        with self.wake:
            due = self.counters.received % self.stride == 0
            self.counters.received += 1
            self.last_received = time.monotonic()
            self.waiting.append((message, due))
            if len(self.waiting) > WAITING:
                self.counters.dropped += self.waiting.popleft()[1]
            self.wake.notify()

    def _watch(self) -> None:
        if self.images_in.follow():
            kind = 'reliable' if self.images_in.reliable else 'best effort'
            self.get_logger().info(f'subscribed again as {kind}, as the publisher offers it')
        silence = time.monotonic() - self.last_received
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
                setattr(self, parameter.name, parameter.value)
        if 2 * self.horizon > self.frames_depth:
            with self.offering:
                self.destroy_publisher(self.frames_out)
                self.frames_out = self._offer_frames()
        return SetParametersResult(successful=True)

    def _offer_frames(self) -> Publisher:
        # one prediction is a burst of `horizon` messages: two of them must fit
        self.frames_depth = max(10, 2 * self.horizon)
        return self.create_publisher(Image, 'predicted_frames', self.frames_depth)

    def _publish_diagnostics(self) -> None:
        message = diagnostics(
            f'{self.get_fully_qualified_name()}: prediction',
            self.images_in.topic,
            self.counters,
            self.silent,
            {
                'latency_ms': f'{self.latency_ms:.1f}',
                'busy_ms': f'{self.busy_ns / 1e6:.1f}',
                'frame_period_s': self.window.period_ns / NS,
                'device': self.window.device,
                'backend': f'{self.window.backend.name} {self.window.backend.precision}',
            },
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics_out.publish(message)

    # ---- the worker's thread: it alone touches the window and the model

    def _work(self) -> None:
        while True:
            with self.wake:
                self.wake.wait_for(lambda: self.waiting or self.stopping)
                if self.stopping:
                    return
                taken = list(self.waiting)
                self.waiting.clear()
            try:
                self._process(taken)
            except Exception as error:  # a frame may fail, the node goes on
                if self.stopping or not self.context.ok():
                    return
                self.counters.bad += 1
                self.get_logger().error(
                    f'an image was passed over: {type(error).__name__}: {error}',
                    throttle_duration_sec=5.0,
                )

    def _process(self, taken: list) -> None:
        """Encode all that came, predict from the newest.

        Images that a hiccup delayed are made up for where inference is faster than the camera,
        so that it will not fall behind by it.
        """
        due = [message for message, is_due in taken if is_due]
        keeping_up = self.busy_ns < 0.85 * self.window.period_ns
        chosen = due[-MADE_UP:] if keeping_up else due[-1:]
        self.counters.dropped += len(due) - len(chosen)
        for message, _ in taken:
            started = time.perf_counter_ns()
            if not self._encode(message):
                continue
            if any(message is c for c in chosen) and self._listeners():
                self._predict(message, started)
                self.busy_ns += (time.perf_counter_ns() - started - self.busy_ns) / 8

    def _encode(self, message) -> bool:
        try:
            image = image_to_rgb(message)
        except ValueError as error:
            self.counters.bad += 1
            if not isinstance(error, UnsupportedEncoding):
                self.get_logger().error(f'image passed over: {error}', throttle_duration_sec=5.0)
            elif error.encoding not in self.refused:
                self.refused.add(error.encoding)
                self.get_logger().error(f'images passed over: {error}')
            return False
        reason = self.window.push(to_ns(message.header.stamp), image)
        self.counters.encoded += 1
        if reason:
            self.counters.resets += 1
            self.get_logger().warning(f'{reason}: the window restarts')
        return True

    def _listeners(self) -> int:
        with self.offering:
            return sum(
                p.get_subscription_count()
                for p in (self.frames_out, self.keypoints_out, self.montage_out, self.latency_out)
            )

    def _predict(self, message, started: int) -> None:
        prediction = self.window.predict(self.horizon)
        if prediction is None:  # the window is not full yet
            return
        frame_id = message.header.frame_id
        processing = time.perf_counter_ns() - started
        if self.keypoints_out.get_subscription_count():
            self.keypoints_out.publish(
                prediction_to_message(prediction, frame_id, processing, self.weights)
            )
        age = self.get_clock().now().nanoseconds - prediction.newest.stamp_ns
        self.latency_ms = age / 1e6
        self.counters.predictions += 1
        if self.latency_out.get_subscription_count():
            self.latency_out.publish(Float32(data=self.latency_ms))
        with self.offering:
            wants_frames = self.frames_out.get_subscription_count()
        wants_montage = self.montage_out.get_subscription_count()
        if wants_frames or wants_montage:
            frames = self.window.render(prediction, self._render_size(prediction))
            self.counters.frames_decoded += len(frames)
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
        with self.wake:
            self.stopping = True
            self.wake.notify()
        self.worker.join(timeout=10)
        super().destroy_node()


def _output_size(value) -> tuple[int, int]:
    size = tuple(value)
    if size in ((0, 0), (-1, -1)) or (len(size) == 2 and all(8 <= s <= 4096 for s in size)):
        return size
    raise ValueError(
        f'output_size is {list(size)}, expected [width, height] of 8 to 4096 pixels '
        "each, [0, 0] for the model's own size or [-1, -1] for the camera's"
    )


def _warm_up(window: SlidingWindow, horizon: int, output_size: tuple[int, int]) -> None:
    """The first passes are slow (memory, kernels to choose): have them before the first image."""
    config = window.model.config
    blank = np.zeros((config.height, config.width, 3), np.uint8)
    for i in range(window.window + 1):
        window.push(i * NS, blank)
    if (prediction := window.predict(horizon)) is not None:
        width, height = output_size
        window.render(prediction, (height, width) if width > 0 else None)
    window.clear()


def main() -> int:
    """`ros2 run tkn_ros predictor`."""
    return run(PredictorNode)


if __name__ == '__main__':
    raise SystemExit(main())
