"""The stage of the background: its loss against scikit-image, and what it leaves alone."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from small_models import SIDE, WINDOW, moving_square, small_config, small_model

from tkn_ros.model.build import build
from tkn_ros.training.picture_stages import (
    SSIM_SHARE,
    SSIM_WINDOW,
    BackgroundPass,
    background_stage,
    finetune_stage,
    picture_loss,
)
from tkn_ros.training.stage import Schedule

CLIPS = [moving_square(24, seed=i) for i in range(3)]


def test_the_loss_against_numpy_and_scikit_image():
    rng = np.random.default_rng(0)
    real = rng.random((2, 3, 3, SIDE, SIDE))
    drawn = np.clip(real + 0.1 * rng.standard_normal(real.shape), 0, 1)
    error = np.log(((drawn - real) ** 2).mean((2, 3, 4)) + 1e-5).mean()
    edge = SSIM_WINDOW // 2
    alike = np.mean(
        [
            structural_similarity(
                a.mean(0),
                b.mean(0),
                win_size=SSIM_WINDOW,
                data_range=1.0,
                use_sample_covariance=False,
                full=True,
            )[1][edge:-edge, edge:-edge].mean()
            for a, b in zip(drawn.reshape(-1, 3, SIDE, SIDE), real.reshape(-1, 3, SIDE, SIDE))
        ]
    )
    ours = picture_loss(torch.from_numpy(drawn), torch.from_numpy(real))
    assert float(ours) == pytest.approx(error - SSIM_SHARE * alike, abs=1e-6)


@pytest.mark.parametrize('still', [False, True])
def test_it_learns_and_leaves_the_rest_as_it_was(still):
    torch.manual_seed(0)
    model = build(small_config(drifts=True, residual=True))
    before = {name: p.clone() for name, p in model.state_dict().items()}
    stage = background_stage(
        model, CLIPS, Schedule(60, 3e-3, warmup=5), batch=4, ahead=4, still_keypoints=still
    )
    losses = list(stage)
    stage.finish()
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.05
    changed = {name for name, p in model.state_dict().items() if not torch.equal(p, before[name])}
    assert changed and all(name.startswith('background.') for name in changed)


def test_its_pictures_are_the_models():
    model, frames = small_model(drifts=True), torch.rand(2, WINDOW + 3, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.allclose(
            BackgroundPass(model)(frames), model(frames[:, :WINDOW], 3)[0], atol=1e-5
        )


def test_finetuning_leaves_the_encoder_and_averages_only_what_learns():
    torch.manual_seed(0)
    model = build(small_config(drifts=True, residual=True))
    before = {name: p.clone() for name, p in model.state_dict().items()}
    stage = finetune_stage(model, CLIPS, Schedule(20, 3e-3, ema=0.9), batch=4, ahead=4)
    steps = list(stage)
    assert len(steps) == 20 and all(p.requires_grad for p in model.parameters())
    averaged = stage.average_of(model).state_dict()
    for name, weight in model.state_dict().items():
        learns = name.startswith(('predictor.', 'detector.decoder.', 'background.'))
        assert torch.equal(weight, before[name]) != learns, name
        assert torch.equal(weight, averaged[name]) != learns, name
    assert np.mean(steps[-5:]) < np.mean(steps[:5])
