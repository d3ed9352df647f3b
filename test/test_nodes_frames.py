"""Predicted frames at the camera's size: they never delay keypoints, and tell which they are."""

from itertools import groupby

import numpy as np
import pytest
from lifecycle_rig import set_values, value_of
from ros_rig import SECOND, PredictorRig, ros_or_skip, stamp_of
from small_models import moving_patch

ros_or_skip()

from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from tkn_ros.msg import PredictedFrameInfo  # noqa: E402
from tkn_ros.nodes.conversions import image_to_rgb  # noqa: E402
from tkn_ros.video.stamps import to_ns  # noqa: E402

PERIOD = SECOND // 15
CLIP = moving_patch(40)  # 240 x 320
LARGE = np.repeat(np.repeat(CLIP, 3, 1), 3, 2)  # 720 x 960


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory):
    with PredictorRig(
        station, tmp_path_factory.mktemp('frames'), 'frames', output_size=[-1, -1], steps=[3, 6, 10]
    ) as rig:
        yield rig


def test_frames_at_the_cameras_size_with_what_they_are(rig, keypoints):
    station = rig.station
    frames, info = (
        rig.hear(Image, 'predicted_frames'),
        rig.hear(PredictedFrameInfo, 'predicted_frames_info'),
    )
    small = rig.hear(CompressedImage, 'predicted_frames/compressed')
    rig.prime(keypoints, frames, info, small, period=PERIOD, frame=CLIP[0])
    start = rig.next_era()
    for i, frame in enumerate(CLIP[:16]):
        rig.camera.send(start + i * PERIOD, frame)
        station.spin(0.1)
    station.wait(
        lambda: stamp_of(info[-1]) > start and len(info) == len(frames) == len(small), 'them'
    )
    for image, jpeg, what in zip(frames, small, info):
        assert stamp_of(image) == stamp_of(jpeg) == stamp_of(what)
        assert what.header.frame_id == 'lens' and what.horizon == 10
        ahead = stamp_of(what) - to_ns(what.observed_stamp)
        assert ahead == pytest.approx(what.step * PERIOD, abs=PERIOD / 2)
    bursts = [list(group) for _, group in groupby(info, lambda m: to_ns(m.observed_stamp))]
    assert {tuple(m.step for m in burst) for burst in bursts} == {(3, 6, 10)}
    assert image_to_rgb(frames[-1]).shape == CLIP[0].shape
    assert np.abs(image_to_rgb(frames[-1]).astype(int) - image_to_rgb(small[-1])).mean() < 8
    station.forget(frames, info, small)


def test_frames_never_delay_keypoints(rig, keypoints):
    """More to draw than there is time for: keypoints come from every image all the same."""
    frames = rig.hear(Image, 'predicted_frames')
    assert set_values(rig, horizon=200)[0].successful
    assert set_values(rig, steps=[0])[0].successful
    rig.prime(keypoints, frames, period=PERIOD, frame=LARGE[0])
    start, before = rig.next_era(), rig.counters()
    for i, frame in enumerate(LARGE):
        stamp = start + i * PERIOD
        rig.camera.send(stamp, frame)
        if i >= 9:
            rig.station.wait(
                lambda s=stamp: any(stamp_of(m) == s for m in keypoints), f'keypoints {i}'
            )
        else:
            rig.station.spin(0.1)
    after = rig.counters()
    assert after['resets'] <= before['resets'] + 1
    assert after['undrawn'] > before['undrawn']
    assert after['predictions'] - before['predictions'] >= len(LARGE) - 9
    assert set_values(rig, steps=[3, 6, 10])[0].successful
    assert set_values(rig, horizon=10)[0].successful
    rig.station.forget(frames)


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        ({'horizon': 5}, ['steps is [3, 6, 10]', '1 to 5']),
        ({'horizon': 5, 'steps': [2, 9]}, ['steps is [2, 9]', '1 to 5']),
        ({'stride': 2, 'output_size': [3, 3]}, ['output_size is [3, 3]']),
        ({'stride': 2, 'steps': [4, 4]}, ['steps is [4, 4]', 'increasing']),
        (
            {'horizon': 1000, 'steps': [0], 'output_size': [1920, 1080]},
            ['1000 predicted frames of 1920x1080', '11.6 GiB', 'fewer steps'],
        ),
    ],
)
def test_parameters_are_checked_together_and_none_is_applied_alone(rig, values, said):
    names = ('horizon', 'stride', 'steps', 'output_size')
    before = {name: value_of(rig, name) for name in names}
    (result,) = set_values(rig, together=True, **values)
    assert not result.successful and all(part in result.reason for part in said), result.reason
    assert {name: value_of(rig, name) for name in names} == before


def test_parameters_that_fit_only_together_are_set_together(rig):
    assert set_values(rig, together=True, horizon=5, steps=[1, 5])[0].successful
    assert set_values(rig, together=True, horizon=10, steps=[3, 6, 10])[0].successful
