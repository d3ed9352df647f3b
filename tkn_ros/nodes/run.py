"""Run one node from the command line: spin, and end cleanly or with one line that says why."""

import gc
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
from rclpy.signals import SignalHandlerOptions

from tkn_ros.nodes.signals import GRACE, watch

BAD_INPUT = (
    ValueError,
    OSError,
    ParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
LOOK = 0.1  # [s] between looks whether the node is to end


def _spin(node: Node, grace: float) -> None:
    """Until the context is shut down; by the executor that the node's `executor_kind` names."""
    if getattr(node, 'executor_kind', 'single') == 'events':
        try:
            from rclpy.experimental import EventsExecutor
        except ImportError:  # before Kilted, apart from what was ported back
            raise ValueError(
                'executor is "events", and this rclpy has no EventsExecutor; use "single"'
            ) from None
        executor = EventsExecutor()
        executor.add_node(node)
        # Jazzy's runs nothing in `spin`, and hangs if the context is shut down under it
        watch.node_runs(lambda: None, grace)
        while not watch.asked.is_set() and node.context.ok():
            executor.spin_once(timeout_sec=LOOK)
        return
    rclpy.spin(node)


def run(make_node: Callable[[], Node], grace: float = GRACE) -> int:
    """Make the node and spin it until it is interrupted. Returns the exit status.

    A node that ends by itself shuts the context down, with what went wrong, if anything, in its
    `failure`. What is wrong with the input is said in one line on stderr, status 1.

    Args:
        make_node: the node's class.
        grace: how long it may take to end once it is asked to [s].
    """
    watch.begin()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    watch.node_runs(rclpy.try_shutdown, grace)
    node = None
    try:
        node = make_node()
        with suppress(ExternalShutdownException):
            _spin(node, grace)
        failure = getattr(node, 'failure', None)
        if failure is not None:
            raise failure
        return 0
    except BAD_INPUT as error:
        if watch.asked.is_set():
            return 0
        name = make_node.__name__.removesuffix('Node').lower()
        print(f'{name}: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except Exception:  # what the node met while the context was shut down under it
        if watch.asked.is_set():
            return 0
        raise
    finally:
        if node is not None:
            node.destroy_node()
        # A lifecycle node is part of a circle. While it is there so are its participant in DDS and
        # that one's shared memory, which the end of the process would leave behind.
        node = None
        gc.collect()
        rclpy.try_shutdown()
        watch.end()
