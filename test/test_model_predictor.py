"""Eqs 15 to 27: predictors against torch's own encoder, values by hand and plain loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tkn_ros.model.parts import build_predictor
from tkn_ros.model.predictor import (
    KINDS,
    MultiHeadAttention,
    PredictorConfig,
    TransformerLayer,
    TransformerPredictor,
    position_embedding,
    prediction_loss,
)

SMALL = {'d_model': 24, 'layers': 2, 'heads': 3, 'd_head': 8, 'd_inner': 40, 'd_token': 12}


def small(kind: str, **values) -> PredictorConfig:
    if kind == 'sequential':
        values.setdefault('layers', values.get('window', 10))
    return PredictorConfig(kind=kind, **{**SMALL, **values})


def test_attention_is_softmax_of_scaled_products_in_every_head():
    torch.manual_seed(0)
    attention = MultiHeadAttention(12, heads=3, d_head=5)  # 3 x 5 is not d_model, on purpose
    x = torch.randn(2, 7, 12)
    q, k, v = attention.q(x), attention.k(x), attention.v(x)  # Eq 15
    heads = []
    for i in range(3):
        part = slice(5 * i, 5 * (i + 1))
        scores = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(5)
        weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        heads.append(weights @ v[..., part])  # Eq 16
    assert torch.allclose(attention(x), attention.o(torch.cat(heads, -1)), atol=1e-5)  # Eq 17


def copy_into_torch(layer: TransformerLayer, theirs: nn.TransformerEncoderLayer) -> None:
    a = layer.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([a.q.weight, a.k.weight, a.v.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([a.q.bias, a.k.bias, a.v.bias]))
    theirs.self_attn.out_proj.load_state_dict(a.o.state_dict())
    theirs.linear1.load_state_dict(layer.ffn[0].state_dict())
    theirs.linear2.load_state_dict(layer.ffn[2].state_dict())
    theirs.norm1.load_state_dict(layer.norm1.state_dict())
    theirs.norm2.load_state_dict(layer.norm2.state_dict())


@settings(deadline=None, max_examples=20)
@given(heads=st.integers(1, 4), d_head=st.integers(1, 8), n=st.integers(1, 12), b=st.integers(1, 3))
def test_a_layer_equals_torchs_encoder_layer_with_the_same_weights(heads, d_head, n, b):
    d_model = heads * d_head
    config = PredictorConfig(d_model=d_model, heads=heads, d_head=d_head, d_inner=17)
    layer = TransformerLayer(config)
    for p in layer.parameters():
        nn.init.normal_(p, std=0.5)  # norms too: their defaults would hide a swap
    theirs = nn.TransformerEncoderLayer(d_model, heads, 17, dropout=0.0, batch_first=True)
    copy_into_torch(layer, theirs)
    x = torch.randn(b, n, d_model)
    assert torch.allclose(layer(x), theirs(x), atol=1e-4)  # Eqs 15 to 19


def test_position_embedding_by_hand():
    pe = position_embedding(4, 6, torch.zeros(1))
    for pos, i in ((0, 0), (1, 0), (3, 1), (2, 2)):
        angle = pos / 10000 ** (2 * i / 6)  # Eq 23
        assert pe[pos, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert pe[pos, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    assert pe[1, 0].item() == pytest.approx(0.8414710)
    assert pe[1, 1].item() == pytest.approx(0.5403023)
    assert pe[2, 4].item() == pytest.approx(0.0043088, abs=1e-6)  # sin(2 / 10000^(2/3))


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 40), d=st.integers(1, 33))
def test_position_embedding_of_any_size_tells_positions_apart(n, d):
    pe = position_embedding(n, d, torch.zeros(1, dtype=torch.float64))
    assert pe.shape == (n, d)
    assert pe.abs().max() <= 1
    assert len(torch.unique(pe, dim=0)) == n


def test_the_predictor_maps_positions_layers_and_maps_back():
    torch.manual_seed(0)
    predictor = TransformerPredictor(small('encoder', keypoints=4))
    keypoints = torch.randn(2, 5, 4, 3)
    flat = torch.stack(
        [torch.cat([keypoints[:, t, k] for k in range(4)], -1) for t in range(5)], 1
    )  # Eq 20: x, y, v of the first, of the second, ..
    q = flat @ predictor.embed.weight.T + predictor.embed.bias  # Eq 21
    q = q + position_embedding(5, 24, q)  # Eq 22
    for layer in predictor.layers:
        q = layer(q)  # Eq 24
    out = q @ predictor.project.weight.T + predictor.project.bias  # Eq 25
    for k in range(4):
        assert torch.allclose(predictor(keypoints)[:, :, k], out[..., 3 * k : 3 * k + 3], atol=1e-5)


def test_explicit_keypoints_enter_the_transformer_as_they_are():
    torch.manual_seed(0)
    predictor = TransformerPredictor(small('encoder', keypoints=8, latent=False))
    assert not any(name.startswith(('embed', 'project')) for name in predictor.state_dict())
    keypoints = torch.randn(2, 5, 8, 3)
    q = keypoints.flatten(2) + position_embedding(5, 24, keypoints)
    for layer in predictor.layers:
        q = layer(q)
    assert torch.allclose(predictor(keypoints).flatten(2), q, atol=1e-6)


def test_the_prediction_loss_is_the_mean_square():
    predicted, real = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    real[0, 1, 0, 2], real[0, 0, 1, 0] = 3.0, -1.0
    assert prediction_loss(predicted, real).item() == pytest.approx(10 / 12)  # Eq 26


def test_sequential_equals_a_loop_over_eq_27():
    torch.manual_seed(0)
    predictor = build_predictor(small('sequential', window=4, keypoints=5))
    assert len(predictor.layers) == 4
    keypoints = torch.randn(2, 4, 5, 3)
    latents = [predictor.embed(keypoints[:, j].flatten(1)) for j in range(4)]  # Q_{t-n+1} .. Q_t
    predicted = []
    for i in range(4):  # Q'_{t+i+1}
        pe = position_embedding(len(latents), 24, keypoints)
        q_input = torch.stack([q + pe[pos] for pos, q in enumerate(latents)], 1)
        assert q_input.shape[1] == 4 + i
        out = predictor.layers[i](q_input)
        total = sum(out[:, j] for j in range(4 + i)) / (4 + i)
        latents.append(total)
        predicted.append(predictor.project(total).unflatten(-1, (5, 3)))
    assert torch.allclose(predictor(keypoints), torch.stack(predicted, 1), atol=1e-5)


def test_the_whole_transformer_writes_one_frame_after_another():
    """What it wrote before, not the future, decides: causal, and its outputs are its inputs."""
    torch.manual_seed(0)
    predictor = build_predictor(small('transformer', keypoints=5)).eval()
    keypoints = torch.randn(2, 6, 5, 3)
    out = predictor(keypoints)
    memory = predictor.predict_latents(predictor.embed(keypoints.flatten(2)))
    x = torch.cat([keypoints[:, -1:], out[:, :-1]], 1)  # all inputs at once, masked
    x = predictor.embed(x.flatten(2)) + position_embedding(6, 24, keypoints)
    for layer in predictor.decoder:
        x = layer(x, memory)
    assert torch.allclose(predictor.project(x).unflatten(-1, (5, 3)), out, atol=1e-4)


def test_a_decoder_layer_equals_torchs_with_the_same_weights():
    from tkn_ros.model.variants.whole_transformer import TransformerDecoderLayer

    torch.manual_seed(0)
    config = small('transformer')
    layer = TransformerDecoderLayer(config)
    for p in layer.parameters():
        nn.init.normal_(p, std=0.4)
    theirs = nn.TransformerDecoderLayer(24, 3, 40, dropout=0.0, batch_first=True)
    for ours, other in ((layer.attention, theirs.self_attn), (layer.cross, theirs.multihead_attn)):
        with torch.no_grad():
            other.in_proj_weight.copy_(torch.cat([ours.q.weight, ours.k.weight, ours.v.weight]))
            other.in_proj_bias.copy_(torch.cat([ours.q.bias, ours.k.bias, ours.v.bias]))
        other.out_proj.load_state_dict(ours.o.state_dict())
    for name, index in (('linear1', 0), ('linear2', 2)):
        getattr(theirs, name).load_state_dict(layer.ffn[index].state_dict())
    for name in ('norm1', 'norm2', 'norm3'):
        getattr(theirs, name).load_state_dict(getattr(layer, name).state_dict())
    x, memory = torch.randn(2, 5, 24), torch.randn(2, 7, 24)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    assert torch.allclose(layer(x, memory), theirs(x, memory, tgt_mask=mask), atol=1e-4)


@pytest.mark.parametrize('kind, module', [('rnn', nn.RNN), ('lstm', nn.LSTM), ('gru', nn.GRU)])
def test_recurrent_predictors_are_torchs_modules(kind, module):
    torch.manual_seed(0)
    predictor = build_predictor(small(kind, keypoints=4))
    theirs = module(24, 40, 2, batch_first=True)
    theirs.load_state_dict(predictor.recurrent.state_dict())
    keypoints = torch.randn(2, 5, 4, 3)
    out = predictor.project(theirs(predictor.embed(keypoints.flatten(2)))[0])
    assert torch.allclose(predictor(keypoints).flatten(2), out, atol=1e-6)


def test_the_mlp_lets_every_token_see_every_other_and_refuses_another_window():
    torch.manual_seed(0)
    predictor = build_predictor(small('mlp', window=5, keypoints=4))
    keypoints = torch.randn(1, 5, 4, 3, requires_grad=True)
    for token in range(5):
        (grad,) = torch.autograd.grad(predictor(keypoints)[:, token].sum(), keypoints)
        assert (grad.flatten(2).abs().sum(-1) > 0).all()
    with pytest.raises(ValueError, match='got 6 frames, expected exactly 5'):
        predictor(torch.randn(1, 6, 4, 3))


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    k=st.integers(4, 64),
    n=st.integers(1, 12),
    b=st.integers(1, 3),
    residual=st.booleans(),
)
def test_shapes_hold_and_batch_elements_do_not_mix(kind, k, n, b, residual):
    predictor = build_predictor(small(kind, keypoints=k, window=n, residual=residual)).eval()
    keypoints = torch.randn(b, n, k, 3)
    with torch.no_grad():
        together = predictor(keypoints)
        alone = torch.cat([predictor(one[None]) for one in keypoints])
    assert together.shape == keypoints.shape
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize('kind', KINDS)
def test_an_untrained_residual_predictor_repeats_the_newest_keypoints(kind):
    predictor = build_predictor(small(kind, residual=True)).eval()
    keypoints = torch.randn(2, 10, 16, 3)
    assert torch.equal(predictor(keypoints), keypoints[:, -1:].expand(-1, 10, -1, -1))


@pytest.mark.parametrize(
    'values, said',
    [
        ({'kind': 'oracle'}, 'kind is "oracle"'),
        ({'heads': 0}, 'heads is 0'),
        ({'dropout': 1.0}, 'dropout is 1.0'),
        ({'latent': False}, '3 x keypoints = 48'),
        ({'latent': False, 'd_model': 48, 'kind': 'gru'}, '"gru"'),
    ],
)
def test_bad_hyper_parameters_are_named(values, said):
    with pytest.raises(ValueError, match=said):
        PredictorConfig(**values)
