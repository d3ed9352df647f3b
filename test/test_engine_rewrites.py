"""The exact rewrites give the plain network's numbers, whatever its widths, strides and sizes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tkn_ros.model.detector import STRUCTURES, DetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.streaming.rewrites import BlockConvolution, ChannelNorm, ShuffledConvolution
from tkn_ros.streaming.stages import Encode, Predict, render_stage, to_bytes

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def close(a, b):
    """Within the tolerance of their type, relative to their size."""
    scale = max(1.0, float(b.abs().max()))
    return a.shape == b.shape and float((a - b).abs().max()) <= TOLERANCE[b.dtype] * scale


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.booleans(),
    st.sampled_from(list(TOLERANCE)),
    st.integers(0, 10**6),
)
@torch.no_grad()
def test_a_transposed_convolution_is_a_convolution_and_a_shuffle(
    kernel, stride, output_padding, rows, columns, bias, dtype, seed
):
    torch.manual_seed(seed)
    padding, output_padding = (kernel - 1) // 2, min(output_padding, stride - 1)
    plain = nn.ConvTranspose2d(
        3, 5, kernel, stride, padding, output_padding=output_padding, bias=bias
    ).to(dtype)
    x = torch.randn(2, 3, rows, columns, dtype=dtype)
    if min((n - 1) * stride - 2 * padding + kernel + output_padding for n in (rows, columns)) < 1:
        return
    rewritten = ShuffledConvolution(plain.weight, plain.bias, stride, padding, output_padding)
    assert close(rewritten(x), plain(x))
    if stride == 1:
        assert close(BlockConvolution(rewritten)(x), plain(x))


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 9),
    st.floats(-20, 20),
    st.sampled_from(list(TOLERANCE)),
)
@torch.no_grad()
def test_a_group_norm_by_the_means_of_its_channels(groups, each, rows, columns, offset, dtype):
    plain = nn.GroupNorm(groups, groups * each).to(dtype)
    nn.init.normal_(plain.weight)
    nn.init.normal_(plain.bias)
    x = torch.randn(2, groups * each, rows, columns, dtype=dtype) * 3 + offset
    if rows * columns * each == 1:
        return  # a norm of one number is its bias, and rounding decides the rest
    rewritten, expected = ChannelNorm(plain)(x), plain(x)
    # numbers far from zero lose digits in any norm
    tolerance = TOLERANCE[dtype] * max(1.0, abs(offset)) * max(1.0, float(expected.abs().max()))
    spread = float(x.unflatten(1, (groups, each)).std((2, 3, 4)).min())
    assert float((rewritten - expected).abs().max()) <= tolerance * max(1.0, 10 / spread)


@st.composite
def networks(draw):
    """A configuration, cameras, observed frames, horizon, rows and columns of heatmap cells."""
    layers = draw(st.integers(2, 4))
    kernels, strides, channels = (
        tuple(draw(st.lists(one, min_size=layers, max_size=layers)))
        for one in (st.sampled_from((1, 3, 5)), st.integers(1, 2), st.integers(1, 9))
    )
    detector = DetectorConfig(
        keypoints=draw(st.sampled_from((3, channels[-1]))),
        channels=channels,
        strides=strides,
        kernels=kernels,
        groups=draw(st.integers(1, 4)),
        output=draw(st.sampled_from(('frame', 'change'))),
        structure=draw(st.sampled_from(STRUCTURES)),
    )
    predictor = PredictorConfig(
        keypoints=detector.keypoints,
        d_model=12,
        layers=1,
        heads=2,
        d_head=4,
        d_inner=16,
        residual=draw(st.booleans()),
    )
    return (
        TKNConfig(detector, predictor),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 9)),
        draw(st.integers(2, 4)),
        draw(st.integers(2, 4)),
    )


@settings(deadline=None, max_examples=40)
@given(
    networks(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(list(TOLERANCE)),
    st.integers(0, 10**6),
)
@torch.no_grad()
def test_the_three_stages_are_the_whole_network(network, shuffle, channel_norm, dtype, seed):
    config, cameras, n, horizon, rows, columns = network
    torch.manual_seed(seed)
    model = TKN(config).to(dtype).eval()
    for weight in model.detector.parameters():
        weight.normal_(0, 0.3)
    cell = config.detector.total_stride
    clip = torch.randint(0, 256, (cameras, n, rows * cell, columns * cell, 3), dtype=torch.uint8)
    drawn, predicted = model(clip.permute(0, 1, 4, 2, 3).to(dtype) / 255, horizon)

    encode, predict = Encode(model.detector), Predict(model)
    draw = render_stage(model, shuffle, channel_norm)
    known = torch.stack([encode(clip[:, i])[0] for i in range(n)], 1)  # one frame at a time
    newest, *features = encode(clip[:, -1])
    while known.shape[1] < n + horizon:
        following = predict(known[:, -n:])
        if config.predictor.residual:
            following = following + known[:, -1:]
        known = torch.cat([known, following], 1)
    assert close(known[:, n : n + horizon], predicted)
    if hasattr(draw, 'decode'):
        d = draw.decode(predicted, newest, features)
        source = clip[:, -1].permute(0, 3, 1, 2).to(dtype) / 255
        # a group of a single value amplifies rounding: it is divided by its own tiny spread
        single = any(
            rows * columns * c // max(1, min(config.detector.groups, c)) < 8
            for c in config.detector.channels
        )
        if not (single and dtype == torch.float32):
            assert close(draw.compose(d, source), drawn)
    off = draw(predicted, newest, clip[:, -1], *features).int() - to_bytes(drawn).int()
    assert int(off.abs().max()) <= (1 if dtype == torch.float64 else 3)


@pytest.mark.parametrize('horizon', [1, 10, 25])
@torch.no_grad()
def test_the_papers_widths(horizon):
    torch.manual_seed(0)
    detector = DetectorConfig()
    model = TKN(TKNConfig(detector)).double().eval()
    features = Encode(model.detector)(torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8))[1:]
    keypoints = torch.rand(1, horizon, 16, 3, dtype=torch.float64)
    plain = model.render(keypoints, [torch.zeros(1, 3, 64, 64, dtype=torch.float64), *features])
    for shuffle, channel_norm in ((False, False), (True, False), (True, True)):
        draw = render_stage(model, shuffle, channel_norm)
        assert close(draw.decode(keypoints, keypoints[:, 0], list(features)), plain)
