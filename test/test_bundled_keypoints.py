"""The bundled weights: what they publish must be worth more than what anybody could guess."""

from pathlib import Path

import numpy as np
import pytest

from tkn_ros.evaluation.keypoint_figures import score_keypoints, shrink
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.keypoint_rows import KeypointRows, keypoint_row, predict_keypoints
from tkn_ros.streaming.make_window import make_window
from tkn_ros.synthetic.render import Clip, SyntheticSource
from tkn_ros.synthetic.true_motion import TrueMotion
from tkn_ros.video.metrics import clip_psnr
from tkn_ros.video.open import open_source

DATA = Path(__file__).parents[1].resolve().parent / 'shared' / 'data'
HORIZON = 10
WORST = 1.15  # of one clip, against the better of two rivals which nobody knows beforehand
REAL = {
    'pedestrian/vtest.avi': 120,
    'weizmann/frames/lena_walk1': 73,
    'more/bgslibrary_video02.avi': 100,
    'more/sam2_04_coffee.mp4': 100,
    'driving/dashcam1.mp4': 100,
}


@pytest.fixture(scope='module')
def model():
    return load_checkpoint()


def figures_of(model, source, most=30):
    rows = predict_keypoints(model, source, HORIZON)
    grey = np.stack([shrink(frame.image) for frame in source])
    return score_keypoints(grey, (source.height, source.width), rows, most=most)


def pooled(scores):
    """Mean errors over all followed points of several clips."""
    scores = [s for s in scores if s['followed']]
    count = np.array([s['followed'] for s in scores], float)
    return {
        name: float((np.array([s[name] for s in scores]) * count).sum() / count.sum())
        for name in ('err', 'err_stay', 'err_velocity', 'within_sigma')
    }


def test_on_synthetic_scenes_paths_come_true_more_than_those_of_either_rival(model):
    kinds = ['demo', 'demo', 'random', 'random', 'random', 'random']
    scores = [
        figures_of(model, SyntheticSource(40_000 + i, 45, 240, 320, 20.0, kind))
        for i, kind in enumerate(kinds)
    ]
    means = pooled(scores)
    assert means['err'] < means['err_stay'] and means['err'] < means['err_velocity']
    assert 0.5 < means['within_sigma'] < 0.85
    assert np.mean([s['on_moving'] for s in scores if s['on_moving'] is not None]) > 0.8


@pytest.mark.parametrize('name', REAL)
def test_on_real_clips_paths_come_true(model, name):
    if not (DATA / name).exists():
        pytest.skip(f'no {name} in ../shared/data')
    with open_source(DATA / name) as source:
        frames = [frame.image for frame in source.frames(0, REAL[name])]
    window, rows = make_window(model, period_ns=40_000_000), []
    for i, image in enumerate(frames):
        window.push(i * 40_000_000, image)
        if prediction := window.predict(HORIZON):
            rows.append(keypoint_row(i, prediction))
    scores = score_keypoints(
        np.stack([shrink(f) for f in frames]),
        frames[0].shape[:2],
        KeypointRows(*(np.stack(column) for column in zip(*rows))),
        most=30,
    )
    assert scores['on_moving'] > 0.8 and scores['followed'] > 20
    assert scores['ratio_best'] < WORST


def test_a_still_scene_has_no_active_keypoints(model):
    still = next(iter(SyntheticSource(3, 1, 240, 320, 20.0, 'demo'))).image
    window = make_window(model)
    for i in range(15):
        window.push(i * 50_000_000, still)
    assert not window.predict(HORIZON).active.any()


def test_pictures_beat_repeating_the_last_frame(model):
    ours, repeated = [], []
    for seed in range(8):
        scene = SyntheticSource(50_000 + seed, 20, 64, 64, 20.0, 'random')
        frames = [frame.image for frame in scene]
        window = make_window(model)
        for i, image in enumerate(frames[:10]):
            window.push(i * 50_000_000, image)
        future = np.stack(frames[10:])
        ours.append(clip_psnr(window.render(window.predict(HORIZON)), future))
        repeated.append(clip_psnr(np.repeat(frames[9][None], HORIZON, 0), future))
    assert np.mean(ours) > np.mean(repeated) + 0.5


def test_against_exact_motion_paths_come_true_more_than_those_of_either_rival(model):
    errors = {'ours': [], 'stay': [], 'velocity': []}
    for seed, kind in ((60_002, 'demo'), (60_003, 'random'), (60_007, 'random')):
        scene, window = TrueMotion(Clip(seed, 240, 320, 20.0, kind), 50), make_window(model)
        for i in range(40):
            window.push(i * 50_000_000, scene.picture(i))
            prediction = window.predict(HORIZON)
            if prediction is None or i % 4:
                continue
            pixels, active = prediction.pixels(), prediction.active & prediction.known[-5]
            now, before = pixels.observed[-1][active], pixels.observed[-5][active]
            if not len(now):
                continue
            steps = np.arange(1, HORIZON + 1)
            inside = np.clip(now, 0, [319, 239]).astype(np.float32)
            true, visible = scene.follow(inside, i, (i + steps).tolist())
            good = visible.all(0) & (np.linalg.norm(true[-1] - now, axis=-1) > 2)
            guesses = {
                'ours': pixels.predicted[:, active],
                'stay': np.repeat(now[None], HORIZON, 0),
                'velocity': now + (now - before) / 4 * steps[:, None, None],
            }
            for name, guess in guesses.items():
                errors[name] += np.linalg.norm(guess - true, axis=-1).mean(0)[good].tolist()
    means = {name: np.mean(values) for name, values in errors.items()}
    assert len(errors['ours']) > 50
    assert means['ours'] < means['stay'] and means['ours'] < means['velocity']
