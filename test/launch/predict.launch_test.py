"""predict.launch.py included by another launch file, with the real node."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from launch.actions import ExecuteProcess
from launch_rig import PATIENCE, NodeCase, TestEnd, launch_file, parameters_of  # noqa: F401
from launch_ros.actions import SetParameter
from launch_testing.actions import ReadyToTest

from launch import LaunchDescription
from tkn_ros.transports import TRANSPORTS_VARIABLE, UDP_WITH_ROOM

PRINT = f'import os; print("it is", os.environ.get("{TRANSPORTS_VARIABLE}"))'


def generate_test_description():
    """A parent that has set the time's source, and looks at its environment afterwards."""
    for name in (TRANSPORTS_VARIABLE, 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        os.environ.pop(name, None)
    arguments = {'horizon': '3', 'frame_rate': '15', 'output_size': '[-1, -1]', 'stride': '2'}
    after = ExecuteProcess(cmd=['python3', '-c', PRINT], name='after')
    return LaunchDescription(
        [
            SetParameter('use_sim_time', True),
            launch_file('predict', **arguments),
            after,
            ReadyToTest(),
        ]
    ), {'after': after}


class TestIncluded(NodeCase):
    """While it runs."""

    def test_parameters_are_the_parents_and_the_arguments(self):
        expected = {
            'use_sim_time': True,
            'horizon': 3,
            'frame_rate': 15.0,
            'output_size': [-1, -1],
            'stride': 2,
            'device': 'auto',
        }
        assert parameters_of(self.node, '/tkn/predictor', list(expected)) == expected

    def test_the_parents_environment_stays(self, proc_info, proc_output, after):
        proc_info.assertWaitForShutdown(process=after, timeout=PATIENCE)
        said = b''.join(output.text for output in proc_output[after]).decode()
        assert said.strip() == 'it is None', said

    def test_the_nodes_own_environment_has_transports(self, proc_info):
        (predictor,) = [n for n in proc_info.process_names() if 'predictor' in n]
        with open(f'/proc/{proc_info[predictor].pid}/environ', 'rb') as file:
            assert f'{TRANSPORTS_VARIABLE}={UDP_WITH_ROOM}'.encode() in file.read().split(b'\0')
