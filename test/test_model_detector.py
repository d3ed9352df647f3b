"""Eqs 2 to 14: the keypoint detector against hand-made maps and independent NumPy versions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from tkn_ros.model.detector import (
    CoordinateGenerator,
    DetectorConfig,
    KeypointDetector,
    grid,
    keypoints_to_maps,
    maps_to_keypoints,
    reconstruction_loss,
)
from tkn_ros.model.parts import build_detector

STRUCTURES = ('skip', 'heatmap', 'separate')
KERNELS = ((3,) * 6, (2,) * 6, (1,) * 6, (1, 3, 1, 1, 3, 1))


def test_the_grid_has_the_values_of_the_papers_example():
    values = grid(4, torch.zeros(1))
    assert values.tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert grid(1, torch.zeros(1)).tolist() == [0]


@settings(deadline=None, max_examples=40)
@given(h=st.integers(2, 20), w=st.integers(2, 20), data=st.data())
def test_a_single_bright_cell_lands_on_its_coordinate(h, w, data):
    row, column = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    maps = torch.zeros(1, 1, h, w)
    maps[0, 0, row, column] = 3.0
    x, y, v = maps_to_keypoints(maps)[0, 0].tolist()
    assert x == pytest.approx(-1 + 2 * column / (w - 1), abs=1e-5)  # Eqs 6, 7
    assert y == pytest.approx(-1 + 2 * row / (h - 1), abs=1e-5)
    assert v == pytest.approx(3.0 / (h * w))  # Eq 8: the mean, not the maximum


def test_two_bright_cells_give_their_weighted_mean():
    maps = torch.zeros(1, 1, 3, 5)
    maps[0, 0, 0, 0], maps[0, 0, 2, 4] = 1.0, 3.0
    assert maps_to_keypoints(maps)[0, 0].tolist() == pytest.approx([0.5, 0.5, 4 / 15])


def test_every_map_gives_its_own_keypoint_and_scale_changes_intensity_alone():
    maps = torch.rand(2, 3, 6, 7)
    keypoints = maps_to_keypoints(maps)
    doubled = maps_to_keypoints(maps * torch.tensor([1.0, 2.0, 1.0])[:, None, None])
    ratio = doubled / keypoints
    assert torch.allclose(ratio[:, 1], torch.tensor([1.0, 1.0, 2.0]).expand(2, 3), atol=1e-5)
    assert torch.allclose(ratio[:, [0, 2]], torch.ones(2, 2, 3), atol=1e-5)


def test_coordinates_are_of_a_positive_map_of_each_positions_channels():
    torch.manual_seed(0)
    generator = CoordinateGenerator(5, 3)
    h = torch.randn(2, 5, 4, 6)
    weight, bias = generator.to_maps.weight[:, :, 0, 0], generator.to_maps.bias
    maps = torch.einsum('bchw,kc->bkhw', h, weight) + bias[:, None, None]
    maps = torch.log1p(maps.exp())  # softplus
    assert torch.allclose(generator(h), maps_to_keypoints(maps), atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    h=st.integers(1, 24),
    w=st.integers(1, 24),
    k=st.integers(1, 5),
    sigma=st.floats(0.3, 4),
    seed=st.integers(0, 99),
)
def test_heatmaps_equal_an_independent_numpy_version(h, w, k, sigma, seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (2, k, 3))
    points[..., 2] = np.abs(points[..., 2])
    ours = keypoints_to_maps(torch.from_numpy(points), h, w, sigma).numpy()
    theirs = np.zeros((2, k, h, w))
    for index in np.ndindex(theirs.shape):
        b, i, row, column = index
        x, y, v = points[b, i]
        # the keypoint in cells: -1 is the centre of the first one, 1 that of the last
        dx = (x + 1) / 2 * (w - 1) - column if w > 1 else x / 2
        dy = (y + 1) / 2 * (h - 1) - row if h > 1 else y / 2
        theirs[index] = v * np.exp(-(dx**2) / (2 * sigma**2) - dy**2 / (2 * sigma**2))
    np.testing.assert_allclose(ours, theirs, atol=1e-9)  # Eqs 10 to 13


def test_a_heatmap_gives_its_keypoint_back():
    """HG and CG are inverses but for the intensity, away from the edges."""
    points = torch.tensor([[[0.2, -0.3, 1.0], [-0.4, 0.1, 0.5]]])
    back = maps_to_keypoints(keypoints_to_maps(points, 33, 33, 1.5))
    assert torch.allclose(back[..., :2], points[..., :2], atol=1e-4)


def test_the_decoder_doubles_its_input_by_skips_and_follows_eq_14():
    torch.manual_seed(0)
    detector = KeypointDetector(DetectorConfig()).eval()
    c = detector.config.channels
    ins = [layer.conv.in_channels for layer in detector.decoder]
    assert ins == [2 * c[i] for i in reversed(range(6))]
    outs = [layer.conv.out_channels for layer in detector.decoder]
    assert outs == [*reversed(c[:-1]), 3]
    frames = torch.rand(1, 3, 32, 32)
    keypoints, (x, *h) = detector.encode(frames)
    assert x is frames
    d = torch.cat([keypoints_to_maps(keypoints, 8, 8, 1.5), h[5]], 1)  # d_1's input
    for i, layer in enumerate(detector.decoder):
        if i:
            d = torch.cat([d, h[5 - i]], 1)
        d = F.conv_transpose2d(
            d,
            layer.conv.weight,
            layer.conv.bias,
            layer.conv.stride,
            layer.conv.padding,
            layer.conv.output_padding,
        )
        if layer.norm is not None:
            d = F.leaky_relu(F.group_norm(d, 8, layer.norm.weight, layer.norm.bias), 0.2)
    assert torch.allclose(detector.decode(keypoints, [x, *h]), d, atol=1e-5)


def test_the_encoder_is_convolution_groupnorm_leakyrelu():
    torch.manual_seed(0)
    detector = KeypointDetector(DetectorConfig())
    x = torch.rand(2, 3, 16, 24)
    _, features = detector.encode(x)
    for i, layer in enumerate(detector.encoder):  # Eq 4
        x = F.conv2d(x, layer.conv.weight, layer.conv.bias, detector.config.strides[i], 1)
        x = F.leaky_relu(F.group_norm(x, 8, layer.norm.weight, layer.norm.bias), 0.2)
        assert torch.allclose(features[i + 1], x, atol=1e-5)
    assert features[-1].shape == (2, 16, 4, 6)


def test_a_frame_is_drawn_from_the_targets_keypoints_and_the_sources_features():
    torch.manual_seed(0)
    detector = KeypointDetector(DetectorConfig()).eval()
    source, target = torch.rand(2, 1, 3, 16, 16)
    drawn = detector(source, target)
    by_hand = detector.decode(detector.encode(target)[0], detector.encode(source)[1])
    assert torch.equal(drawn, by_hand)
    assert not torch.allclose(drawn, detector(target, source), atol=1e-4)


def test_the_reconstruction_loss_is_the_mean_square():
    a, b = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
    b[0, 0, 0, 0] = 2.0
    assert reconstruction_loss(a, b).item() == pytest.approx((11 * 0.25 + 4) / 12)  # Eq 3


@settings(deadline=None, max_examples=60)
@given(
    structure=st.sampled_from(STRUCTURES),
    kernels=st.sampled_from((*KERNELS, (2, 3, 4, 5, 1, 2))),
    strides=st.sampled_from(((1, 2, 1, 1, 2, 1), (2, 1, 1, 1, 1, 2), (1, 1, 3, 1, 1, 1))),
    k=st.integers(4, 64),
    cells_h=st.integers(6, 12),
    cells_w=st.integers(6, 12),
    b=st.integers(1, 3),
)
def test_shapes_and_ranges_hold_for_every_variant(
    structure, kernels, strides, k, cells_h, cells_w, b
):
    config = DetectorConfig(keypoints=k, kernels=kernels, strides=strides, structure=structure)
    detector = build_detector(config)
    frames = torch.rand(b, 3, config.total_stride * cells_h, config.total_stride * cells_w)
    with torch.no_grad():
        keypoints, features = detector.encode(frames)
        drawn = detector.decode(keypoints, features)
    assert keypoints.shape == (b, k, 3)
    assert drawn.shape == frames.shape
    assert features[0] is frames
    assert keypoints[..., :2].abs().max() <= 1
    assert keypoints[..., 2].min() >= 0


@pytest.mark.parametrize('structure', STRUCTURES)
def test_batch_elements_do_not_mix(structure):
    torch.manual_seed(0)
    detector = build_detector(DetectorConfig(structure=structure)).eval()
    source, target = torch.rand(2, 3, 3, 16, 16)
    together = detector(source, target)
    alone = torch.cat([detector(s[None], t[None]) for s, t in zip(source, target)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_fig_3a_and_b_bring_the_background_to_the_first_decoder_layer_alone():
    torch.manual_seed(0)
    for structure in ('heatmap', 'separate'):
        detector = build_detector(DetectorConfig(structure=structure)).eval()
        assert [layer.conv.in_channels for layer in detector.decoder] == [32, 48, 48, 24, 24, 16]
        keypoints, features = detector.encode(torch.rand(1, 3, 32, 32))
        assert features[1].shape == (1, 16, 8, 8)
        d = torch.cat([keypoints_to_maps(keypoints, 8, 8, 1.5), features[1]], 1)
        for layer in detector.decoder:
            d = layer(d)
        assert torch.allclose(detector.decode(keypoints, features), d, atol=1e-6)


def test_fig_3a_shares_one_encoder_and_fig_3b_separates_two():
    torch.manual_seed(0)
    frames = torch.rand(1, 3, 16, 16)
    for structure, shared in (('heatmap', True), ('separate', False)):
        detector = build_detector(DetectorConfig(structure=structure))
        background = detector.encode(frames)[1][1]
        background.square().sum().backward()
        reached = any(p.grad is not None for p in detector.encoder.parameters())
        assert reached is shared


@pytest.mark.parametrize('structure', STRUCTURES)
def test_with_output_change_a_frame_whose_keypoints_stay_is_the_source_itself(structure):
    torch.manual_seed(0)
    detector = build_detector(DetectorConfig(structure=structure, output='change'))
    torch.nn.init.normal_(detector.decoder[-1].conv.weight)
    source, other = torch.rand(2, 2, 3, 16, 16)
    assert torch.allclose(detector(source, source), source, atol=1e-5)
    assert not torch.allclose(detector(source, other), source, atol=1e-2)


@pytest.mark.parametrize(
    'values, said',
    [
        ({'structure': 'unet'}, 'structure is "unet"'),
        ({'output': 'jpeg'}, 'output is "jpeg"'),
        ({'keypoints': 0}, 'keypoints is 0'),
        ({'kernels': (3, 3)}, 'one entry for each layer'),
    ],
)
def test_bad_hyper_parameters_are_named(values, said):
    with pytest.raises(ValueError, match=said):
        DetectorConfig(**values)


def test_a_frame_of_an_unfit_size_is_refused():
    with pytest.raises(ValueError, match='30x32, expected a width and height divisible by 4'):
        KeypointDetector(DetectorConfig()).encode(torch.rand(1, 3, 32, 30))
