"""The predictor on either executor of rclpy: predictions, services, and an end at every signal."""

import importlib.util
import signal

import pytest
from lifecycle_rig import change, state
from ros_rig import PredictorRig, ros_or_skip, run_to_end

ros_or_skip()

from tkn_ros.msg import PredictedKeypoints  # noqa: E402

HAS_EVENTS = importlib.util.find_spec('rclpy.experimental') is not None


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    'executor',
    [
        'single',
        pytest.param(
            'events',
            marks=pytest.mark.skipif(not HAS_EVENTS, reason='this rclpy has no EventsExecutor'),
        ),
    ],
)
def test_it_predicts_answers_and_ends(station, tmp_path, tiny_weights, executor, how):
    settings = {'weights': tiny_weights, 'backend': 'eager', 'executor': executor}
    with PredictorRig(station, tmp_path, f'by_{executor}{how.value}', **settings) as rig:
        keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        rig.prime(keypoints)
        assert change(rig, 'deactivate') and state(rig) == 'inactive'
        assert change(rig, 'activate')  # which subscribes anew
        station.wait(rig.camera.matched, 'the predictor to subscribe again', log=rig.log)
        rig.prime(keypoints)
        assert rig.status().message
        station.forget(keypoints)
        assert rig.stop(how) == 0, rig.log()
        assert 'Traceback' not in rig.log()


@pytest.mark.skipif(HAS_EVENTS, reason='this rclpy has an EventsExecutor')
def test_an_executor_that_rclpy_has_not_is_named():
    ended = run_to_end('predictor', {'__ns': '/bad'}, executor='events', autostart=False)
    assert ended.returncode == 1 and 'this rclpy has no EventsExecutor' in ended.stderr
