"""What keypoints are worth: known answers, and the referee's own where it lies beside."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tkn_ros.evaluation.keypoint_figures import (
    WIDTH,
    judged_frames,
    judged_rows,
    score_keypoints,
    shrink,
)
from tkn_ros.evaluation.keypoint_table import format_keypoints, mean_figures
from tkn_ros.evaluation.point_tracks import read_tracks
from tkn_ros.streaming.keypoint_rows import KeypointRows, read_rows, write_rows
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source

SHARED = Path(__file__).parents[2] / 'shared'
HORIZON, FRAMES, SIDE, STEP = 6, 40, 60, (6, 2)
HEIGHT, WIDE = 360, 640  # pixels; the referee works on half of that


def square_at(t: int) -> np.ndarray:
    """(x, y) of the upper left corner of the square in frame t."""
    return np.array([40 + STEP[0] * t, 100 + STEP[1] * t])


@pytest.fixture(scope='module')
def clip() -> np.ndarray:
    """(FRAMES, HEIGHT, WIDE, 3) uint8: a rough square that moves steadily before a rough wall."""
    rng = np.random.default_rng(0)

    def rough(height, width, low, high):
        small = rng.integers(low, high, (height // 6, width // 6, 3)).astype(np.float32)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return picture.clip(0, 255).astype(np.uint8)

    frames = np.repeat(rough(HEIGHT, WIDE, 60, 110)[None], FRAMES, 0)
    square = rough(SIDE, SIDE, 120, 255)
    for t, frame in enumerate(frames):
        x, y = square_at(t)
        frame[y : y + SIDE, x : x + SIDE] = square
    return frames


@pytest.fixture(scope='module')
def grey(clip):
    return np.stack([shrink(frame) for frame in clip])


def true_rows(places=((15, 20), (30, 30), (40, 45)), off=(0.0, 0.0), sigma=None) -> KeypointRows:
    """Points of the square, all predictions right but for `off`, which grows with the step."""
    at = np.array(places, np.float32)  # (K, 2), in the square
    frame = np.arange(9, FRAMES)
    observed = np.stack([square_at(t) + at for t in frame]).astype(np.float32)
    steps = np.arange(1, HORIZON + 1)[:, None, None]
    predicted = observed[:, None] + steps * (np.array(STEP) + np.array(off))
    shape = predicted.shape[:3]
    return KeypointRows(
        frame,
        observed,
        predicted.astype(np.float32),
        np.ones(observed.shape[:2], bool),
        None if sigma is None else np.full(shape, sigma, np.float32),
        np.tile(np.arange(len(at)), (len(frame), 1)),
    )


def test_right_predictions_on_what_moves(grey):
    found = score_keypoints(grey, (HEIGHT, WIDE), true_rows(sigma=2.0))
    assert found['predictions'] == len(range(9, FRAMES - HORIZON))
    assert found['active'] == 3 and found['on_moving'] == 1 and found['blobs_covered'] == 1
    assert found['followed'] == 3 * found['predictions']
    assert found['err'] < 0.05  # in 1/64 of the width: half a pixel
    path = np.linalg.norm(STEP) * (HORIZON + 1) / 2 / (WIDE / 64)  # mean over the steps
    assert found['err_stay'] == pytest.approx(path, abs=0.05)
    assert found['err_velocity'] < 0.1  # the square does not change its way
    assert found['within_sigma'] == 1
    # beside the square itself, dilated by the flow's own width
    assert 0.01 < found['area_moving'] < 0.06


def test_staying_is_as_good_as_staying(grey):
    rows = true_rows(off=-np.array(STEP), sigma=0.1)
    found = score_keypoints(grey, (HEIGHT, WIDE), rows)
    assert found['err'] == found['err_stay'] and found['ratio_best'] > 10
    assert found['within_sigma'] == 0


def test_sigma_that_is_honest(grey):
    rng = np.random.default_rng(1)
    rows = true_rows(sigma=4.0)
    rows.predicted[:] += rng.normal(0, 4, rows.predicted.shape)
    assert score_keypoints(grey, (HEIGHT, WIDE), rows)['within_sigma'] == pytest.approx(
        0.68, abs=0.04
    )


def test_points_where_nothing_moves(grey):
    rows = true_rows()
    rows.observed[:] = (600, 30)
    rows.predicted[:] = (600, 30)
    found = score_keypoints(grey, (HEIGHT, WIDE), rows)
    assert found['on_moving'] == 0 and found['blobs_covered'] == 0 and found['followed'] == 0
    assert found['err'] is None and found['ratio_best'] is None and found['within_sigma'] is None


def test_idle_points_are_not_judged(grey):
    rows = true_rows()
    rows.active[:, 1:] = False
    rows.observed[:, 1:] = 0
    found = score_keypoints(grey, (HEIGHT, WIDE), rows)
    assert found['active'] == 1 and found['on_moving'] == 1
    rows.active[:] = False
    found = score_keypoints(grey, (HEIGHT, WIDE), rows)
    assert found['active'] == 0 and found['on_moving'] is None and found['blobs_covered'] == 0


def test_persons(grey, tmp_path):
    """The square is one person, the wall's corner another; boxes are given at half the size."""
    lines = []
    for t in range(FRAMES):
        x, y = square_at(t) / 2
        lines += [f'{t + 1}, 7, {x}, {y}, {SIDE / 2}, {SIDE / 2}, 1', f'{t + 1},8,300,0,9,9,1,-1']
        lines += [f'{t + 1},9,0,0,320,180,0,9']  # does not count
    (tmp_path / 'gt.txt').write_text('\n'.join(lines) + '\n\n')
    tracks = read_tracks(tmp_path / 'gt.txt', (2, 2))
    assert tracks[0] == {7: (40, 100, SIDE, SIDE), 8: (600, 0, 18, 18)}
    rows = true_rows(places=((15, 20), (40, 45), (200, 100)))
    found = score_keypoints(grey, (HEIGHT, WIDE), rows, tracks)
    judged = found['predictions']
    assert found['in_person'] == pytest.approx(2 / 3, abs=1e-3) and found['persons_covered'] == 0.5
    assert found['hits_of'] == 2 * judged and found['hit'] == found['hit_velocity'] == 1
    assert found['hit_stay'] < 0.6  # 36 px aside, of 60
    without = score_keypoints(grey, (HEIGHT, WIDE), rows)
    assert 'hit' not in without and without.items() <= found.items()


@pytest.mark.parametrize(
    'text', ['1,2,3\n', '1,2,a,4,5,6\n', '0,1,2,3,4,5\n', '', '1,1,2,3,4,5,0\n']
)
def test_what_is_no_file_of_tracks(tmp_path, text):
    (tmp_path / 'gt.txt').write_text(text)
    with pytest.raises(VideoError, match='gt.txt'):
        read_tracks(tmp_path / 'gt.txt')
    with pytest.raises(VideoError, match='none.txt: cannot be read'):
        read_tracks(tmp_path / 'none.txt')


def test_which_predictions_are_judged():
    rows = true_rows()
    every = judged_rows(rows, FRAMES)
    assert rows.frame[every].tolist() == list(range(9, FRAMES - HORIZON))
    assert judged_frames(FRAMES, 10, HORIZON) == rows.frame[every].tolist()
    assert judged_frames(FRAMES, 4, HORIZON, 3) == [9, 21, 33]
    assert judged_frames(FRAMES, 20, HORIZON, 1) == [19]
    assert judged_frames(12, 4, HORIZON) == [] == judged_rows(rows, 12)


def test_too_short_for_any_judgement(grey):
    found = score_keypoints(grey[:12], (HEIGHT, WIDE), true_rows())
    assert found['predictions'] == 0 and found['err'] is None and found['on_moving'] is None


def test_grey_pictures():
    picture = np.zeros((33, 100, 3), np.uint8)
    picture[..., 1] = 100
    assert shrink(picture).shape == (round(33 * WIDTH / 100), WIDTH)
    assert shrink(picture)[0, 0] == round(0.587 * 100)


def test_several_clips_in_one_row():
    a = {'predictions': 3, 'err': 1.0, 'ratio_best': 0.5, 'followed': 5, 'within_sigma': None}
    b = {'predictions': 4, 'err': 2.0, 'ratio_best': 2.0, 'followed': 0, 'within_sigma': 0.6}
    c = {'predictions': 1, 'err': None, 'ratio_best': None, 'followed': 0, 'within_sigma': None}
    mean = mean_figures([a, b, c])
    assert mean == {
        'predictions': 8,
        'err': 1.5,
        'ratio_best': 1.0,  # the geometric mean
        'followed': 5,
        'within_sigma': 0.6,
    }
    assert mean_figures([c])['err'] is None
    clips = [{'name': name, 'keypoints': x} for name, x in zip('abc', (a, b, c))]
    table = format_keypoints({'clips': clips, 'overall': {'keypoints': mean}}).splitlines()
    assert len({len(line) for line in table if line}) == 1
    assert table[-1].startswith('all 3 clips') and '1.500' in table[-1]
    assert format_keypoints({'clips': clips, 'overall': {}}) == ''


def test_rows_as_a_file(tmp_path):
    rows = true_rows(sigma=3.0)
    write_rows(tmp_path / 'a.npz', rows, width=WIDE, weights='default')
    again = read_rows(tmp_path / 'a.npz')
    for name in ('frame', 'observed', 'predicted', 'active', 'sigma', 'id'):
        assert np.array_equal(getattr(rows, name), getattr(again, name))
    with np.load(tmp_path / 'a.npz') as arrays:
        assert arrays['width'] == WIDE and str(arrays['weights']) == 'default'
    np.savez(tmp_path / 'b.npz', frame=rows.frame)
    (tmp_path / 'c.npz').write_text('nothing')
    for name in ('b.npz', 'c.npz', 'd.npz'):
        with pytest.raises(VideoError, match=f'{name}: not keypoints'):
            read_rows(tmp_path / name)


@pytest.mark.skipif(
    not (SHARED / 'tools/keypoint_score.py').is_file(),
    reason='no ../shared/tools/keypoint_score.py',
)
@pytest.mark.parametrize('name', ['', 'pedestrian/vtest.avi', 'kth/person01_boxing_d1_uncomp.avi'])
def test_the_figures_are_the_referees(clip, monkeypatch, name):
    """'': on the synthetic clip."""
    monkeypatch.syspath_prepend(str(SHARED / 'tools'))
    import keypoint_score

    threads = cv2.getNumThreads()
    tracks, count = None, 150
    if not name:
        frames = list(clip)
    elif (SHARED / 'data' / name).exists():
        with open_source(SHARED / 'data' / name) as source:
            frames = [frame.image for frame in source.frames(0, count)]
        labels = SHARED / 'data/tracks/vtest_gt.txt'
        if 'vtest' in name and labels.exists():
            tracks = read_tracks(labels, (0.625, 0.625))
            assert tracks == keypoint_score.boxes(labels, 0.625, 0.625)
    else:
        pytest.skip(f'no {name} in ../shared/data')
    rows = random_rows(frames)
    mine = score_keypoints(
        np.stack([shrink(f) for f in frames]), frames[0].shape[:2], rows, tracks, 12
    )
    assert cv2.getNumThreads() == threads
    arrays = {name: getattr(rows, name) for name in vars(rows)}
    cv2.setNumThreads(1)
    theirs = keypoint_score.score([f[..., ::-1] for f in frames], arrays, tracks, 12)
    cv2.setNumThreads(threads)
    names = {
        f'{a}_{b}': f'{a}{c}'
        for a in ('err', 'hit')
        for b, c in (('model', ''), ('cv', '_velocity'))
    }
    assert mine == {names.get(key, key): value for key, value in theirs.items()}
    assert mine['predictions'] > 8 and mine['followed'] > 0
    sys.modules.pop('keypoint_score')


def random_rows(frames: list[np.ndarray]) -> KeypointRows:
    """Points found on corners by chance, half of them idle."""
    rng = np.random.default_rng(2)
    height, width = frames[0].shape[:2]
    frame, k = np.arange(5, len(frames)), 16
    observed = rng.uniform(-0.02, 1.02, (len(frame), k, 2)) * (width, height)
    for row, t in zip(observed, frame):
        change = np.abs(frames[t].astype(int) - frames[t - 3]).sum(-1)
        y, x = np.divmod(np.argsort(change, axis=None)[-1500:], width)
        picked = rng.integers(0, 1500, k // 2)
        row[: k // 2] = np.stack([x[picked], y[picked]], -1)
    drift = rng.normal(0, 3, (len(frame), HORIZON, k, 2)).cumsum(1)
    return KeypointRows(
        frame,
        observed.astype(np.float32),
        (observed[:, None] + drift).astype(np.float32),
        rng.random((len(frame), k)) < 0.5,
        rng.uniform(0, 20, (len(frame), HORIZON, k)).astype(np.float32),
        np.tile(np.arange(k), (len(frame), 1)),
    )
