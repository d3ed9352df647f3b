"""danger.launch.py included by another launch file, with the real nodes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from launch_rig import NodeCase, TestEnd, launch_file, parameters_of  # noqa: F401
from launch_ros.actions import SetParameter
from launch_testing.actions import ReadyToTest

from launch import LaunchDescription


def generate_test_description():
    """A parent that has set the time's source."""
    included = launch_file('danger', namespace='front', horizon='3', least_trust='0.25')
    return LaunchDescription([SetParameter('use_sim_time', True), included, ReadyToTest()])


class TestIncluded(NodeCase):
    """While it runs."""

    def test_all_nodes_have_the_parents_time_and_their_arguments(self):
        expected = {'use_sim_time': True, 'horizon': 3}
        assert parameters_of(self.node, '/front/predictor', list(expected)) == expected
        for name in ('warning', 'evaluator'):
            expected = {'use_sim_time': True, 'least_trust': 0.25}
            assert parameters_of(self.node, f'/front/{name}', list(expected)) == expected
