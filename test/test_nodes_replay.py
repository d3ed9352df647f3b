"""The replay node: a recording over real DDS as if it were a camera."""

import numpy as np
import pytest
from bags import PredictionBag
from ros_rig import SECOND, Process, ros_or_skip, run_to_end, stamp_of
from small_models import moving_square

ros_or_skip()

from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from tkn_ros.nodes.conversions import image_to_rgb  # noqa: E402
from tkn_ros.video.open import open_source  # noqa: E402
from tkn_ros.video.stamps import to_ns  # noqa: E402
from tkn_ros.video.writers import write_image, write_video  # noqa: E402

MS = 1_000_000
COUNT, FPS = 12, 25


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'a clip.mp4'
    write_video(path, moving_square(COUNT, 48, 64), FPS)
    return path


@pytest.fixture
def played(station, tmp_path, request):
    """Play with these parameters until the node ends by itself or the test has enough."""
    topic = f'/{request.node.name.partition("[")[0]}/image'

    def play(enough=None, **parameters):
        images = station.hear(Image, topic)
        with Process(
            'replay', tmp_path, {'camera/image_raw': topic}, wait_for_subscribers=1, **parameters
        ) as node:
            station.wait(
                lambda: len(images) >= enough if enough else not node.alive(),
                'the images',
                log=node.log,
            )
            if not enough:
                said = node.log().rpartition('played ')[2].partition(' images')[0]
                station.wait(lambda: len(images) >= int(said), 'the last images', log=node.log)
        station.forget(images)
        return images

    return play


def intervals(images):
    return np.diff([stamp_of(m) for m in images]) / MS


def test_every_frame_comes_at_the_recordings_own_intervals(played, clip):
    images = played(video=clip)
    assert len(images) == COUNT
    assert intervals(images) == pytest.approx([1000 / FPS] * (COUNT - 1), abs=0.01)
    assert {m.header.frame_id for m in images} == {'camera'}
    assert {m.encoding for m in images} == {'rgb8'}
    with open_source(clip) as source:
        for message, frame in zip(images, source):
            assert np.array_equal(image_to_rgb(message), frame.image)


def test_twice_as_fast_only_so_long_and_another_frame_id(played, clip):
    images = played(video=clip, rate=2.0, seconds=0.1, frame_id='lens')
    assert len(images) == 6  # at 0, 20, .. 100 ms
    assert intervals(images) == pytest.approx([500 / FPS] * 5, abs=0.01)
    assert {m.header.frame_id for m in images} == {'lens'}


def test_again_and_again(played, clip):
    images = played(enough=2 * COUNT + 2, video=clip, loop=True, rate=4.0)
    assert (intervals(images) > 0).all()
    first, again = image_to_rgb(images[0]), image_to_rgb(images[COUNT])
    assert np.array_equal(first, again)


def test_the_recordings_own_clock(station, played, clip):
    clock = station.hear(Clock, '/clock')
    images = played(video=clip, clock=True, rate=4.0)
    stamps = [stamp_of(m) for m in images]
    assert stamps[0] == SECOND and intervals(images) == pytest.approx([40] * 11, abs=0.01)
    heard = [to_ns(m.clock) for m in clock]
    assert heard == stamps[-len(heard) :]  # nobody waits for those who take the time
    station.forget(clock)


def test_a_bag(played, tmp_path):
    frames = moving_square(5, 20, 30)
    start = 1_700_000_000 * SECOND
    with PredictionBag(tmp_path / 'r.mcap') as bag:
        for i, frame in enumerate(frames):
            bag.image('/left/image', start + i * 30 * MS, frame, frame_id='left')
            bag.image('/right/image', start + i * 30 * MS, frame[:, ::-1].copy(), frame_id='right')
    images = played(video=tmp_path / 'r.mcap', topic='/left/image')
    assert [m.header.frame_id for m in images] == ['left'] * 5
    assert intervals(images) == pytest.approx([30] * 4, abs=0.01)
    assert all(np.array_equal(image_to_rgb(m), f) for m, f in zip(images, frames))


def test_a_folder_of_images(played, tmp_path):
    frames = moving_square(5, 20, 30)
    for i, frame in enumerate(frames):
        write_image(tmp_path / 'frames' / f'{i}.png', frame)
    images = played(video=tmp_path / 'frames', fps=50.0)
    assert intervals(images) == pytest.approx([20] * 4, abs=0.01)
    assert all(np.array_equal(image_to_rgb(m), f) for m, f in zip(images, frames))


def test_it_waits_for_its_subscribers_and_sends_best_effort(station, tmp_path, clip):
    topic = '/waiting/image'
    with Process(
        'replay',
        tmp_path,
        {'camera/image_raw': topic},
        video=clip,
        loop=True,
        reliable=False,
        wait_for_subscribers=1,
        rate=4.0,
    ) as node:
        offered = station.wait(
            lambda: station.node.get_publishers_info_by_topic(topic),
            'the replay node',
            log=node.log,
        )
        assert [p.qos_profile.reliability.name for p in offered] == ['BEST_EFFORT']
        images = station.hear(Image, topic, reliable=False)
        station.wait(lambda: len(images) > COUNT, 'images', log=node.log)
        first, *_ = (image_to_rgb(m) for m in images)
        with open_source(clip) as source:
            assert np.array_equal(first, next(iter(source)).image)
        station.forget(images)


@pytest.mark.parametrize(
    ('parameters', 'said'),
    [
        ({'video': 'missing.mp4'}, 'missing.mp4: no such file or folder'),
        ({'video': __file__}, 'not a video'),
        ({'video': '977'}, 'there is no /dev/video977'),
    ],
)
def test_bad_input_is_told_in_one_line(parameters, said):
    ended = run_to_end('replay', {'camera/image_raw': '/bad/image'}, **parameters)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith('replay: ') and said in ended.stderr
