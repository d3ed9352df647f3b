"""The prediction processes of Section III-C: TKN, TKN (w/o tp), TKN-Sequential, long range."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import PAPER_FORM_WEIGHTS, load_checkpoint
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.predictor import KINDS, PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.variants.frame_by_frame import FrameByFrame
from tkn_ros.model.variants.tkn_sequential import LiteralSequential, TKNSequential
from tkn_ros.synthetic.render import render_clip

SMALL = PredictorConfig(d_model=24, layers=2, heads=3, d_head=8, d_inner=40, d_token=12, window=4)


def config(kind: str = 'encoder', process: str = 'parallel', **detector) -> TKNConfig:
    predictor = replace(SMALL, kind=kind, layers=4 if kind == 'sequential' else 2)
    return TKNConfig(DetectorConfig(**detector), predictor, window=4, process=process)


def model_of(*args, **kwargs) -> TKN:
    torch.manual_seed(0)
    return build(config(*args, **kwargs)).eval()


SEQUENTIAL = ('sequential', 'sequential')


def test_one_pass_encodes_the_window_predicts_and_draws_on_the_newest_frame():
    model = model_of()
    frames = torch.rand(2, 4, 3, 16, 16)
    drawn, predicted = model(frames, 4)
    keypoints = torch.stack([model.detector.encode(f)[0] for f in frames.unbind(1)], 1)
    assert torch.allclose(predicted, model.predictor(keypoints), atol=1e-5)
    background = model.detector.encode(frames[:, -1])[1]
    for j in range(4):
        by_hand = model.detector.decode(predicted[:, j], background)
        assert torch.allclose(drawn[:, j], by_hand, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(
    b=st.integers(1, 3),
    n=st.integers(1, 6),
    horizon=st.integers(1, 9),
    structure=st.sampled_from(('skip', 'heatmap', 'separate')),
)
def test_frame_by_frame_gives_the_same_as_in_parallel(b, n, horizon, structure):
    model = model_of(structure=structure).double()  # what is left in float32 is rounding
    frames = torch.rand(b, n, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        parallel, one_by_one = model(frames, horizon), FrameByFrame(model)(frames, horizon)
    assert parallel[0].shape == (b, horizon, 3, 16, 16)
    assert parallel[1].shape == (b, horizon, 16, 3)
    for ours, theirs in zip(parallel, one_by_one):
        assert torch.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize('dtype, tolerance', [(torch.float32, 5e-6), (torch.float64, 1e-12)])
def test_at_the_papers_size_too_parallel_equals_frame_by_frame(dtype, tolerance):
    torch.manual_seed(0)
    model = TKN(TKNConfig()).eval().to(dtype)
    frames = torch.rand(1, 10, 3, 64, 64, dtype=dtype)
    with torch.no_grad():
        for ours, theirs in zip(model(frames, 20), FrameByFrame(model)(frames, 20)):
            assert (ours - theirs).abs().max() <= tolerance * ours.abs().max()


@pytest.mark.parametrize('dtype, tolerance', [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_the_bundled_form_too(dtype, tolerance):
    # it moves pictures, which makes more of rounding
    model = load_checkpoint(PAPER_FORM_WEIGHTS).to(dtype)
    frames = torch.from_numpy(np.stack(list(render_clip(3, 10, 64, 64))))[None]
    frames = frames.permute(0, 1, 4, 2, 3).to(dtype) / 255
    with torch.no_grad():
        for ours, theirs in zip(model(frames, 20), FrameByFrame(model)(frames, 20)):
            assert (ours - theirs).abs().max() <= tolerance


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('horizon', [20, 40])
def test_beyond_the_window_predicted_keypoints_become_the_next_window(kind, horizon):
    model = model_of(kind)
    keypoints = torch.rand(2, 4, 16, 3)
    with torch.no_grad():
        predicted = model.predict_keypoints(keypoints, horizon)
        window, by_hand = keypoints, []
        for _ in range(horizon // 4):
            window = model.predictor(window)
            by_hand.append(window)
    assert predicted.shape == (2, horizon, 16, 3)
    assert torch.allclose(predicted, torch.cat(by_hand, 1), atol=1e-5)


@pytest.mark.parametrize('horizon', [1, 3, 6])
def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(horizon):
    model = model_of()
    keypoints = torch.rand(1, 4, 16, 3)
    longer = model.predict_keypoints(keypoints, 10)
    assert torch.allclose(model.predict_keypoints(keypoints, horizon), longer[:, :horizon])
    with pytest.raises(ValueError, match='horizon is 0'):
        model.predict_keypoints(keypoints, 0)


@pytest.mark.parametrize('variant', [('encoder', 'parallel'), SEQUENTIAL])
def test_batch_elements_do_not_mix(variant):
    model = model_of(*variant)
    frames = torch.rand(3, 4, 3, 16, 16)
    with torch.no_grad():
        together = model(frames, 5)
        alone = [model(f[None], 5) for f in frames]
    for i in range(2):
        assert torch.allclose(together[i], torch.cat([a[i] for a in alone]), atol=1e-5)


def test_all_frames_of_tkn_stand_on_frame_t_and_those_of_sequential_on_the_one_before():
    model = model_of(*SEQUENTIAL)
    assert isinstance(model, TKNSequential)
    frames = torch.rand(1, 4, 3, 16, 16)
    drawn, predicted = model(frames, 3)
    background = frames[:, -1]  # X_t, then X'_{t+1}, X'_{t+2}
    for j in range(3):
        by_hand = model.detector.decode(predicted[:, j], model.detector.encode(background)[1])
        assert torch.allclose(drawn[:, j], by_hand, atol=1e-5)
        background = drawn[:, j]
    parallel = TKN.render(model, predicted, model.detector.encode(frames[:, -1])[1])
    assert torch.allclose(parallel[:, 0], drawn[:, 0], atol=1e-5)
    assert not torch.allclose(parallel[:, 1], drawn[:, 1], atol=1e-3)


def test_the_literal_process_draws_the_same_and_finds_other_keypoints_in_its_frames():
    model = model_of(*SEQUENTIAL)
    frames = torch.rand(2, 4, 3, 16, 16)
    with torch.no_grad():
        drawn, predicted = model(frames, 6)
        literal, p1, p2 = LiteralSequential(model)(frames, 6)
    assert torch.allclose(literal, drawn, atol=1e-5)
    assert torch.allclose(p1, predicted, atol=1e-6)
    assert p2.shape == p1.shape
    assert not torch.allclose(p1, p2, atol=1e-3)  # P'' is not P'


def test_halves_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='detector has 8 keypoints and the predictor 16'):
        TKNConfig(DetectorConfig(keypoints=8))
    with pytest.raises(ValueError, match='sequential predictor has 6 layers'):
        TKNConfig(predictor=PredictorConfig(kind='sequential'))
    with pytest.raises(ValueError, match='window of 10, and the model a window of 4'):
        TKNConfig(predictor=PredictorConfig(kind='mlp'), window=4)
    with pytest.raises(ValueError, match='process is "backwards"'):
        TKNConfig(process='backwards')
