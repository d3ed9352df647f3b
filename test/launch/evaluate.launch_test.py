"""evaluate.launch.py on its synthetic clip, with the real nodes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from launch_rig import NodeCase, TestEnd, launch_file  # noqa: F401
from launch_testing.actions import ReadyToTest

from launch import LaunchDescription
from tkn_ros.msg import Trust


def generate_test_description():
    """Slowly, so that the clip has not ended before it is looked at."""
    return LaunchDescription([launch_file('evaluate', rate='0.2'), ReadyToTest()])


class TestEvaluation(NodeCase):
    """While it runs."""

    def test_trust_is_published(self):
        trusts = []
        self.node.create_subscription(Trust, '/tkn/trust', trusts.append, 10)
        self.wait_for(lambda: trusts, self.node.get_topic_names_and_types)
