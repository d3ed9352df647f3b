"""Real recordings, where they lie beside the repository, open and have the frames they should."""

from pathlib import Path

import numpy as np
import pytest

from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source

DATA = Path(__file__).parents[2] / 'shared/data'
BAGS = DATA / 'bags/geocam_all_types'

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason='no ../shared/data beside the repository')

RECORDINGS = {
    # path: (frames, fps, width, height)
    'kth/person01_boxing_d1_uncomp.avi': (360, 25, 160, 120),
    'kth/person01_handwaving_d1_uncomp.avi': (468, 25, 160, 120),
    'kth/ogg/0.ogg': (166, 30, 160, 120),  # 180 by its stamps, some of them "as before"
    'kth/frames/person16_jogging_1': (10, 25, 160, 120),
    'kth/frames/person1_jogging_1': (10, 25, 160, 120),
    'weizmann/frames/daria_walk': (83, 25, 180, 144),
    'weizmann/frames/ira_walk': (87, 25, 180, 144),
    'pedestrian/vtest.avi': (795, 10, 480, 360),
    'driving/solidWhiteRight.mp4': (221, 25, 960, 540),
    'driving/dashcam1.mp4': (515, 30, 640, 360),
    'human_action/asl/again.mkv': (77, 30, 640, 480),
    'human_action/v_IceDancing_g01_c01.avi': (244, 25, 320, 240),
    'bags/amber_soccer_goal/soccer_goal_12.mcap': (2, 30, 640, 480),
    'bags/amber_soccer_goal': (2, 30, 640, 480),
}


@pytest.mark.parametrize('name', RECORDINGS)
def test_recording(name):
    if not (DATA / name).exists():
        pytest.skip(f'no {name} in ../shared/data')
    count, fps, width, height = RECORDINGS[name]
    source = open_source(DATA / name)
    assert source.fps == pytest.approx(fps, rel=1e-2)
    assert (source.width, source.height) == (width, height)
    stamps = []
    for frame in source:
        assert frame.image.shape == (height, width, 3)
        stamps.append(frame.stamp_ns)
    assert len(stamps) == count and source.bad_count == 0
    assert all(a < b for a, b in zip(stamps, stamps[1:]))
    assert np.median(np.diff(stamps)) == pytest.approx(1e9 / fps, rel=0.05)


@pytest.mark.parametrize(
    'name',
    [
        'test_bag_mcap',
        'test_bag_sqlite3',
        'test_bag_mcap/test_bag_mcap.mcap',
        'test_bag_sqlite3/test_bag_sqlite3.db3',
    ],
)
def test_bags_of_every_type_hold_pictures_of_nothing(name):
    """Their images are 640x480 with thirty bytes of data: opened, understood, and refused."""
    if not (BAGS / name).exists():
        pytest.skip(f'no {name} in ../shared/data')
    with pytest.raises(VideoError, match='2 image topics'):
        open_source(BAGS / name)
    with pytest.raises(VideoError, match='data has 30 bytes: 640x480 rgb8'):
        open_source(BAGS / name, topic='/test/sensor_msgs/image')
    with pytest.raises(VideoError, match="'jpeg' cannot be decoded"):
        open_source(BAGS / name, topic='/test/sensor_msgs/compressed_image')
