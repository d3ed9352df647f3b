"""Training: it learns, twice the same, and says what it cannot learn from."""

import numpy as np
import pytest
import torch
from small_models import WINDOW, moving_square, repeat_last_model, small_config, small_model

from tkn_ros.evaluation.runs import NAMES, evaluate_clip
from tkn_ros.model.checkpoints import PAPER_FORM_WEIGHTS, load_checkpoint
from tkn_ros.model.detector import reconstruction_loss
from tkn_ros.model.inference import to_tensor
from tkn_ros.model.predictor import prediction_loss
from tkn_ros.model.tkn import TKN
from tkn_ros.synthetic.render import render_clip
from tkn_ros.training.sampler import Sampling
from tkn_ros.training.stage import Schedule, TrainingError
from tkn_ros.training.stages import (
    detect_keypoints,
    detector_stage,
    joint_stage,
    predictor_stage,
    run_stage,
)
from tkn_ros.video.metrics import PSNR_CAP

CLIPS = [moving_square(24, seed=i) for i in range(3)]
SHORT = Schedule(6, 1e-3)
FRESH = 20_000_000  # seeds of synthetic clips that no training has seen


def untrained(**settings):
    torch.manual_seed(0)
    return TKN(small_config(**settings))


@torch.no_grad()
def redrawing_loss(detector):
    frames = to_tensor(CLIPS[0])
    return float(reconstruction_loss(detector(frames[:12], frames[12:]), frames[12:]))


@torch.no_grad()
def window_loss(predictor, keypoints):
    k = keypoints[0][None]
    return float(
        prediction_loss(predictor(k[:, 4 : 4 + WINDOW]), k[:, 4 + WINDOW : 4 + 2 * WINDOW])
    )


@torch.no_grad()
def picture_loss(model):
    frames = to_tensor(CLIPS[0])
    drawn, _ = model(frames[None, 4 : 4 + WINDOW], WINDOW)
    return float(reconstruction_loss(drawn[0], frames[4 + WINDOW : 4 + 2 * WINDOW]))


@pytest.mark.parametrize('output', ['frame', 'change'])
def test_the_detector_learns(output):
    detector = untrained(output=output).detector
    before = redrawing_loss(detector)
    last = run_stage(detector_stage(detector, CLIPS, Schedule(60, 2e-3), batch=8, max_gap=6))
    assert redrawing_loss(detector) < 0.8 * before
    assert 0 < last < before
    assert not detector.training


def test_the_predictor_learns():
    model = untrained()
    keypoints = detect_keypoints(model.detector, CLIPS)
    before = window_loss(model.predictor, keypoints)
    run_stage(predictor_stage(model.predictor, keypoints, Schedule(150, 3e-3), WINDOW, 16))
    assert window_loss(model.predictor, keypoints) < 0.3 * before


def test_both_learn_together():
    model = untrained(output='frame')
    before = picture_loss(model)
    run_stage(joint_stage(model, CLIPS, Schedule(60, 3e-3), batch=4, max_ahead=4))
    assert picture_loss(model) < 0.8 * before


def trained(seed):
    model = untrained()
    sampling = Sampling(seed)
    losses = [run_stage(detector_stage(model.detector, CLIPS, SHORT, 4, 4, sampling))]
    keypoints = detect_keypoints(model.detector, CLIPS)
    losses.append(
        run_stage(predictor_stage(model.predictor, keypoints, SHORT, WINDOW, 4, sampling))
    )
    losses.append(run_stage(joint_stage(model, CLIPS, SHORT, 2, 4, sampling)))
    return losses, model.state_dict()


def test_the_same_seed_gives_the_same_weights():
    losses, weights = trained(3)
    again, same = trained(3)
    assert losses == again
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    assert trained(4)[0] != losses


def test_keypoints_of_every_clip_and_of_its_mirror_image():
    model = small_model()
    keypoints = detect_keypoints(model.detector.train(), CLIPS, batch=7)
    assert model.detector.training  # as it was
    assert [k.shape for k in keypoints] == [(24, 5, 3)] * 6
    with torch.no_grad():
        for i, clip in enumerate([CLIPS[1], np.ascontiguousarray(CLIPS[1][:, :, ::-1])]):
            direct, _ = model.detector.encode(to_tensor(clip))
            assert torch.allclose(keypoints[1 + 3 * i], direct, atol=1e-5)


def test_a_loss_that_is_no_number_ends_the_training():
    detector = untrained().detector
    with torch.no_grad():
        detector.encoder[0].conv.weight[0] = float('nan')
    with pytest.raises(TrainingError, match='detector: the loss is nan at step 0; lower the'):
        run_stage(detector_stage(detector, CLIPS, SHORT, batch=2))
    model = untrained()
    keypoints = [torch.full((24, 5, 3), float('inf'))]
    with pytest.raises(TrainingError, match='predictor: the loss is'):
        run_stage(predictor_stage(model.predictor, keypoints, SHORT, WINDOW, batch=2))


def test_clips_that_are_too_short_are_refused():
    model = untrained()
    short = [clip[: 2 * WINDOW - 1] for clip in CLIPS]
    with pytest.raises(TrainingError, match='no clip has 8 frames'):
        predictor_stage(model.predictor, detect_keypoints(model.detector, short), SHORT, WINDOW)
    with pytest.raises(ValueError, match='no clip has 8 frames'):
        run_stage(joint_stage(model, short, SHORT, max_ahead=4))


def test_short_clips_are_passed_over_where_there_are_longer_ones():
    model = untrained()
    keypoints = detect_keypoints(model.detector, [CLIPS[0][:5], CLIPS[1]])
    sampling = Sampling(weights=[0.4, 0.1] * 2)
    assert run_stage(predictor_stage(model.predictor, keypoints, SHORT, WINDOW, 4, sampling)) > 0


def test_a_model_that_repeats_the_last_frame_scores_just_as_repeating_it():
    figures = evaluate_clip(repeat_last_model(), CLIPS[0], horizon=5)
    assert figures.shape == (5, len(NAMES))
    assert np.allclose(figures[:, :2], figures[:, 2:], atol=1e-3)
    assert (figures[:, 2] < 40).all() and (np.diff(figures[:, 2]) < 0).all()  # it moves away


def test_frames_that_are_equal_count_as_the_cap():
    still = np.repeat(CLIPS[0][:1], 12, 0)
    figures = evaluate_clip(repeat_last_model(), still, horizon=3)
    assert np.allclose(figures[:, [0, 2]], PSNR_CAP) and np.allclose(figures[:, [1, 3]], 1)


def test_the_evaluation_takes_no_more_windows_than_asked():
    clip, model = CLIPS[0], small_model()
    few = evaluate_clip(model, clip, horizon=4, most=2)  # the first and the last
    ends = [
        evaluate_clip(model, part, horizon=4) for part in (clip[: WINDOW + 4], clip[-WINDOW - 4 :])
    ]
    assert np.allclose(few, np.mean(ends, 0), atol=1e-5)


def test_a_clip_too_short_to_evaluate_is_refused():
    with pytest.raises(ValueError, match='has 8 frames, expected at least 14'):
        evaluate_clip(small_model(), CLIPS[0][:8], horizon=10)
    assert evaluate_clip(small_model(), CLIPS[0][:14], horizon=10).shape == (10, 4)


def test_the_bundled_weights_beat_repeating_the_last_frame():
    """On fresh synthetic clips, mean over ten steps."""
    model, side = load_checkpoint(PAPER_FORM_WEIGHTS), 64
    clips = [
        np.stack(list(render_clip(FRESH + i, 40, side, side, kind='random'))) for i in range(12)
    ]
    figures = np.mean([evaluate_clip(model, clip, most=3) for clip in clips], (0, 1))
    scores = dict(zip(NAMES, figures))
    assert scores['psnr'] > scores['psnr_repeat_last']
