"""The decoder for one background gives the numbers of the paper's decoder."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.parts import build_detector
from tkn_ros.streaming.stages import Render


def shared_decoder(detector, shuffle=False):
    """`KeypointDetector.decode` for one background and m targets, by the rewritten decoder."""
    draw = Render(detector, shuffle)

    def decode(keypoints, features, source=None):
        own = detector.coordinates(features[-1])  # (1, K, 3)
        d = draw.decode(keypoints[None], own, features[1:])  # (1, m, C_out, h, w)
        return draw.compose(d, features[0] if source is None else source)[0]

    return decode


def detector_of(config, seed=0):
    """In double precision, with weights of a size that every layer's part in the result shows."""
    torch.manual_seed(seed)
    detector = build_detector(config).double().eval()
    with torch.no_grad():
        for weight in detector.parameters():
            weight.normal_(0, 0.3)
    return detector


def keypoints_of(m, k):
    return torch.cat([torch.rand(m, k, 2) * 2 - 1, torch.rand(m, k, 1)], -1).double()


@st.composite
def configs(draw):
    layers = draw(st.integers(2, 4))
    each = [st.integers(1, 4), st.integers(1, 2), st.integers(1, 6)]
    kernels, strides, channels = (
        tuple(draw(st.lists(one, min_size=layers, max_size=layers))) for one in each
    )
    return DetectorConfig(
        keypoints=draw(st.one_of(st.just(channels[-1]), st.integers(1, 9))),
        channels=channels,
        strides=strides,
        kernels=kernels,
        groups=draw(st.integers(1, 4)),
        output=draw(st.sampled_from(('frame', 'change'))),
    )


@settings(deadline=None, max_examples=60)
@given(
    configs(),
    st.integers(1, 5),
    st.integers(2, 4),
    st.integers(2, 4),
    st.booleans(),
    st.integers(0, 10**6),
)
@torch.no_grad()
def test_equals_the_plain_decoder(config, m, rows, columns, resized, seed):
    # every even kernel loses a row of the heatmap, and none may be left
    cell = config.total_stride * (1 + sum(config.kernels) // 2)
    detector = detector_of(config, seed)
    frame = torch.rand(1, 3, rows * cell, columns * cell, dtype=torch.float64)
    source = torch.rand(1, 3, 19, 31, dtype=torch.float64) if resized else None
    keypoints = keypoints_of(m, config.keypoints)
    _, features = detector.encode(frame)
    plain = detector.decode(keypoints, features, source)
    shared = shared_decoder(detector)(keypoints, features, source)
    assert shared.shape == plain.shape == (m, 3, *(source if resized else frame).shape[-2:])
    scale = max(1.0, float(plain.abs().max()))
    assert float((shared - plain).abs().max()) / scale < 1e-12


@torch.no_grad()
def test_keypoints_that_do_not_move_give_the_source_back():
    config = DetectorConfig(output='change')
    detector = detector_of(config).float()
    frame = torch.randint(0, 256, (1, 3, 64, 64)) / 255
    own, features = detector.encode(frame)
    for draw in (detector.decode, shared_decoder(detector)):
        drawn = draw(own.expand(3, -1, -1), features)
        assert (drawn - frame).abs().max() < 1e-4
        assert torch.equal((drawn * 255).round(), (frame * 255).round().expand(3, -1, -1, -1))
    larger = torch.randint(0, 256, (1, 3, 120, 160)) / 255
    drawn = shared_decoder(detector)(own, features, larger)
    assert torch.equal((drawn * 255).round(), (larger * 255).round())


@torch.no_grad()
def test_the_weights_are_those_of_the_moment_it_was_made():
    detector = detector_of(
        DetectorConfig(keypoints=4, channels=(4, 4), strides=(1, 2), kernels=(3, 3), groups=2)
    )
    keypoints, (_, features) = keypoints_of(2, 4), detector.encode(torch.rand(1, 3, 8, 8).double())
    decoder = shared_decoder(detector)
    before = decoder(keypoints, features)
    detector.decoder[-1].conv.weight.mul_(2)
    assert torch.equal(decoder(keypoints, features), before)
    assert not torch.allclose(shared_decoder(detector)(keypoints, features), before)
