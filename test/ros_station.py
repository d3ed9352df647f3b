"""A node of the test's own, to talk to real nodes over DDS.

Nothing waits for a fixed time: a `Station` spins until what is waited for has come.
"""

import os
import time

import pytest

PATIENCE = 90.0  # [s] that anything may take on a machine with other things to do


class Station:
    """The test's own node. It receives while it waits, in the test's thread, and only then."""

    def __init__(self):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        rclpy.init()
        self.node = rclpy.create_node(f'station_{os.getpid()}')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)

    def close(self) -> None:
        import rclpy

        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def spin(self, seconds: float) -> None:
        """Receive for a while."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=rest)

    def wait(self, condition, what: str, seconds: float = PATIENCE, log=str):
        """Receive until `condition()` is true. Returns its value; a failure tells `log()`."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > end:
                pytest.fail(f'waited {seconds:.0f} s for {what}\n{log()}')
            self.executor.spin_once(timeout_sec=0.02)
        return value

    def hear(self, message_type, topic: str, depth: int = 1000, reliable: bool = True) -> 'Heard':
        """Subscribe; what comes is appended to the list that is returned."""
        heard = Heard()
        heard.subscription = self.node.create_subscription(
            message_type, topic, heard.append, _qos(depth, reliable)
        )
        return heard

    def forget(self, *lists: 'Heard') -> None:
        """Unsubscribe."""
        for heard in lists:
            self.node.destroy_subscription(heard.subscription)

    def publisher(self, message_type, topic: str, reliable: bool = True, depth: int = 100):
        return self.node.create_publisher(message_type, topic, _qos(depth, reliable))

    def call(self, service_type, name: str, request):
        """The response of a service."""
        client = self.node.create_client(service_type, name)
        try:
            self.wait(client.service_is_ready, f'service {name}')
            future = client.call_async(request)
            self.wait(future.done, f'an answer of {name}')
            return future.result()
        finally:
            self.node.destroy_client(client)


class Heard(list):
    """Messages of one topic, in the order of their arrival."""

    subscription = None


def _qos(depth: int, reliable: bool):
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    policy = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=depth, reliability=policy)
