"""The background that goes on (ours): statistics, drift, and the pictures that come of them."""

import numpy as np
import pytest
import torch
from small_models import SIDE, WINDOW, small_config, small_model

from tkn_ros.model.background import (
    BackgroundConfig,
    BackgroundNet,
    add_drift,
    statistics,
)
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import load_checkpoint, save_checkpoint
from tkn_ros.model.variants.frame_by_frame import FrameByFrame


@pytest.mark.parametrize('n', [1, 2, 3, 4, 10])
def test_statistics_against_numpy(n):
    frames = np.random.default_rng(0).random((2, n, 3, 6, 5))
    mean, newest = frames.mean(1), frames[:, -1]
    slopes = np.zeros((2, 3, 6, 5))
    if n > 1:
        x = np.linspace(-1, 1, n)
        slopes = np.polyfit(x, frames.transpose(1, 0, 2, 3, 4).reshape(n, -1), 1)[0]
        slopes = slopes.reshape(2, 3, 6, 5)
    deviation = np.sqrt(((frames - mean[:, None]) ** 2).mean((1, 2)) + 1e-6)
    expected = np.concatenate(
        [
            newest,
            4 * (newest - frames[:, max(n - 2, 0)]),
            2 * (newest - frames[:, max(n - 4, 0)]),
            2 * (mean - newest),
            4 * slopes,
            4 * deviation[:, None],
        ],
        1,
    )
    assert np.allclose(statistics(torch.from_numpy(frames)), expected, atol=1e-12)


def test_at_first_the_newest_frame_stays_but_for_a_little_fading():
    model = build(small_config(drifts=True, residual=True)).eval()
    frames = torch.rand(1, WINDOW, 3, SIDE, SIDE)
    with torch.no_grad():
        drawn, _ = model(frames, 3)
    share = 1 / (1 + np.exp(2))
    expected = torch.lerp(frames[:, -1], frames.mean(1), share)
    assert torch.allclose(drawn, expected[:, None].expand_as(drawn), atol=1e-5)


def test_drift_by_hand():
    torch.manual_seed(0)
    change, drift, window = torch.randn(1, 2, 5, 1, 1), torch.randn(1, 13, 1, 1), 4
    out = add_drift(change, drift, window, first=3)
    d = drift[0, :, 0, 0].tolist()
    for j, step in enumerate((3, 4)):
        s = 1 - np.exp(-step / window)
        trust = 1 / (1 + np.exp(-d[12]))
        c = change[0, j, :, 0, 0].tolist()
        colour = [d[4 + i] * s + d[7 + i] * s * s + trust * c[i] for i in range(3)]
        flow = [d[i] * s + d[2 + i] * s * s + trust * c[3 + i] for i in range(2)]
        fade = 1 / (1 + np.exp(-(d[10] + d[11] * s)))
        assert out[0, j, :, 0, 0].tolist() == pytest.approx([*colour, *flow, fade], abs=1e-5)


def test_frame_by_frame_draws_the_same():
    model = small_model(drifts=True).double()
    frames = torch.rand(2, WINDOW, 3, SIDE, SIDE, dtype=torch.float64)
    with torch.no_grad():
        parallel, one_by_one = model(frames, 6), FrameByFrame(model)(frames, 6)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(parallel, one_by_one))


def test_windows_of_a_batch_do_not_mix():
    model, frames = small_model(drifts=True), torch.rand(3, WINDOW, 3, SIDE, SIDE)
    with torch.no_grad():
        together = model(frames, 3)[0]
        alone = torch.cat([model(f[None], 3)[0] for f in frames])
    assert torch.allclose(together, alone, atol=1e-4)


def test_every_weight_learns():
    model = small_model(drifts=True)
    drawn, _ = model(torch.rand(2, WINDOW, 3, SIDE, SIDE), 3)
    drawn.square().mean().backward()
    still = [
        name
        for name, p in model.background.named_parameters()
        if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert not still


def test_sizes_that_no_scale_divides():
    net = BackgroundNet(BackgroundConfig())
    assert net(torch.rand(1, 16, 20, 12)).shape == (1, 13, 20, 12)


def test_a_checkpoint_knows_of_it(tmp_path):
    model = small_model(drifts=True)
    save_checkpoint(tmp_path / 'a.safetensors', model)
    again = load_checkpoint(tmp_path / 'a.safetensors')
    assert again.config == model.config
    frames = torch.rand(1, WINDOW, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(model(frames, 2)[0], again(frames, 2)[0])
    with pytest.raises(ValueError, match='of another variant: background is .*expected null'):
        load_checkpoint(tmp_path / 'a.safetensors', expected=small_config())


def test_what_it_cannot_go_with():
    with pytest.raises(ValueError, match='"frame", "skip" and "parallel".*must be "change"'):
        small_config('frame', drifts=True)
    with pytest.raises(ValueError, match=r'background.channels is \[8, 8, 8\], expected four'):
        BackgroundConfig((8, 8, 8))
