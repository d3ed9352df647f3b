"""What the launch tests share. They run by launch_testing, as `colcon test` starts it."""

import unittest

import launch_testing
import rclpy
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

PATIENCE = 90.0  # [s]


def launch_file(name: str, **arguments: str) -> IncludeLaunchDescription:
    """One of this package's launch files, included."""
    path = PathJoinSubstitution([FindPackageShare('tkn_ros'), 'launch', f'{name}.launch.py'])
    source = PythonLaunchDescriptionSource(path)
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())


def parameters_of(node, name: str, parameters: list[str]) -> dict:
    """Values of another node's parameters, arrays as lists.

    Args:
        node: that asks.
        name: of the other node.
        parameters: their names.
    """
    client = AsyncParameterClient(node, name)
    assert client.wait_for_services(PATIENCE), f'{name} is not there'
    future = client.get_parameters(parameters)
    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE)
    values = [parameter_value_to_python(v) for v in future.result().values]
    return {
        key: value if isinstance(value, str | int | float) else list(value)
        for key, value in zip(parameters, values)
    }


class NodeCase(unittest.TestCase):
    """Tests that look at what was launched through a node, `self.node`."""

    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node('launch_test')

    @classmethod
    def tearDownClass(cls):
        cls.node.destroy_node()
        rclpy.shutdown()

    def wait_for(self, condition, why):
        """Until `condition()` is true; `why()` is what is shown where it never is."""
        end = self.node.get_clock().now() + rclpy.duration.Duration(seconds=PATIENCE)
        while not condition():
            assert self.node.get_clock().now() < end, why()
            rclpy.spin_once(self.node, timeout_sec=0.1)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    """After the interrupt."""

    def test_all_end_well(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
