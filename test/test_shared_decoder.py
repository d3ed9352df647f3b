"""The decoder for one background gives the numbers of the paper's decoder."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tkn_ros.model.detector import STRUCTURES, DetectorConfig
from tkn_ros.model.parts import build_detector
from tkn_ros.streaming.shared_decoder import SharedDecoder


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
        tuple(draw(st.lists(one, min_size=layers, max_size=layers))) for one in each)
    return DetectorConfig(
        keypoints=draw(st.one_of(st.just(channels[-1]), st.integers(1, 9))), channels=channels,
        strides=strides, kernels=kernels, groups=draw(st.integers(1, 4)),
        output=draw(st.sampled_from(('frame', 'change'))))


@settings(deadline=None, max_examples=60)
@given(configs(), st.integers(1, 5), st.integers(2, 4), st.integers(2, 4), st.booleans(),
       st.integers(0, 10 ** 6))
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
    shared = SharedDecoder(detector)(keypoints, features, source)
    assert shared.shape == plain.shape == (m, 3, *(source if resized else frame).shape[-2:])
    scale = max(1.0, float(plain.abs().max()))
    assert float((shared - plain).abs().max()) / scale < 1e-12


@pytest.mark.parametrize('structure', STRUCTURES)
@pytest.mark.parametrize('output', ['frame', 'change'])
@torch.no_grad()
def test_every_structure_of_the_paper(structure, output):
    config = DetectorConfig(keypoints=5, channels=(6, 8, 8), strides=(1, 2, 2), kernels=(3, 3, 3),
                            groups=2, structure=structure, output=output)
    detector, keypoints = detector_of(config), keypoints_of(4, 5)
    _, features = detector.encode(torch.rand(1, 3, 16, 24, dtype=torch.float64))
    shared = SharedDecoder(detector)(keypoints, features)
    assert (shared - detector.decode(keypoints, features)).abs().max() < 1e-12


@torch.no_grad()
def test_keypoints_that_do_not_move_give_the_source_back():
    config = DetectorConfig(output='change')
    detector = detector_of(config).float()
    frame = torch.randint(0, 256, (1, 3, 64, 64)) / 255
    own, features = detector.encode(frame)
    for draw in (detector.decode, SharedDecoder(detector)):
        drawn = draw(own.expand(3, -1, -1), features)
        assert (drawn - frame).abs().max() < 1e-4
        assert torch.equal((drawn * 255).round(), (frame * 255).round().expand(3, -1, -1, -1))
    larger = torch.randint(0, 256, (1, 3, 120, 160)) / 255
    drawn = SharedDecoder(detector)(own, features, larger)
    assert torch.equal((drawn * 255).round(), (larger * 255).round())


@torch.no_grad()
def test_the_weights_are_those_of_the_moment_it_was_made():
    detector = detector_of(DetectorConfig(keypoints=4, channels=(4, 4), strides=(1, 2),
                                          kernels=(3, 3), groups=2))
    keypoints, (_, features) = keypoints_of(2, 4), detector.encode(torch.rand(1, 3, 8, 8).double())
    decoder = SharedDecoder(detector)
    before = decoder(keypoints, features)
    detector.decoder[-1].conv.weight.mul_(2)
    assert torch.equal(decoder(keypoints, features), before) or not decoder.layers[-1].flipped
    assert not torch.allclose(SharedDecoder(detector)(keypoints, features), before)
