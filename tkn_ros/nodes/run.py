"""Run one node from the command line: spin, and end cleanly or with one line that says why."""

import sys
from collections.abc import Callable
from contextlib import suppress

import rclpy
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterException,
)
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

BAD_INPUT = (
    ValueError,
    OSError,
    ParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
)


def run(make_node: Callable[[], Node]) -> int:
    """Make the node and spin it until it is interrupted. Returns the exit status.

    A node that ends by itself shuts the context down, with what went wrong, if anything, in its
    `failure`. What is wrong with the input is said in one line on stderr, status 1.
    """
    rclpy.init()
    node = None
    try:
        node = make_node()
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            rclpy.spin(node)
        if getattr(node, 'failure', None) is not None:
            raise node.failure
        return 0
    except KeyboardInterrupt:
        return 0
    except BAD_INPUT as error:
        name = make_node.__name__.removesuffix('Node').lower()
        print(f'{name}: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
