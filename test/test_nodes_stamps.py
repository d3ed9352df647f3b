"""Stamps as cameras really give them, over DDS."""

import time

import pytest
from ros_rig import SECOND, PredictorRig, ros_or_skip, stamp_of
from ros_station import PATIENCE
from small_models import WINDOW, moving_square

ros_or_skip()

from sensor_msgs.msg import Image  # noqa: E402

from tkn_ros.msg import PredictedKeypoints  # noqa: E402

MS = SECOND // 1000
FRAME = moving_square(1, 48, 64)[0]


@pytest.fixture
def rig(station, tmp_path, tiny_weights, request):
    name = f'stamps{abs(hash(request.node.name)) % 10**6}'
    with PredictorRig(station, tmp_path, name, weights=tiny_weights, backend='eager') as rig:
        rig.keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        station.wait(rig.keypoints.subscription.get_publisher_count, 'the predictor')
        # what is sent before the node has found the camera, too, is lost; refused images leave
        # its window as it is
        end = time.monotonic() + PATIENCE
        while not rig.counters()['bad']:
            assert time.monotonic() < end, rig.log()
            rig.camera.send(0, Image(encoding='none of ours', height=1, width=1))
        yield rig
        station.forget(rig.keypoints)


def send(rig, stamps, pause=0.05):
    """One image for each stamp; a function gives it at the time of sending.

    Slowly, since images that come faster than a busy machine takes them are given up.
    """
    before = rig.counters()['encoded']
    for stamp in stamps:
        rig.camera.send(stamp() if callable(stamp) else stamp, FRAME)
        rig.station.spin(pause)
    rig.counted(encoded=before + len(stamps) * 9 // 10)


@pytest.mark.parametrize('first', [1, 65])
def test_stamps_in_pairs_are_predicted(rig, first):
    """As USB cameras give them; begun within a pair and before one."""
    stamps, stamp = [], rig.next_era()
    for i in range(80):
        stamps.append(stamp)
        stamp += (first if i % 2 == 0 else 66 - first) * MS
    send(rig, stamps)
    counters = rig.counters()
    assert counters['resets'] == 0 and counters['predictions'] > 50
    assert rig.keypoints[-1].frame_period == pytest.approx(0.033, rel=0.05)


def test_images_without_stamps_are_taken_for_as_old_as_they_are_here(rig):
    send(rig, [0] * (WINDOW + 12))
    assert abs(time.time_ns() - stamp_of(rig.keypoints[-1])) < 60 * SECOND
    status = rig.status()
    assert status.level == b'\1' and 'stamps are zero' in status.message
    assert rig.log().count('stamps are zero') == 1


def test_a_clock_that_is_a_minute_behind_is_warned_of_and_predicted(rig):
    send(rig, [lambda: time.time_ns() - 60 * SECOND] * (WINDOW + 10))
    assert len(rig.keypoints) > 2
    status = rig.status()
    assert status.level == b'\1' and 'stamps are old' in status.message
    assert rig.log().count('behind the clock of this node') == 1


def test_one_image_from_the_far_future_costs_one_window(rig):
    stamps = [time.time_ns() + i * 33 * MS for i in range(4 * WINDOW)]
    stamps[2 * WINDOW] += 3600 * SECOND
    send(rig, stamps)
    rig.station.wait(lambda: stamp_of(rig.keypoints[-1]) == stamps[-1], 'the last prediction')
    assert rig.counters()['resets'] == 2  # there and back


def test_an_image_that_was_overtaken_costs_nothing(rig):
    start = time.time_ns()
    stamps = [start + i * 33 * MS for i in range(4 * WINDOW)]
    stamps[9], stamps[10] = stamps[10], stamps[9]
    send(rig, stamps)
    counters = rig.counters()
    assert counters['resets'] == 0 and counters['late'] == 1


def test_many_encodings_do_not_make_many_lines(rig):
    from sensor_msgs.msg import Image

    start = rig.next_era()
    for i in range(300):
        image = Image(height=2, width=2, step=2, encoding=f'odd{i}', data=bytes(4))
        rig.camera.send(start + i * 33 * MS, image)
        rig.station.spin(0.005)
    rig.counted(bad=100)
    assert rig.log().count('is not supported') < 20
