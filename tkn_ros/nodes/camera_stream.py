"""One camera of the predictor: its images in, its predictions out, and what is said about them."""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image

from tkn_ros.nodes.camera_outputs import CameraOutputs
from tkn_ros.nodes.predictor_parameters import Settings
from tkn_ros.nodes.qos import FollowingSubscription
from tkn_ros.streaming.frame_drawing import FrameDrawing
from tkn_ros.streaming.health import Health, Report
from tkn_ros.streaming.job_thread import JobThread
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.stamp_check import StampCheck
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.streaming.worker import Worker
from tkn_ros.video.encodings import UnsupportedEncoding, message_to_rgb
from tkn_ros.video.geometry import InputGeometry, input_geometry
from tkn_ros.video.image_cdr import image_reader
from tkn_ros.video.stamps import NS, to_ns

SILENCE = 5.0  # [s] without an image, after which the node says so
AGAIN = 30.0  # [s] after which a lasting problem is said again
NAMED = 10  # encodings that are refused by name; a sender of more is only said to be bad


@dataclass
class Received:
    """An image's message as bytes, and when it came [ns].

    Once it is read: its coordinate frame, and what of it the network sees.
    """

    cdr: bytes
    arrival_ns: int
    frame_id: str = ''
    geometry: InputGeometry | None = None


class CameraStream:
    """Client of the worker (`streaming.worker.Client`) and of the thread that draws.

    Args:
        node: whose topics they are.
        name: of the camera, before its outputs; '' for the only one.
        topic: of its images.
        settings: at first.
        window: of this camera.
        drawing: of its frames.
        worker: that predicts.
        drawer: the thread that draws.
        weights: name of the network's weights.
    """

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        topic: str,
        settings: Settings,
        window: SlidingWindow,
        drawing: FrameDrawing,
        worker: Worker,
        drawer: JobThread,
        weights: str,
    ) -> None:
        self.node, self.name, self.settings = node, name, settings
        self.window, self.drawing, self.drawer, self.weights = window, drawing, drawer, weights
        self.stream = worker.add(window, self, settings.horizon, settings.stride)
        self.compressed = settings.image_transport == 'compressed'
        topic = node.resolve_topic_name(topic)
        self.topic = topic + ('/compressed' if self.compressed else '')
        self.read_message = image_reader(self.compressed)
        self.images_in: FollowingSubscription | None = None
        self.stamps, self.health = StampCheck(), Health()
        self.latency_ms = 0.0
        self.silent = False
        self.refused: set[str] = set()  # encodings already complained about
        self.reported: dict[str, float] = {}  # problems, and when they were reported
        self.failure = ('', 0.0)  # of the network or of the drawing, and when
        self.source: tuple[int, int] | None = None  # (height, width) of the newest image
        self._drawn_ns = 0  # stamp of the newest prediction that was offered for drawing
        self.outputs = CameraOutputs(node, name, topic, len(settings.steps), window.has_keypoints)

    # ---- the executor's thread

    def _geometry(self, source: tuple[int, int], settings: Settings) -> InputGeometry:
        config = self.window.model.config
        return input_geometry(source, settings.roi, settings.fit, (config.height, config.width))

    def check(self, settings: Settings) -> None:
        """ValueError where these settings do not suit the camera's images."""
        if self.source is not None:
            geometry = self._geometry(self.source, settings)
            settings.check_memory(settings.size_for((geometry.height, geometry.width)))

    def apply(self, settings: Settings) -> None:
        """Other horizon, stride, steps, size or rate from now on."""
        moved = (settings.roi, settings.fit) != (self.settings.roi, self.settings.fit)
        self.settings = settings
        if moved:  # points of another picture mean nothing
            self.stream.forget()
        self.stream.horizon, self.stream.stride = settings.horizon, settings.stride
        self.outputs.make_room(len(settings.steps))

    def subscribe(self) -> None:
        """Begin with the next image, knowing nothing of earlier ones."""
        self.stream.forget()
        self.stream.last_received = time.monotonic()
        self.stamps, self.health = StampCheck(), Health()
        self.reported.clear()
        self.outputs.calibration.subscribe()
        message_type = CompressedImage if self.compressed else Image
        self.images_in = FollowingSubscription(
            self.node, message_type, self.topic, self._receive, raw=True
        )

    def unsubscribe(self) -> None:
        """Get no more images."""
        if self.images_in is not None:
            self.images_in.close()
            self.images_in = None
        self.outputs.calibration.unsubscribe()

    def close(self) -> None:
        """Give the topics back."""
        self.unsubscribe()
        self.outputs.close()

    def _receive(self, cdr: bytes) -> None:
        self.stream.put(Received(cdr, self.node.get_clock().now().nanoseconds))

    def watch(self) -> None:
        """Follow the publisher's quality of service, and say when no image comes."""
        if self.images_in is None:
            return
        if self.images_in.follow():
            kind = 'reliable' if self.images_in.reliable else 'best effort'
            self.node.get_logger().info(
                f'subscribed again as {kind}, as the publisher offers it: {self.topic}'
            )
        silence = time.monotonic() - self.stream.last_received
        if silence > SILENCE and not self.silent:
            self.node.get_logger().warning(
                f'no image for {silence:.0f} s on {self.images_in.describe()}. Check the topic '
                '(image:=..), image_transport, QoS, and for large images '
                'transports (tkn doctor measures them and says what to set)'
            )
        self.silent = silence > SILENCE

    def report(self) -> Report:
        """For diagnostics, of an active node."""
        now, window, counters = time.monotonic(), self.window, self.stream.counters
        failure, when = self.failure
        report = self.health.judge(
            now,
            counters,
            now - self.stream.last_received,
            self.settings.horizon * window.period_ns / NS,
            (self.stamps.problem,) if self.stamps.problem else (),
            failure if now - when < SILENCE else '',
        )
        report.values |= {
            'latency_ms': f'{self.latency_ms:.1f}',
            'busy_ms': f'{self.stream.busy_ns / 1e6:.1f}',
            'frame_period_s': window.period_ns / NS,
            'stamp_age_s': f'{self.stamps.age_ns / NS:.3f}',
            'device': window.device,
            'backend': f'{window.backend.name} {window.backend.precision}',
            'predicts': 'frames and keypoints' if window.has_keypoints else 'frames only',
        }
        return report

    # ---- the worker's thread

    def read(self, item: Received) -> tuple[int, np.ndarray]:
        """The time [ns] and the picture of a message."""
        message = self.read_message(item.cdr)
        image = message_to_rgb(message)
        height, width = image.shape[:2]
        self.source = height, width
        item.frame_id = message.header.frame_id
        item.geometry = self._geometry(self.source, self.settings)
        image = item.geometry.picture(image)
        stamp = self.stamps.time_of(to_ns(message.header.stamp), item.arrival_ns)
        if self.stamps.problem:
            self._warn(self.stamps.problem, self.stamps.detail)
        return stamp, image

    def _warn(self, problem: str, text: str) -> None:
        """A warning, now and while it lasts every AGAIN seconds; of zero stamps only once."""
        now, last = time.monotonic(), self.reported.get(problem)
        if last is None or (now - last > AGAIN and problem != 'stamps are zero'):
            self.reported[problem] = now
            self.node.get_logger().warning(f'{self.topic}: {text}')

    def report_bad(self, error: ValueError) -> None:
        """Log an unusable image; an encoding only once, and no more than some of them."""
        log = self.node.get_logger()
        if isinstance(error, UnsupportedEncoding):
            if error.encoding in self.refused:
                return
            if len(self.refused) < NAMED:
                self.refused.add(error.encoding)
                log.error(f'images passed over: {error}')
                return
        log.error(f'image passed over: {error}', throttle_duration_sec=5.0)

    def report_reset(self, reason: str) -> None:
        """Log that the window restarts."""
        self.node.get_logger().warning(f'{reason}: the window restarts', throttle_duration_sec=0.1)

    def report_failure(self, error: Exception) -> None:
        """Log what failed, unless the node is ending."""
        if self.node.context.ok():
            text = f'{type(error).__name__}: {error}'
            self.failure = text, time.monotonic()
            self.node.get_logger().error(
                f'an image was passed over: {text}', throttle_duration_sec=5.0
            )

    def wants_predictions(self) -> bool:
        """Whether anybody listens."""
        return self.outputs.wants_predictions()

    def deliver(self, item: Received, prediction: Prediction, processing_ns: int) -> None:
        """Publish keypoints at once, and leave frames to the thread that draws.

        Args:
            item: the image that it starts from.
            prediction: of `SlidingWindow.predict`.
            processing_ns: how long it took [ns].
        """
        assert item.geometry is not None  # it was read
        self.outputs.publish_keypoints(
            prediction, item.frame_id, processing_ns, self.weights, item.geometry
        )
        age = self.node.get_clock().now().nanoseconds - prediction.newest.stamp_ns
        self.latency_ms = age / 1e6
        self.health.delivered(time.monotonic(), self.latency_ms)
        self.outputs.publish_latency(self.latency_ms)
        if self.outputs.wants_pictures() and self._is_due(prediction.newest.stamp_ns):
            job = partial(
                self.outputs.draw,
                prediction,
                item.frame_id,
                self.settings,
                self.drawing,
                self.stream.counters,
                item.geometry,
            )
            period = max(prediction.period_ns * self.settings.stride, self._least_ns) / NS
            self.stream.counters.undrawn += self.drawer.offer(self, job, period)

    @property
    def _least_ns(self) -> float:
        """Least time between two predictions that are drawn."""
        rate = self.settings.frames_rate
        return NS / rate if rate else 0.0

    def _is_due(self, stamp_ns: int) -> bool:
        since = stamp_ns - self._drawn_ns
        if 0 <= since < 0.95 * self._least_ns:
            return False
        self._drawn_ns = stamp_ns
        return True
