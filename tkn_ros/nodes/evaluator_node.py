"""The evaluator node: what predictions are worth, by what truly came, while they are made.

It subscribes to the camera and the predictor's public topics, matches each prediction by stamp with
what came, and publishes means over the last seconds beside those of repeating, staying and constant
velocity.
"""

import time
from collections import deque
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from tkn_ros.msg import PredictedKeypoints, Trust
from tkn_ros.nodes.conversions import image_to_rgb, message_to_paths, to_time
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import FollowingSubscription, image_qos
from tkn_ros.nodes.run import run
from tkn_ros.streaming.future_matcher import FutureMatcher
from tkn_ros.streaming.path_errors import PathErrors, PathJudge, RollingErrors, trust_of
from tkn_ros.streaming.picture_errors import FrameBursts, picture_errors
from tkn_ros.video.drawing import fit
from tkn_ros.video.stamps import NS, to_ns

ANNOUNCED = 16  # predictions whose frames may still come


class EvaluatorNode(Node):
    """Publishes `trust` and diagnostics; README.md lists the parameters."""

    def __init__(self) -> None:
        super().__init__('evaluator')
        self.span = declare(
            self, 'span', 10.0, 'Seconds that the rolling figures are taken over', 0.1, 3600.0
        )
        rate = declare(self, 'rate', 2.0, 'How often trust is published [Hz]', 0.1, 100.0)
        self.pictures_every = declare(
            self,
            'pictures_every',
            1.0,
            'Judge the predicted frames once in so many seconds; 0: never, and the predictor is '
            'spared drawing them',
            0.0,
            3600.0,
        )
        transport = declare(
            self, 'image_transport', 'raw', 'raw or compressed, as of the predictor'
        )
        if transport not in ('raw', 'compressed'):
            raise ValueError(f'image_transport is "{transport}", expected "raw" or "compressed"')
        self.least = declare(
            self,
            'least_trust',
            0.5,
            'Diagnostics warn where trust is below',
            0.0,
            1.0,
        )
        self.judge = PathJudge()
        self.paths, self.pictures = RollingErrors(self.span), RollingErrors(self.span)
        self.newest = Header()  # of the newest prediction that was judged
        self.newest_stamp_ns = 0  # [ns] stamp of the newest prediction
        self.last_received = time.monotonic()
        self.bursts = FrameBursts()
        self.announced: deque[Any] = deque(maxlen=ANNOUNCED)  # (stamp, future stamps) [ns]
        self.matcher: FutureMatcher[np.ndarray, tuple[Any, ...]] = FutureMatcher()
        self.images: dict[int, np.ndarray] = {}  # the newest ones, as large as predicted frames
        self.size: tuple[int, int] | None = None  # (height, width) of predicted frames
        self.drawn_ns = 0

        results = QoSProfile(depth=10)
        self.trust_out = self.create_publisher(Trust, 'trust', results)
        self.diagnostics_out = self.create_publisher(DiagnosticArray, '/diagnostics', results)
        self.create_subscription(
            PredictedKeypoints, 'predicted_keypoints', self._on_keypoints, image_qos(True, 100)
        )
        self.images_in = None
        if self.pictures_every:
            self.create_subscription(
                Image, 'predicted_frames', self._on_frame, image_qos(True, 400)
            )
            topic = self.resolve_topic_name('image')
            self.images_in = FollowingSubscription(
                self,
                CompressedImage if transport == 'compressed' else Image,
                topic + ('/compressed' if transport == 'compressed' else ''),
                self._on_image,
            )
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(1 / rate, self._publish, clock=steady)

    def _on_keypoints(self, message: PredictedKeypoints) -> None:
        if not message.predicted or not message.observed:
            return
        paths = message_to_paths(message)
        if paths.stamp_ns < self.newest_stamp_ns:
            self._restart('time went back')
        self.newest_stamp_ns, self.last_received = paths.stamp_ns, time.monotonic()
        for errors in self.judge.add(paths):
            self._count(errors, message.header.frame_id)
        self.announced.append((paths.stamp_ns, paths.future_ns))
        self._take_frames()

    def _count(self, errors: PathErrors, frame_id: str) -> None:
        self.newest = Header(stamp=to_time(errors.stamp_ns), frame_id=frame_id)
        if errors.points:
            self.paths.add(errors.stamp_ns, errors.points, errors.errors)

    def _on_frame(self, message: Image) -> None:
        try:
            image = image_to_rgb(message)
        except ValueError as error:
            self.get_logger().error(f'frame passed over: {error}', throttle_duration_sec=5.0)
            return
        if image.shape[:2] != self.size:
            self.size = image.shape[:2]
            self.images.clear()
            self.matcher.clear()
        self.bursts.add(to_ns(message.header.stamp), image)
        self._take_frames()

    def _take_frames(self) -> None:
        """Have the frames at hand judged, if they are all of one prediction's."""
        for stamp, future in reversed(self.announced):
            frames = self.bursts.take(future)
            if frames:
                last = self.images.get(stamp)
                if last is not None and abs(stamp - self.drawn_ns) >= self.pictures_every * NS:
                    self.drawn_ns = stamp
                    for earlier, image in self.images.items():
                        self.matcher.add_observation(earlier, image)
                    self.matcher.add_prediction(stamp, future, (np.stack(frames), last))
                return

    def _on_image(self, message: Image | CompressedImage) -> None:
        if self.size is None:
            return  # nothing was drawn yet that it could be compared with
        try:
            image = fit(image_to_rgb(message), *self.size)
        except ValueError as error:
            self.get_logger().error(f'image passed over: {error}', throttle_duration_sec=5.0)
            return
        stamp = to_ns(message.header.stamp)
        self.images[stamp] = image
        while len(self.images) > 2 * ANNOUNCED:
            del self.images[next(iter(self.images))]
        if self.matcher.waiting:
            self.matcher.add_observation(stamp, image)
            for found in self.matcher.matched():
                frames, last = found.prediction
                figures = picture_errors(frames, last, found.observed)
                self.pictures.add(found.stamp_ns, 1, figures)

    def _restart(self, reason: str) -> None:
        self.get_logger().info(f'{reason}: the figures restart')
        for kept in (self.judge, self.paths, self.pictures, self.matcher, self.images):
            kept.clear()
        self.announced.clear()
        self.bursts.clear()
        self.drawn_ns = 0

    def _publish(self) -> None:
        if self.images_in is not None:
            self.images_in.follow()
        if time.monotonic() - self.last_received > self.span:
            self.paths.clear()
            self.pictures.clear()
        self.paths.forget(self.newest_stamp_ns)
        self.pictures.forget(self.newest_stamp_ns)
        message = self._trust()
        self.trust_out.publish(message)
        self._publish_diagnostics(message)

    def _trust(self) -> Trust:
        message = Trust(header=self.newest, trust=float('nan'), span=self.span)
        errors = self.paths.mean()  # (3, m)
        if errors is not None:
            message.trust = trust_of(*errors.mean(1).tolist())
            message.predictions, message.points = self.paths.predictions, self.paths.count
            message.error, message.error_stay, message.error_constant_velocity = errors.tolist()
        figures = self.pictures.mean()  # (m, methods, 2)
        if figures is not None:
            message.pictures = self.pictures.count
            message.psnr, message.psnr_repeat_last = figures[..., 0].T.tolist()
            message.ssim, message.ssim_repeat_last = figures[..., 1].T.tolist()
        return message

    def _publish_diagnostics(self, trust: Trust) -> None:
        silent = time.monotonic() - self.last_received > self.span
        if silent:
            level, text = DiagnosticStatus.WARN, f'no prediction for {self.span:g} s'
        elif not trust.points:
            level, text = DiagnosticStatus.OK, 'nothing moved that could be judged'
        elif trust.trust < self.least:
            level, text = DiagnosticStatus.WARN, f'trust is {trust.trust:.2f}'
        else:
            level, text = DiagnosticStatus.OK, f'trust is {trust.trust:.2f}'
        values = {
            'trust': f'{trust.trust:.3f}',
            'predictions': trust.predictions,
            'points': trust.points,
            'unmatched': self.judge.unmatched,
            **{
                name: f'{np.mean(getattr(trust, name)):.3f}'
                for name in (
                    'error',
                    'error_stay',
                    'error_constant_velocity',
                    'psnr',
                    'psnr_repeat_last',
                    'ssim',
                    'ssim_repeat_last',
                )
                if len(getattr(trust, name))
            },
        }
        message = DiagnosticArray(
            status=[
                DiagnosticStatus(
                    level=level,
                    name=f'{self.get_fully_qualified_name()}: trust',
                    message=text,
                    hardware_id=self.resolve_topic_name('predicted_keypoints'),
                    values=[KeyValue(key=k, value=str(v)) for k, v in values.items()],
                )
            ]
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics_out.publish(message)


def main() -> int:
    """`ros2 run tkn_ros evaluator`."""
    return run(EvaluatorNode)


if __name__ == '__main__':
    raise SystemExit(main())
