"""How the predictor does, as messages for /diagnostics."""

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from tkn_ros.streaming.health import Report

try:
    from diagnostic_updater import Updater
except ImportError:  # it is in ROS distributions, and in no package index
    Updater = None

PERIOD = 1.0  # [s]
FULL_NAME = 'diagnostic_updater.use_fqn'  # parameter of Updater: the namespace in a status's name


def to_status(name: str, topic: str, report: Report) -> DiagnosticStatus:
    """The message.

    Args:
        name: of the status, without the node's.
        topic: of the images.
        report: what to publish.
    """
    return DiagnosticStatus(
        level=bytes([report.level]),
        name=name,
        message=report.message,
        hardware_id=topic,
        values=[KeyValue(key=k, value=str(v)) for k, v in report.values.items()],
    )


class DiagnosticsPublisher:
    """Publishes what `statuses` gives, each second or as `diagnostic_updater.period` says.

    By diagnostic_updater where that is installed, with its parameters; elsewhere the same messages
    are published here, with the node's full name. Neither waits for simulated time.

    Args:
        node: that publishes.
        statuses: called for the statuses of this moment; their names lack the node's.
    """

    def __init__(self, node: Node, statuses: Callable[[], list[DiagnosticStatus]]) -> None:
        self.node, self.statuses = node, statuses
        period, self._send = PERIOD, self._publish
        if Updater is None:
            self._out = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        else:
            node.declare_parameter(FULL_NAME, True)
            updater = Updater(node, PERIOD)
            node.destroy_timer(updater.timer)  # of the node's clock
            if node.get_parameter(FULL_NAME).value:
                updater.node_name = node.get_fully_qualified_name()
            period, self._send = updater.period, updater.publish
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        node.create_timer(period, self.publish, clock=steady)

    def publish(self) -> None:
        """Publish now."""
        self._send(self.statuses())

    def _publish(self, statuses: list[DiagnosticStatus]) -> None:
        for status in statuses:
            status.name = f'{self.node.get_fully_qualified_name()}: {status.name}'
        message = DiagnosticArray(status=statuses)
        message.header.stamp = self.node.get_clock().now().to_msg()
        self._out.publish(message)
