"""A simulated clock that is paused, or jumps back as a recording begins again."""

import pytest
from fault_help import FRAMES, HERTZ, PERIOD
from ros_rig import SECOND, PredictorRig, ros_or_skip, stamp_of

ros_or_skip()

from rosgraph_msgs.msg import Clock  # noqa: E402

from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.conversions import to_time  # noqa: E402


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, tiny_weights):
    folder = tmp_path_factory.mktemp('clock')
    clock = station.publisher(Clock, '/clock')
    with PredictorRig(
        station, folder, 'clock', weights=tiny_weights, backend='eager', use_sim_time=True
    ) as rig:
        rig.clock, rig.keypoints = clock, rig.hear(PredictedKeypoints, 'predicted_keypoints')
        station.wait(clock.get_subscription_count, 'the predictor to take the time')
        station.wait(rig.keypoints.subscription.get_publisher_count, 'the predictor')
        yield rig
        station.forget(rig.keypoints)
    station.node.destroy_publisher(clock)


def play(rig, start: int, count: int) -> int:
    """Clock and images from a time on, as a simulator's; how many were predicted from."""
    rig.keypoints.clear()
    for i in range(count):
        rig.clock.publish(Clock(clock=to_time(start + i * PERIOD)))
        rig.camera.send(start + i * PERIOD, FRAMES[i % len(FRAMES)])
        rig.station.spin(1 / HERTZ)
    stamps = [stamp_of(message) for message in rig.keypoints]
    return sum(start <= stamp < start + count * PERIOD for stamp in stamps)


def warnings(rig) -> list[str]:
    return [line for line in rig.log().splitlines() if '[WARN]' in line or '[ERROR]' in line]


@pytest.mark.parametrize('camera', ['stands still', 'goes on', 'is silent'])
def test_the_clock_is_paused(rig, camera):
    start = rig.next_era()
    assert play(rig, start, 30)
    before, now = len(warnings(rig)), start + 30 * PERIOD
    for i in range(2 * HERTZ):
        if camera != 'is silent':
            stamp = now + i * PERIOD * (camera == 'goes on')
            rig.camera.send(stamp, FRAMES[i % len(FRAMES)])
        rig.station.spin(1 / HERTZ)
    assert len(warnings(rig)) <= before + 3, rig.log()
    assert play(rig, now + 100 * SECOND, 30), rig.log()


def test_a_recording_begins_again(rig):
    """The clock jumps back with the stamps: each round is predicted from."""
    start, before = rig.next_era(), len(warnings(rig))
    assert all(play(rig, start, 25) for _ in range(3)), rig.log()
    assert len(warnings(rig)) <= before + 4, rig.log()
