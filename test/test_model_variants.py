"""Every variant of the paper learns on the CPU, keeps its weights in a file, and has its size."""

from dataclasses import replace

import pytest
import torch

from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import load_checkpoint, save_checkpoint
from tkn_ros.model.detector import DetectorConfig, reconstruction_loss
from tkn_ros.model.predictor import KINDS, PredictorConfig, prediction_loss
from tkn_ros.model.tkn import TKN, TKNConfig

SMALL = PredictorConfig(
    keypoints=6, d_model=24, layers=2, heads=3, d_head=8, d_inner=40, d_token=12, window=3
)
EXPLICIT = replace(SMALL, latent=False, d_model=18)
SEQUENTIAL = replace(SMALL, kind='sequential', layers=3)


def detector(**values) -> DetectorConfig:
    return DetectorConfig(keypoints=6, **values)


VARIANTS = {
    **{
        kind: TKNConfig(detector(), replace(SMALL, kind=kind, layers=3), window=3) for kind in KINDS
    },
    'explicit': TKNConfig(detector(), EXPLICIT, window=3),
    'TKN-Sequential': TKNConfig(detector(), SEQUENTIAL, window=3, process='sequential'),
    'heatmap': TKNConfig(detector(structure='heatmap'), SMALL, window=3),
    'separate': TKNConfig(detector(structure='separate'), SMALL, window=3),
    '2x2': TKNConfig(detector(kernels=(2,) * 6), SMALL, window=3),
    '1x1': TKNConfig(detector(kernels=(1,) * 6), SMALL, window=3),
    'mixed': TKNConfig(detector(kernels=(1, 3, 1, 1, 3, 1)), SMALL, window=3),
    'change': TKNConfig(detector(output='change'), SMALL, window=3),
    'K = 4': TKNConfig(DetectorConfig(keypoints=4), replace(SMALL, keypoints=4), window=3),
    'K = 64': TKNConfig(DetectorConfig(keypoints=64), replace(SMALL, keypoints=64), window=3),
}


def joint_loss(model: TKN, frames: torch.Tensor) -> torch.Tensor:
    """End to end: L_rec (Eq 3) + L_pred (Eq 26) + the drawn prediction, so that all takes part."""
    drawn, predicted = model(frames[:, :3], 3)
    source, target = frames[:, 0], frames[:, 4]
    real = model.detector.encode(frames[:, 3:].flatten(0, 1))[0].unflatten(0, (-1, 3))
    return (
        reconstruction_loss(model.detector(source, target), target)
        + reconstruction_loss(drawn, frames[:, 3:])
        + prediction_loss(predicted, real)
    )


@pytest.mark.parametrize('name', VARIANTS)
def test_a_variant_learns_saves_loads_and_predicts_the_same(name, tmp_path):
    torch.manual_seed(0)
    config = VARIANTS[name]
    model = build(config)
    frames = torch.rand(2, 6, 3, 24, 24)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    before = joint_loss(model, frames)
    before.backward()
    for parameter, p in model.named_parameters():
        assert p.grad is not None, parameter
        # By Eq 16 softmax ignores what is added to all keys alike, so their bias has no gradient,
        # and a change is the difference of two decodings, from which the last bias falls out.
        falls_out = name == 'change' and parameter == 'detector.decoder.5.conv.bias'
        if not parameter.endswith('.k.bias') and not falls_out:
            assert p.grad.abs().max() > 0, parameter
    optimiser.step()
    after = joint_loss(model, frames)
    assert torch.isfinite(after)
    assert after != before

    save_checkpoint(tmp_path / 'model.safetensors', model)
    loaded = load_checkpoint(tmp_path / 'model.safetensors', expected=config)
    assert loaded.config == config
    assert type(loaded) is type(model)
    assert not loaded.training
    with torch.no_grad():
        for ours, theirs in zip(model.eval()(frames[:, :3], 7), loaded(frames[:, :3], 7)):
            assert torch.equal(ours, theirs)
    joint_loss(loaded.train(), frames).backward()  # it can be trained further
    assert all(p.grad is not None for p in loaded.parameters())
