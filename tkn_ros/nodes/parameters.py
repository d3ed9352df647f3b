"""Parameters with a description, a range and a check, declared in one line each."""

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node


def declare(
    node: Node,
    name: str,
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    read_only: bool = True,
) -> Any:
    """Declare a parameter and return its value. `low` and `high` are inclusive.

    Args:
        node: that declares it.
        name: of the parameter.
        default: value where none is given.
        description: for people.
        low: least value.
        high: largest value.
        read_only: whether it is fixed after the start.
    """
    descriptor = ParameterDescriptor(description=description, read_only=read_only)
    if low is not None and isinstance(default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif low is not None:
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return node.declare_parameter(name, default, descriptor).value
