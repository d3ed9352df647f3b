"""The listener of `tkn benchmark --node`: how long after their image predictions come.

Prints "ready" once it has found the predictor and, as JSON, what it found when it ends.
"""

import json
import time

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from tkn_ros.msg import PredictedFrameInfo, PredictedKeypoints
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.run import run
from tkn_ros.video.stamps import to_ns

READY = 'ready'


class ProbeListenerNode(Node):
    """Receives keypoints, and with `frames` the predicted frames, too."""

    def __init__(self) -> None:
        super().__init__('probe_listener')
        frames = declare(self, 'frames', False, 'Receive predicted frames as well')
        self.last_step = declare(self, 'last_step', 10, 'Step of the last drawn frame', 1, 1000)
        self.skipped = declare(
            self, 'skip', 60, 'Predictions at the start that do not count', 0, 10**6
        )
        camera = declare(self, 'camera', '', 'Name of the camera where there are several')
        self.status_ends = f': prediction {camera}'.rstrip()
        self.latency_ms: list[float] = []  # from the image's stamp to the keypoints here
        self.processing_ms: list[float] = []
        self.last_frame_ms: list[float] = []
        self.received = self.frames = 0
        self.since = self.until = 0.0  # the first and the last that counted
        self.counted: list[dict[str, int]] = []
        keypoints = self.create_subscription(
            PredictedKeypoints, 'predicted_keypoints', self._keypoints, 100, raw=True
        )
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnostics, 10)
        if frames:
            self.create_subscription(Image, 'predicted_frames', self._frame, 100)
            self.create_subscription(PredictedFrameInfo, 'predicted_frames_info', self._info, 100)

        self.looking = self.create_timer(0.05, lambda: self._look(keypoints))

    def _look(self, keypoints: Subscription) -> None:
        if keypoints.get_publisher_count():
            self.destroy_timer(self.looking)
            print(READY, flush=True)

    def _since(self, stamp: Time) -> float:
        return (self.get_clock().now().nanoseconds - to_ns(stamp)) / 1e6

    def _keypoints(self, cdr: bytes) -> None:
        now = self.get_clock().now()  # reading the message is not the predictor's work
        message = deserialize_message(cdr, PredictedKeypoints)
        self.received += 1
        if self.received > self.skipped:
            self.until = time.monotonic()
            self.since = self.since or self.until
            age_ns = now.nanoseconds - to_ns(message.header.stamp)
            self.latency_ms.append(age_ns / 1e6)
            self.processing_ms.append(to_ns(message.processing_time) / 1e6)

    def _frame(self, _: Image) -> None:
        self.frames += self.received > self.skipped

    def _info(self, message: PredictedFrameInfo) -> None:
        if self.received > self.skipped and message.step == self.last_step:
            self.last_frame_ms.append(self._since(message.observed_stamp))

    def _diagnostics(self, message: DiagnosticArray) -> None:
        if self.received > self.skipped:
            for status in message.status:
                if not status.name.endswith(self.status_ends):
                    continue
                values = {v.key: int(v.value) for v in status.values if v.value.isdecimal()}
                self.counted.append(values)

    def destroy_node(self) -> None:
        """Say what was found."""
        first, last = (self.counted or [{}])[0], (self.counted or [{}])[-1]
        seconds = self.until - self.since
        print(
            json.dumps(
                {
                    'counted': {k: last[k] - first.get(k, 0) for k in last if 'recent' not in k},
                    'keypoints': len(self.latency_ms),
                    'frames': self.frames,
                    'bursts': len(self.last_frame_ms),
                    'bursts_per_s': round(len(self.last_frame_ms) / max(seconds, 1e-3), 2),
                    'latency_ms': _percentiles(self.latency_ms),
                    'latency_quarters_ms': _quarters(self.latency_ms),
                    'processing_ms': _percentiles(self.processing_ms),
                    'last_frame_ms': _percentiles(self.last_frame_ms),
                }
            ),
            flush=True,
        )
        super().destroy_node()


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f'p{p}': round(float(np.percentile(values, p)), 2) for p in (50, 99, 100)}


def _quarters(values: list[float]) -> list[float]:
    """Medians of the first, second, third and last quarter, as far as there are so many."""
    return [round(float(np.median(part)), 2) for part in np.array_split(values, 4) if len(part)]


def main() -> int:
    """`tkn benchmark --node` starts it."""
    return run(ProbeListenerNode)


if __name__ == '__main__':
    raise SystemExit(main())
