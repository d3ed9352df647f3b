#!/usr/bin/env python3
"""An example of a consumer: `stop` is true while any camera warns, or its state is unknown.

Run it beside danger.launch.py: python3 stop_on_danger.py --ros-args -r danger:=/tkn/danger
"""

import rclpy
from rclpy.node import Node
from std_msgs.msg import Bool

from tkn_ros.msg import DangerWarning

SILENCE = 2.0  # [s] without a word from a camera that had warned: its node has gone


class StopOnDanger(Node):
    """Stops for DANGER and for stale input; goes on when every zone has been released."""

    def __init__(self):
        super().__init__('stop_on_danger')
        self.open = {}  # (camera, zone) -> when it was last warned of
        self.stop = self.create_publisher(Bool, 'stop', 10)
        self.create_subscription(DangerWarning, 'danger', self.on_warning, 100)
        self.create_timer(0.1, self.say)

    def on_warning(self, warning):
        """One zone's state: OK comes once, on release; anything else with every prediction."""
        if warning.level == DangerWarning.DANGER or warning.stale:
            self.open[warning.camera, warning.zone] = self.get_clock().now()
        else:
            self.open.pop((warning.camera, warning.zone), None)
        self.say()

    def say(self):
        """A zone stays open until it is released: silence is no reason to go on."""
        now = self.get_clock().now()
        for (camera, zone), heard in self.open.items():
            if (now - heard).nanoseconds > SILENCE * 1e9:
                self.get_logger().error(f'{camera} is silent on {zone}', throttle_duration_sec=5.0)
        self.stop.publish(Bool(data=bool(self.open)))


def main():
    rclpy.init()
    try:
        rclpy.spin(StopOnDanger())
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
