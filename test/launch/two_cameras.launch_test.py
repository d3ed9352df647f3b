"""two_cameras.launch.py, with the real node."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from launch_rig import NodeCase, TestEnd, launch_file  # noqa: F401
from launch_testing.actions import ReadyToTest
from sensor_msgs.msg import Image

from launch import LaunchDescription


def generate_test_description():
    """One camera with another topic than the default."""
    return LaunchDescription([launch_file('two_cameras', right='/rear/image'), ReadyToTest()])


class TestTwoCameras(NodeCase):
    """While it runs."""

    def test_both_cameras_are_subscribed_to(self):
        cameras = [
            self.node.create_publisher(Image, topic, 1)
            for topic in ('/left/image_raw', '/rear/image')
        ]
        self.wait_for(
            lambda: all(c.get_subscription_count() == 1 for c in cameras),
            self.node.get_node_names_and_namespaces,
        )
        topics = dict(self.node.get_topic_names_and_types())
        for name in ('left', 'right'):
            assert f'/tkn/{name}/predicted_keypoints' in topics
