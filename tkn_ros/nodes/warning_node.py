"""The warning node: predicted keypoints in, danger out. A consumer of public topics like any other.

What is a warning, and when, is decided in `warning/`; here it is wired to topics.
"""

import time
from dataclasses import replace

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_msgs.msg import Header
from visualization_msgs.msg import ImageMarker, MarkerArray

from tkn_ros.install import install_prefix
from tkn_ros.msg import DangerWarning, DangerWarnings, PredictedKeypoints, Trust
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import FollowingSubscription
from tkn_ros.nodes.run import run
from tkn_ros.nodes.warning_messages import (
    describe,
    image_markers,
    markers,
    message_to_points,
    warnings_to_message,
)
from tkn_ros.warning.decision import Level, Warner, ZoneWarning
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import WarningSettings, load_settings, parse_settings

REPEAT = 0.5  # [s] after which it is said again that the input is stale
TRUST_AGE = 5.0  # [s] for which a trust that was heard holds
WATCH = 0.05  # [s] between two looks whether it is


class WarningNode(Node):
    """See docs/warnings.md for the topics and config/warning.yaml for the zones."""

    def __init__(self) -> None:
        super().__init__('warning')
        zones = declare(
            self,
            'zones',
            '',
            'A YAML file of zones (its name ends in .yaml or .yml), or the YAML itself; empty: '
            'config/warning.yaml as installed. All zones are replaced together, or none',
            read_only=False,
        )
        camera = declare(
            self, 'camera', '', "The camera's name in the warnings; empty: the node's namespace"
        )
        self.camera = camera or self.get_namespace().strip('/') or 'camera'
        self.least_trust = declare(
            self,
            'least_trust',
            0.0,
            'Trust of the evaluator node below which every zone is at least CAUTION, as where none '
            'is heard; 0: trust is not asked for',
            0.0,
            1.0,
        )
        self.trust, self.trust_received = float('nan'), -np.inf  # when, on the steady clock [s]
        self.warner = Warner(read_settings(zones))
        self.warnings: list[ZoneWarning] = []
        self.frame_id, self.observed_stamp = '', Time()
        self.predictions = self.bad = 0
        self.said_stale = -np.inf  # when, on the steady clock [s]
        self.add_on_set_parameters_callback(self._on_parameters)

        results = QoSProfile(depth=100)
        self.danger_out = self.create_publisher(DangerWarning, 'danger', results)
        self.list_out = self.create_publisher(DangerWarnings, 'danger_warnings', results)
        self.markers_out = self.create_publisher(MarkerArray, 'danger/markers', 10)
        self.annotations_out = self.create_publisher(ImageMarker, 'danger/annotations', results)
        self.diagnostics_out = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.keypoints_in = FollowingSubscription(
            self,
            PredictedKeypoints,
            self.resolve_topic_name('predicted_keypoints'),
            self._on_prediction,
        )
        if self.least_trust:
            self.create_subscription(Trust, 'trust', self._on_trust, 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(WATCH, self._watch, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)
        names = [zone.name for zone in self.warner.settings.zones]
        self.get_logger().info(
            f'camera "{self.camera}": watching zones {names}'
            f'{" and approach" if self.warner.settings.approach else ""}; '
            f'{self.keypoints_in.describe()}'
        )

    def _on_prediction(self, message: PredictedKeypoints) -> None:
        try:
            points = message_to_points(message)
        except ValueError as error:  # ignored: the input becomes stale if none is better
            self.bad += 1
            self.get_logger().error(f'passed over: {error}', throttle_duration_sec=5.0)
            return
        self.predictions += 1
        self.frame_id, self.observed_stamp = message.header.frame_id, message.header.stamp
        self._publish(self.warner.update(points, time.monotonic_ns(), self.trusted))
        self._draw(points, message.header)

    def _on_trust(self, message: Trust) -> None:
        self.trust, self.trust_received = message.trust, time.monotonic()

    @property
    def trusted(self) -> bool:
        """Whether predictions are as good as is demanded. Where nothing moved, they are."""
        if not self.least_trust:
            return True
        recent = time.monotonic() - self.trust_received <= TRUST_AGE
        return recent and not self.trust < self.least_trust

    def _watch(self) -> None:
        if self.keypoints_in.follow():
            self.get_logger().info('subscribed again, as the publisher offers it')
        stale = {w.zone: w for w in self.warner.missing(time.monotonic_ns())}
        now = time.monotonic()
        new = any(w.changed for w in stale.values())
        if stale and (new or now - self.said_stale >= REPEAT):
            self.said_stale = now
            if new:
                self.get_logger().warning(
                    f'no prediction: {", ".join(stale)} not watched; {self.keypoints_in.describe()}'
                )
            known = {w.zone: replace(w, changed=False) for w in self.warnings}
            self._publish(list({**known, **stale}.values()))

    def _publish(self, warnings: list[ZoneWarning]) -> None:
        """Publish the list, and one by one those that are not OK or have just become so."""
        self.warnings = warnings
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self.frame_id)
        message = warnings_to_message(warnings, header, self.camera, self.observed_stamp)
        for warning, one in zip(warnings, message.warnings):
            if warning.level != Level.OK or warning.changed:
                self.danger_out.publish(one)
            if warning.changed:
                self.get_logger().info(describe(warning))
        self.list_out.publish(message)

    def _draw(self, points: ForeseenPoints, header: Header) -> None:
        zones = self.warner.settings.zones
        if self.markers_out.get_subscription_count():
            self.markers_out.publish(markers(self.warnings, zones, points, header))
        if self.annotations_out.get_subscription_count():
            for marker in image_markers(self.warnings, zones, points, header):
                self.annotations_out.publish(marker)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == 'zones':
                try:
                    settings = read_settings(parameter.value)
                except ValueError as error:
                    return SetParametersResult(successful=False, reason=str(error))
                before, self.warner = self.warnings, Warner(settings)
                # what was said of the old zones holds no longer
                self._publish(
                    [ZoneWarning(w.zone, changed=True) for w in before if w.level != Level.OK]
                )
                self.warnings = []
        return SetParametersResult(successful=True)

    def _state(self, stale: bool) -> str:
        if stale:
            return f'no prediction on {self.keypoints_in.topic}'
        if not self.trusted:
            return f'predictions are not trusted ({self.trust:.2f} of {self.least_trust:g})'
        return 'watching'

    def _report(self) -> None:
        stale = [w.zone for w in self.warnings if w.stale]
        worst = max((w.level for w in self.warnings), default=Level.OK)
        values = {
            'predictions': self.predictions,
            'bad': self.bad,
            'worst': worst.name,
            'trust': f'{self.trust:.3f}' if self.least_trust else 'not asked for',
            **{f'zone {w.zone}': describe(w) for w in self.warnings},
        }
        status = DiagnosticStatus(
            level=(
                DiagnosticStatus.WARN
                if stale or self.bad or not self.trusted
                else DiagnosticStatus.OK
            ),
            name=f'{self.get_fully_qualified_name()}: warnings',
            message=self._state(bool(stale)),
            hardware_id=self.camera,
            values=[KeyValue(key=k, value=str(v)) for k, v in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics_out.publish(message)


def read_settings(text: str) -> WarningSettings:
    """The parameter `zones`: a file's name, YAML, or nothing for the installed file."""
    if not text:
        text = str(install_prefix() / 'share' / 'tkn_ros' / 'config' / 'warning.yaml')
    if '\n' not in text and text.endswith(('.yaml', '.yml')):
        return load_settings(text)
    return parse_settings(text)


def main() -> int:
    """`ros2 run tkn_ros warning --ros-args -p zones:=zones.yaml`."""
    return run(WarningNode)


if __name__ == '__main__':
    raise SystemExit(main())
