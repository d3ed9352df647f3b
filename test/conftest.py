"""What holds for all tests: ROS 2 on this machine's loopback, on a domain of this run's own."""

import os
from pathlib import Path

import pytest

# before anything imports rclpy; domains above 101 have ports that other programs are given
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(
    Path(__file__).resolve().parent.parent / 'config' / 'fastdds.xml'
)
# before anything imports torch; on a busy machine threads that wait for each other cost seconds
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture(scope='session', autouse=True)
def _ros_log_dir(tmp_path_factory):
    """Nodes write their log files here, not into the home folder."""
    os.environ['ROS_LOG_DIR'] = str(tmp_path_factory.mktemp('ros_log'))


@pytest.fixture(autouse=True)
def _own_signal_stack():
    """What OpenVINO sets aside for signals in one test is not left to those of the next."""
    from tkn_ros.streaming.backends.signal_stack import signal_stack_kept

    with signal_stack_kept():
        yield


@pytest.fixture(scope='session')
def tiny_weights(tmp_path_factory):
    """A checkpoint that any machine runs at any rate: its prediction is that nothing moves."""
    from small_models import repeat_last_model

    from tkn_ros.model.checkpoints import save_checkpoint

    path = tmp_path_factory.mktemp('weights') / 'tiny.safetensors'
    save_checkpoint(path, repeat_last_model())
    return path


@pytest.fixture(scope='session')
def station():
    """The node of the tests' own, one for all of them."""
    from ros_station import Station

    station = Station()
    yield station
    station.close()


@pytest.fixture
def keypoints(rig):
    """What the module's own predictor publishes, for one test."""
    from tkn_ros.msg import PredictedKeypoints

    heard = rig.hear(PredictedKeypoints, 'predicted_keypoints')
    yield heard
    rig.station.forget(heard)
