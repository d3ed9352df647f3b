"""Keypoints read back from bags, of today's and of older messages, and the figures they get."""

import numpy as np
import pytest
from bags import OLDER_TEXTS, TEXTS, PredictionBag

from tkn_ros.evaluation import recorded_keypoints
from tkn_ros.evaluation.bag_report import report
from tkn_ros.evaluation.recorded_keypoints import FIGURES, KeypointCollector
from tkn_ros.evaluation.recorded_predictions import BagLog, PredictionRecord, Timeline, read_records
from tkn_ros.video.drawing import KeypointPaths

MS = 1_000_000
PERIOD = 50 * MS
START = 1_700_000_000 * 10**9
CAMERA, POINTS, FRAMES = '/camera/image_raw', '/tkn/predicted_keypoints', '/tkn/predicted_frames'
SIZE = (120, 160)
COUNT, HORIZON = 40, 5
SPEED = np.array([1.5, 0.5])  # [pixel] of the square in a frame, to the right and downwards


def stamp(i):
    return START + round(i * PERIOD)


def corner(i):
    """(x, y) of the square's upper left pixel."""
    return np.round(np.array([20, 20]) + SPEED * i)


def frame(i):
    """A square of noise moves before a plane of grey."""
    picture = np.full((*SIZE, 3), 90, np.uint8)
    x, y = corner(i).astype(int)
    noise = np.random.default_rng(0).integers(0, 255, (10, 10, 3), np.uint8)
    picture[y : y + 30, x : x + 30] = noise.repeat(3, 0).repeat(3, 1)
    return picture


def points(i):
    """Three in the square, and one far from it."""
    return np.concatenate([corner(i) + [[6, 6], [15, 15], [24, 9]], [[150, 110]]])


def write(path, texts=TEXTS, step=1, error=0.0, count=COUNT):
    """Predictions of every image, their moments `step` images apart, off by `error` pixels in x."""
    with PredictionBag(path, texts) as bag:
        for i in range(count):
            bag.image(CAMERA, stamp(i), frame(i))
            ahead = [i + step * j for j in range(HORIZON + 1)]
            places = np.stack([points(a) + [error * (a > i), 0] for a in ahead])
            future, published = [stamp(a) for a in ahead[1:]], stamp(i) + 5 * MS
            sigma = np.arange(HORIZON + 1)[:, None] * np.array([1.0, 1.0, 1.0, 9.0])
            active, ids = (True, True, True, False), (5, 2**32 - 1, 7, 9)
            bag.keypoints(POINTS, stamp(i), future, published, SIZE, places, sigma, active, ids)
            for j, when in enumerate(future, 1):
                bag.image(FRAMES, when, frame(i), published + j * MS)
    return path


def records(path):
    return list(read_records(path, CAMERA, 'tkn', Timeline(), BagLog()))


@pytest.mark.parametrize('name', ['p.mcap', 'p.db3', 'folder'])
def test_what_was_sent_is_read_back(tmp_path, name):
    for i, record in enumerate(records(write(tmp_path / name, count=12))):
        paths = record.paths
        assert np.allclose(paths.now, points(i)) and paths.future.shape == (HORIZON, 4, 2)
        assert np.allclose(paths.future[-1], points(i + HORIZON))
        assert paths.active.tolist() == [True, True, True, False]
        assert paths.ids.tolist() == [5, 2**32 - 1, 7, 9]
        assert np.allclose(paths.sigma[:, 0], range(1, HORIZON + 1))


@pytest.mark.parametrize('name', ['p.mcap', 'p.db3'])
def test_keypoints_of_older_messages(tmp_path, name):
    """The bag explains itself; what its messages do not say is what it was then."""
    for i, record in enumerate(records(write(tmp_path / name, OLDER_TEXTS, count=12))):
        paths = record.paths
        assert np.allclose(paths.now, points(i))
        assert np.allclose(paths.future[0], points(i + 1))
        assert paths.active.all() and paths.ids.tolist() == [0, 1, 2, 3]
        assert paths.sigma.shape == (HORIZON, 4) and not paths.sigma.any()


def test_the_figures_of_keypoints_that_come_true(tmp_path):
    figures = report(write(tmp_path / 'p.mcap'), tmp_path / 'out')['keypoints']
    assert figures.keys() == set(FIGURES)
    assert figures['active'] == 3  # the fourth is not judged
    assert figures['on_moving'] == 1 and figures['blobs_covered'] == 1
    assert 0 < figures['area_moving'] < 0.5
    unit = SIZE[1] / 64
    mean_path = np.linalg.norm(SPEED) * np.mean(range(1, HORIZON + 1)) / unit
    assert figures['err_stay'] == pytest.approx(mean_path, rel=0.1)
    assert figures['err'] < 0.1 * figures['err_stay']
    assert figures['err_velocity'] is not None and figures['ratio_best'] < 1
    assert figures['within_sigma'] > 0.95


def test_the_figures_of_keypoints_that_are_wrong_and_know_nothing_of_it(tmp_path):
    bag = write(tmp_path / 'p.mcap', OLDER_TEXTS, error=10.0)
    figures = report(bag, tmp_path / 'out')['keypoints']
    assert figures['active'] == 4 and figures['on_moving'] == pytest.approx(0.75, abs=0.01)
    assert figures['err'] == pytest.approx(10 / (SIZE[1] / 64), rel=0.05)
    assert figures['ratio_best'] > 1
    assert figures['within_sigma'] is None


def test_steps_of_another_rate_are_judged_at_the_images_that_came(tmp_path):
    """Predictions two images apart, and an image that was lost."""
    collector = KeypointCollector()
    for record in records(write(tmp_path / 'p.mcap', step=2)):
        if record.stamp != stamp(20):
            collector.add(record)
    rows = collector.rows()
    assert rows.predicted.shape[1:] == (2 * HORIZON, 4, 2)
    came = [i for i in range(COUNT) if i != 20]
    assert len(rows)
    for row, number in enumerate(rows.frame):
        assert np.allclose(rows.observed[row], points(came[number]))
        truth = [points(came[number + j]) for j in range(1, 2 * HORIZON + 1)]
        # positions are whole pixels here, and beyond its end a prediction stays
        for j, (guess, true) in enumerate(zip(rows.predicted[row], truth), 1):
            if came[number + j] <= came[number] + 2 * HORIZON:
                assert np.abs(guess - true).max() <= 1
    assert np.allclose(rows.sigma[0, :, 0], np.arange(1, 2 * HORIZON + 1) / 2)


def record_of(number, k=2, horizon=2, size=(24, 32)):
    future = [stamp(number + j) for j in range(1, horizon + 1)]
    paths = KeypointPaths(np.zeros((k, 2)), np.zeros((horizon, k, 2)))
    return PredictionRecord(stamp(number), np.zeros((*size, 3), np.uint8), paths, future)


def test_memory_is_bounded_and_what_does_not_fit_is_left_out(monkeypatch):
    monkeypatch.setattr(recorded_keypoints, 'MOST_FRAMES', 30)
    collector = KeypointCollector()
    for i in range(40):
        collector.add(record_of(i, horizon=3 if i == 5 else 2))
        collector.add(record_of(i))  # the same moment again
        collector.add(record_of(i + 0.5, size=(12, 16)))
    assert len(collector.grey) == len(collector.stamps) == 30
    rows = collector.rows()
    assert rows.frame.tolist() == [i for i in range(28) if i != 5]
    assert rows.sigma is None


def test_without_a_whole_future_there_are_no_figures():
    collector = KeypointCollector()
    assert collector.figures() == dict.fromkeys(FIGURES)
    for i in range(2):
        collector.add(record_of(i))
    assert collector.figures() == dict.fromkeys(FIGURES)
