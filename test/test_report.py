"""The report of a bag whose every figure is known beforehand."""

import av
import numpy as np
import pytest
from bags import IMAGE, KEYPOINTS, STORE, TEXTS, PredictionBag
from PIL import Image
from rosbags.rosbag2 import StoragePlugin, Writer

from tkn_ros.evaluation.bag_report import report
from tkn_ros.video.bag_writer import message_definition
from tkn_ros.video.frame import VideoError
from tkn_ros.video.metrics import psnr, ssim

MS = 1_000_000
PERIOD = 50 * MS
START = 1_700_000_000 * 10**9
CAMERA, POINTS, FRAMES = '/camera/image_raw', '/tkn/predicted_keypoints', '/tkn/predicted_frames'
HORIZON = 3
COUNT = 24


def frame(i):
    """Brighter by one with every frame, so that repeating frame i is off by j after j steps."""
    grey = np.random.default_rng(0).integers(0, 200, (24, 32, 1), np.uint8)  # few colours: fast GIF
    return np.repeat(grey + np.uint8(i), 3, axis=2)


def stamp(i):
    return START + i * PERIOD


def psnr_of_difference(levels):
    return -20 * np.log10(levels / 255)


def write(path, predict=range(4, COUNT), error=0, count=COUNT, lost=(), missing=()):
    """count images; for those in `predict` a prediction, off by `error` levels.

    `lost`: (i, j) whose predicted frame never came; `missing`: topics left out.
    """
    with PredictionBag(path) as bag:
        for i in range(count):
            if CAMERA not in missing:
                bag.image(CAMERA, stamp(i), frame(i))
            if i not in predict:
                continue
            future = [stamp(i + j) for j in range(1, HORIZON + 1)]
            published = stamp(i) + latency(i)
            if POINTS not in missing:
                bag.keypoints(POINTS, stamp(i), future, published, (24, 32))
            if FRAMES not in missing:
                for j, when in enumerate(future, 1):
                    if (i, j) not in lost:
                        bag.image(FRAMES, when, frame(i + j) + np.uint8(error), published + j * MS)
    return path


def latency(i):
    return (10 + i) * MS


@pytest.mark.parametrize('error', [0, 10])
def test_the_figures_of_a_known_bag(tmp_path, error):
    result = report(write(tmp_path / 'p.mcap', error=error), tmp_path / 'out')
    assert result['frames_in'] == COUNT
    assert result['predictions'] == COUNT - 4
    assert result['dropped'] == 0
    # the future of the last HORIZON predictions is not all in the bag
    assert result['evaluated_predictions'] == COUNT - 4 - HORIZON
    assert [row['step'] for row in result['per_step']] == [1, 2, 3]
    for j, row in enumerate(result['per_step'], 1):
        expected = psnr_of_difference(error) if error else 60.0
        assert row['psnr'] == pytest.approx(expected, abs=1e-4)
        assert row['psnr_repeat_last'] == pytest.approx(psnr_of_difference(j), abs=1e-4)
        measured = range(4, COUNT - HORIZON)
        by_hand = np.mean([ssim(frame(i), frame(i + j)) for i in measured])
        assert row['ssim_repeat_last'] == pytest.approx(by_hand, abs=1e-4)
        by_hand = np.mean([ssim(frame(i + j) + np.uint8(error), frame(i + j)) for i in measured])
        assert row['ssim'] == pytest.approx(by_hand, abs=1e-4)
    for name in ('psnr', 'ssim', 'psnr_repeat_last', 'ssim_repeat_last'):
        assert result[name] == pytest.approx(
            np.mean([row[name] for row in result['per_step']]), abs=1e-4
        )


def test_latency_and_rate(tmp_path):
    result = report(write(tmp_path / 'p.mcap'), tmp_path / 'out')
    milliseconds = [10 + i for i in range(4, COUNT)]
    assert result['latency_ms'] == {
        'p50': pytest.approx(np.percentile(milliseconds, 50), abs=0.01),
        'p99': pytest.approx(np.percentile(milliseconds, 99), abs=0.01),
    }
    # 19 intervals of 51 ms between the publications of 20 predictions of 3 frames
    assert result['fps'] == pytest.approx(HORIZON / 0.051, abs=0.06)


def test_images_without_a_prediction_are_counted_as_dropped_once_there_was_one(tmp_path):
    predicted = [i for i in range(6, COUNT) if i not in (9, 10, 17)]
    result = report(write(tmp_path / 'p.mcap', predict=predicted), tmp_path / 'out')
    assert result['dropped'] == 3  # and not those before the first window was full
    assert result['predictions'] == len(predicted)


def test_a_prediction_that_lost_a_frame_is_not_measured(tmp_path):
    result = report(write(tmp_path / 'p.mcap', lost={(8, 2), (12, 1)}), tmp_path / 'out')
    assert result['predictions'] == COUNT - 4 and result['dropped'] == 0
    assert result['evaluated_predictions'] == COUNT - 4 - HORIZON - 2
    assert result['psnr'] == pytest.approx(60)  # none went to another prediction


def test_the_pictures(tmp_path):
    report(write(tmp_path / 'p.mcap'), tmp_path / 'out')
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == [
        'montage.png',
        'prediction.gif',
        'prediction.mp4',
    ]
    with av.open(str(tmp_path / 'out' / 'prediction.mp4')) as video:
        frames = sum(1 for _ in video.decode(video=0))
        assert frames == COUNT
        assert float(video.streams.video[0].average_rate) == pytest.approx(20, abs=0.1)
    with Image.open(tmp_path / 'out' / 'prediction.gif') as gif:
        assert 1 < gif.n_frames <= COUNT and gif.width <= 640
    with Image.open(tmp_path / 'out' / 'montage.png') as montage:
        assert np.asarray(montage).std() > 10


def test_a_clip_without_any_whole_future_is_drawn_but_not_measured(tmp_path):
    result = report(write(tmp_path / 'p.mcap', count=7), tmp_path / 'out')
    assert result['predictions'] == 3 and result['evaluated_predictions'] == 0
    assert result['per_step'] == [] and result['psnr'] is None
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == [
        'montage.png',
        'prediction.gif',
        'prediction.mp4',
    ]


def test_predicted_frames_of_another_size_are_measured_at_their_own(tmp_path):
    small = np.full((12, 16, 3), 100, np.uint8)
    with PredictionBag(tmp_path / 'p.mcap') as bag:
        for i in range(8):
            bag.image(CAMERA, stamp(i), np.full((24, 32, 3), 110, np.uint8))
            bag.keypoints(POINTS, stamp(i), [stamp(i + 1)], stamp(i) + MS, (24, 32))
            bag.image(FRAMES, stamp(i + 1), small, stamp(i) + 2 * MS)
    result = report(tmp_path / 'p.mcap', tmp_path / 'out')
    assert result['psnr'] == pytest.approx(psnr(small, small + np.uint8(10)), abs=1e-4)
    assert result['evaluated_predictions'] == 7


def test_another_camera_topic_and_namespace(tmp_path):
    with PredictionBag(tmp_path / 'p.mcap') as bag:
        for i in range(6):
            bag.image('/left/image', stamp(i), frame(i))
            bag.keypoints(
                '/a/b/predicted_keypoints', stamp(i), [stamp(i + 1)], stamp(i) + MS, (24, 32)
            )
            bag.image('/a/b/predicted_frames', stamp(i + 1), frame(i + 1), stamp(i) + 2 * MS)
    result = report(tmp_path / 'p.mcap', tmp_path / 'out', '/left/image', '/a/b/')
    assert result['predictions'] == 6 and result['psnr'] == 60


@pytest.mark.parametrize('topic', [CAMERA, POINTS, FRAMES])
def test_a_bag_without_one_of_the_topics_names_it_and_those_it_has(tmp_path, topic):
    bag = write(tmp_path / 'p.mcap', missing={topic})
    with pytest.raises(VideoError) as error:
        report(bag, tmp_path / 'out')
    lacks, has = str(error.value).split('; it holds ')
    assert lacks.endswith(f'nothing on {topic}')
    assert has == ', '.join(sorted({CAMERA, POINTS, FRAMES} - {topic}))
    assert not list(tmp_path.glob('out/*'))


def announce_only(path, with_images):
    """As `ros2 bag record` leaves it when a topic was there and silent."""
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(
                topic, kind, msgdef=message_definition(kind, TEXTS), rihs01=STORE.hash_rihs01(kind)
            )
            for topic, kind in ((CAMERA, IMAGE), (POINTS, KEYPOINTS), (FRAMES, IMAGE))
        }
        if with_images:
            with PredictionBag(path.with_suffix('.mcap')) as other:
                other._writer.write = lambda _, logged, cdr: writer.write(
                    connections[CAMERA], logged, cdr
                )
                for i in range(5):
                    other.image(CAMERA, stamp(i), frame(i))
    return path


def test_a_bag_without_a_prediction_says_what_may_be_the_reason(tmp_path):
    with pytest.raises(VideoError, match='no prediction; the clip may be shorter than the window'):
        report(announce_only(tmp_path / 'bag', with_images=True), tmp_path / 'out')
    assert not list(tmp_path.glob('out/*'))


def test_a_bag_without_any_whole_drawn_prediction_says_so(tmp_path):
    """As of frames so large that they could not be drawn in time."""
    lost = {(i, 2) for i in range(COUNT)}
    with pytest.raises(VideoError, match='no prediction with all of its frames.*--output-size'):
        report(write(tmp_path / 'p.mcap', lost=lost), tmp_path / 'out')
    assert not (tmp_path / 'out' / 'montage.png').exists()


def test_a_bag_without_an_image_says_so(tmp_path):
    with pytest.raises(VideoError, match='it holds no image on /camera/image_raw'):
        report(announce_only(tmp_path / 'bag', with_images=False), tmp_path / 'out')
    assert not list(tmp_path.glob('out/*'))


def test_what_is_no_bag_is_refused(tmp_path):
    (tmp_path / 'p.mcap').write_bytes(b'no bag at all')
    with pytest.raises(VideoError, match='not a whole rosbag'):
        report(tmp_path / 'p.mcap', tmp_path / 'out')
    with pytest.raises(OSError, match='missing.mcap'):
        report(tmp_path / 'missing.mcap', tmp_path / 'out')
