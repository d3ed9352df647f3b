"""The peers: shapes, gradients, causality, learning, sizes; cells against NumPy."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from small_peers import SIDE, SMALL, WINDOW, small
from torch import Tensor

from tkn_ros.baselines.cells import ConvLSTMCell, STLSTMCell
from tkn_ros.baselines.e3d_lstm import EideticCell
from tkn_ros.baselines.frames import RecurrentBaseline
from tkn_ros.baselines.networks import (
    BASELINES,
    build_baseline,
    config_from_json,
    config_to_json,
    name_of,
)
from tkn_ros.baselines.phydnet import PhyCell
from tkn_ros.baselines.pred_rnn_v2 import PredRNNv2, PredRNNv2Config
from tkn_ros.baselines.stochastic import Gaussian, divergence
from tkn_ros.baselines.struct_vrnn import KeypointVRNN, StructVRNNConfig
from tkn_ros.paper.peer_sizes import PEERS, peer_size

RECURRENT = ('convlstm', 'predrnn', 'predrnnv2', 'phydnet', 'e3d-lstm')
every = pytest.mark.parametrize('name', BASELINES)


def clip(count: int = 6, batch: int = 2) -> Tensor:
    """(batch, count, 3, SIDE, SIDE): a bright square that moves a pixel a frame."""
    frames = torch.full((batch, count, 3, SIDE, SIDE), 0.2)
    for b in range(batch):
        for t in range(count):
            frames[b, t, :, 4 + b : 10 + b, 2 + t : 8 + t] = 0.9
    return frames


@every
def test_frames_in_frames_out_at_any_horizon_and_batch(name):
    model = small(name).eval()
    with torch.no_grad():
        for batch, horizon in ((1, 1), (2, 4)):
            predicted = model(clip(WINDOW, batch), horizon)
            assert predicted.shape == (batch, horizon, 3, SIDE, SIDE)
            assert predicted.isfinite().all()


@every
def test_the_same_frames_give_the_same_prediction_whatever_the_horizon(name):
    model = small(name).eval()
    with torch.no_grad():
        near, far = model(clip(WINDOW), 2), model(clip(WINDOW), 4)
    torch.testing.assert_close(near, far[:, :2])


@every
def test_the_loss_reaches_every_parameter(name):
    model = small(name).train()
    model.loss(clip(), WINDOW, 0.0).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert not missing
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('name', RECURRENT)
def test_a_frame_predicted_in_training_knows_nothing_of_later_true_frames(name):
    model, frames = small(name).eval(), clip().requires_grad_()
    assert isinstance(model, RecurrentBaseline)
    predicted, _ = model.unroll(frames, 5, lambda t: 1.0)  # number k is of frame k + 1
    (gradient,) = torch.autograd.grad(predicted[:, 2].sum(), frames)
    assert gradient[:, :3].abs().sum() > 0
    assert gradient[:, 3:].abs().sum() == 0


@every
def test_one_clip_can_be_learned_by_heart(name):
    model, frames = small(name).train(), clip()
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(60):
        loss = model.loss(frames, WINDOW, 0.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


@every
def test_a_configuration_survives_its_json(name):
    config = small(name).config
    assert name_of(config) == name
    assert config_from_json(name, config_to_json(config)) == config
    assert json.loads(config_to_json(config)) == json.loads(json.dumps(asdict(config)))


@pytest.mark.parametrize('peer', PEERS, ids=lambda p: p.network)
def test_sizes_are_table_iii_s_or_the_row_says_why_not(peer):
    size = peer_size(peer)
    near = size.params_m == pytest.approx(float(peer.params_m), rel=0.02)
    near &= size.gmacs_thop == pytest.approx(float(peer.g), rel=0.10)
    assert near != bool(peer.why)


def test_the_two_networks_of_today_have_the_sizes_of_their_papers():
    params = {
        name: sum(p.numel() for p in build_baseline(BASELINES[name][0]()).parameters())
        for name in ('simvpv2', 'dmvfn')
    }
    assert round(params['simvpv2'] / 1e6, 1) == 15.6
    assert round(params['dmvfn'] / 1e6, 1) == 3.6


def test_reverse_scheduled_sampling_feeds_the_window_with_predictions_at_first():
    model = PredRNNv2(PredRNNv2Config(height=SIDE, width=SIDE, **SMALL['predrnnv2']))
    in_window = [model.true_share(1, 3, p) for p in (0.0, 0.4, 0.5, 1.0)]
    after = [model.true_share(4, 3, p) for p in (0.0, 0.4, 0.5, 1.0)]
    assert in_window == sorted(in_window) and in_window[0] == 0.5 and in_window[-1] == 1
    assert after == sorted(after, reverse=True) and after[0] == 0.5 and after[-1] == 0


# ---- cells, by their published equations in NumPy


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """(C, *size) by (O, C, *kernel), odd sides padded evenly, even ones in front."""
    kernel = weight.shape[2:]
    padded = np.pad(x, [(0, 0), *((k - 1 - (k - 1) // 2, (k - 1) // 2) for k in kernel)])
    out = np.stack([correlate(padded, w, 'valid')[0] for w in weight])
    return out if bias is None else out + bias.reshape(-1, *[1] * len(kernel))


def values(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {k: v.detach().numpy() for k, v in module.double().state_dict().items()}


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def tensors(*arrays: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(a)[None] for a in arrays]


def test_one_step_of_conv_lstm_is_its_equations():
    cell = ConvLSTMCell(3, 4, 3, forget=1.0)
    w = values(cell)['gates.weight']
    x, h, c = random(3, 5, 6), random(4, 5, 6), random(4, 5, 7)[:, :, :6]
    i, f, g, o = np.split(conv(np.concatenate([x, h]), w), 4)
    c_next = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
    h_next = sigmoid(o) * np.tanh(c_next)
    tx, th, tc = tensors(x, h, c)
    got_h, got_c = cell(tx, (th, tc))
    np.testing.assert_allclose(got_h[0].detach(), h_next, atol=1e-10)
    np.testing.assert_allclose(got_c[0].detach(), c_next, atol=1e-10)


def test_one_step_of_st_lstm_is_its_equations():
    cell = STLSTMCell(3, 4, 3)
    w = values(cell)
    x, h, c, m = random(3, 5, 6), random(4, 5, 6), random(4, 6, 6)[:, :5], random(4, 7, 6)[:, :5]
    wx, wh, wm = (w[f'of_{s}.weight'] for s in 'xhm')
    xi, xf, xg, xj, xe, xu, xo = np.split(conv(x, wx), 7)
    hi, hf, hg, ho = np.split(conv(h, wh), 4)
    mj, me, mu = np.split(conv(m, wm), 3)
    c_next = sigmoid(xf + hf + 1) * c + sigmoid(xi + hi) * np.tanh(xg + hg)
    m_next = sigmoid(xe + me + 1) * m + sigmoid(xj + mj) * np.tanh(xu + mu)
    both = np.concatenate([c_next, m_next])
    o = sigmoid(xo + ho + conv(both, w['of_memories.weight']))
    h_next = o * np.tanh(conv(both, w['both.weight']))
    got = cell(*tensors(x, h, c, m))[:3]
    for found, expected in zip(got, (h_next, c_next, m_next)):
        np.testing.assert_allclose(found[0].detach(), expected, atol=1e-10)


def test_one_step_of_phy_cell_is_prediction_and_correction():
    cell = PhyCell(4, 3)
    w = values(cell)
    u, h = random(4, 5, 6), random(4, 6, 6)[:, :5]
    d = conv(h, w['derivatives.weight'], w['derivatives.bias'])
    groups = d.reshape(3, -1)
    groups = (groups - groups.mean(1, keepdims=True)) / np.sqrt(groups.var(1, keepdims=True) + 1e-5)
    predicted = h + conv(groups.reshape(d.shape), w['combine.weight'], w['combine.bias'])
    gain = sigmoid(conv(np.concatenate([u, predicted]), w['gain.weight'], w['gain.bias']))
    got = cell(*tensors(u, h))
    np.testing.assert_allclose(got[0].detach(), predicted + gain * (u - predicted), atol=1e-10)


def test_filters_that_are_derivatives_have_no_moment_loss():
    cell = PhyCell(2, 3).double()
    difference = {0: [0, 1, 0], 1: [-0.5, 0, 0.5], 2: [1, -2, 1]}
    with torch.no_grad():
        for k in range(9):
            i, j = divmod(k, 3)
            cell.derivatives.weight[k] = torch.tensor(np.outer(difference[i], difference[j]))
    assert cell.moment_loss().item() == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        cell.derivatives.weight[4] *= 2
    assert cell.moment_loss().item() == pytest.approx(
        2 / 81
    )  # of 81 moments one is off by 1, twice


def test_one_step_of_the_eidetic_cell_is_its_equations():
    cell = EideticCell(3, 4, (2, 3, 3))
    w = {k.removesuffix('.conv.weight'): v for k, v in values(cell).items()}
    x = random(3, 2, 5, 6)
    h, c, m = (random(4, 2, 5, 6 + i)[..., :6] for i in range(3))
    memories = random(4, 6, 5, 6)
    xi, xg, xr, xo, xj, xu, xf = np.split(conv(x, w['of_x']), 7)
    hi, hg, hr, ho = np.split(conv(h, w['of_h']), 4)
    mj, mu, mf, mm = np.split(conv(m, w['of_m']), 4)
    r, past = sigmoid(xr + hr).reshape(4, -1), memories.reshape(4, -1)
    share = np.exp(r.T @ past)
    recalled = (past @ (share / share.sum(1, keepdims=True)).T).reshape(c.shape)
    total = c + recalled
    c_next = (total - total.mean()) / np.sqrt(total.var() + 1e-5)
    c_next = c_next + sigmoid(xi + hi) * np.tanh(xg + hg)
    m_next = sigmoid(xf + mf + 1) * np.tanh(mm) + sigmoid(xj + mj) * np.tanh(xu + mu)
    o = sigmoid(xo + ho + conv(c_next, w['c_to_output']) + conv(m_next, w['m_to_output']))
    h_next = o * np.tanh(conv(np.concatenate([c_next, m_next]), w['both.weight']))
    got = cell(*tensors(x, h, c, m, memories))
    for found, expected in zip(got, (h_next, c_next, m_next)):
        np.testing.assert_allclose(found[0].detach(), expected, atol=1e-9)


def test_one_step_of_the_keypoint_vrnn_takes_the_posterior_s_mean():
    config = StructVRNNConfig(keypoints=2, hidden=8, latent=3, inner=5)
    net = KeypointVRNN(config).eval()
    w = values(net)
    x, h = random(6), np.zeros(8)

    def two_layers(name: str, inputs: np.ndarray) -> np.ndarray:
        inner = np.maximum(w[f'{name}.0.weight'] @ inputs + w[f'{name}.0.bias'], 0)
        return w[f'{name}.2.weight'] @ inner + w[f'{name}.2.bias']

    def moved(h: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        ri, ui, ni = np.split(w['cell.weight_ih'] @ inputs + w['cell.bias_ih'], 3)
        rh, uh, nh = np.split(w['cell.weight_hh'] @ h + w['cell.bias_hh'], 3)
        u = sigmoid(ui + uh)
        return u * h + (1 - u) * np.tanh(ni + sigmoid(ri + rh) * nh)

    z = two_layers('posterior', np.concatenate([h, x]))[:3]
    first = two_layers('decoder', np.concatenate([h, z]))
    h = moved(h, np.concatenate([x, z]))
    z = two_layers('prior', h)[:3]
    second = two_layers('decoder', np.concatenate([h, z]))
    decoded, _ = net(torch.from_numpy(x)[None, None], 2)
    np.testing.assert_allclose(decoded[0].detach(), [first, second], atol=1e-10)


def test_divergence_of_gaussians_is_torch_s():
    p, q = (Gaussian(*torch.randn(2, 3, 4)) for _ in range(2))
    normal = [torch.distributions.Normal(g.mean, (g.log_variance / 2).exp()) for g in (p, q)]
    expected = torch.distributions.kl_divergence(*normal).sum(1).mean()
    torch.testing.assert_close(divergence(p, q), expected)
    assert float(divergence(p, p)) == pytest.approx(0, abs=1e-6)
