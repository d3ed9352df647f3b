"""Time stamps of ROS messages as nanoseconds."""

from typing import Protocol

NS = 1_000_000_000  # nanoseconds in a second


class Stamp(Protocol):
    """A builtin_interfaces/Time of rclpy or of rosbags."""

    sec: int
    nanosec: int


def to_ns(stamp: Stamp) -> int:
    """A message's time as nanoseconds."""
    return stamp.sec * NS + stamp.nanosec
