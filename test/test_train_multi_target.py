"""Many targets on one source: drawn rightly, and the same numbers as pair by pair."""

import numpy as np
import pytest
import torch
from small_models import small_config

from tkn_ros.model.detector import DetectorConfig, reconstruction_loss
from tkn_ros.model.multi_target import MultiTargetDetector
from tkn_ros.model.parts import build_detector
from tkn_ros.training.augmentation import Augmentation
from tkn_ros.training.sampler import ClipSampler
from tkn_ros.training.stage import Schedule
from tkn_ros.training.stages import detector_stage

PLAIN = Augmentation(flip=False, reverse=False, max_rate=1, brightness=0.0, colours=False)


def numbered(count):
    """A clip whose every pixel is the frame's number."""
    return np.repeat(np.arange(count, dtype=np.uint8), 4 * 4 * 3).reshape(-1, 4, 4, 3)


@pytest.mark.parametrize(
    'config',
    [
        small_config('frame').detector,
        small_config('change').detector,
        DetectorConfig(channels=(8, 8, 16), strides=(2, 1, 2), kernels=(3, 1, 2), keypoints=4),
        DetectorConfig(structure='heatmap'),
        DetectorConfig(structure='separate', output='change'),
    ],
    ids=['frame', 'change', 'kernels', 'heatmap', 'separate'],
)
def test_a_fan_is_its_pairs(config):
    torch.manual_seed(0)
    detector = build_detector(config).double()
    for weight in detector.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    frames = torch.rand(2, 4, 3, 32, 32, dtype=torch.float64)
    together = MultiTargetDetector(detector)(frames)
    each = torch.stack([detector(frames[:, 0], target) for target in frames[:, 1:].unbind(1)], 1)
    assert torch.allclose(together, each, atol=1e-10)
    gradients = [
        torch.autograd.grad(reconstruction_loss(x, frames[:, 1:]), detector.parameters())
        for x in (together, each)
    ]
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(*gradients))


def test_a_fan_is_cheaper_than_its_pairs():
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device('meta'):
        detector = build_detector(DetectorConfig(output='change'))
        frames = torch.zeros(8, 5, 3, 64, 64)
    counts = []
    for run in (
        lambda: MultiTargetDetector(detector)(frames),
        lambda: detector(frames[:, 0].repeat(4, 1, 1, 1), frames[:, 1:].flatten(0, 1)),
    ):
        with FlopCounterMode(display=False) as counter:
            run()
        counts.append(counter.get_total_flops())
    assert counts[0] < 0.55 * counts[1]


@pytest.mark.parametrize('gap, reach', [(1, 1), (5, 5), (0, 39), (100, 39)])
def test_targets_are_other_frames_within_reach(gap, reach):
    batches = ClipSampler([numbered(40)], 0, augmentation=PLAIN).multi_target_batch(400, gap, 4)
    assert batches.shape == (100, 5, 3, 4, 4)
    numbers = (batches[..., 0, 0, 0] * 255).round().int()
    apart = numbers[:, 1:] - numbers[:, :1]
    assert apart.abs().min() >= 1 and apart.abs().max() <= reach
    assert (apart > 0).any() and (apart < 0).any()
    if gap == 5:
        assert set(apart.flatten().tolist()) == {*range(-5, 0), *range(1, 6)}
        assert set(numbers[:, 0].tolist()) >= {0, 39} or len(set(numbers[:, 0].tolist())) > 25


def test_a_clip_of_one_frame_gives_that_frame():
    assert ClipSampler([numbered(1)], 0, augmentation=PLAIN).multi_target_batch(4, 3, 2).max() == 0


def test_shared_by_processes_the_batch_is_the_same():
    clips = [np.random.default_rng(i).integers(0, 256, (20, 8, 8, 3), np.uint8) for i in range(3)]
    whole = ClipSampler(clips, 1)
    parts = [ClipSampler(clips, 1, rank=rank, count=2) for rank in range(2)]
    for _ in range(2):
        assert torch.equal(
            whole.multi_target_batch(8, 3, 2),
            torch.cat([p.multi_target_batch(8, 3, 2) for p in parts]),
        )
    assert torch.equal(whole.windows(4, 5), torch.cat([p.windows(4, 5) for p in parts]))
    with pytest.raises(ValueError, match='a batch of 3 .* cannot be shared by 2 processes'):
        parts[0].windows(3, 5)


def test_a_batch_depends_on_its_number_alone():
    clips = [np.random.default_rng(i).integers(0, 256, (20, 8, 8, 3), np.uint8) for i in range(3)]
    one, two = ClipSampler(clips, 1), ClipSampler(clips, 1)
    batches = [one.windows(3, 5) for _ in range(4)]
    assert torch.equal(two.at(3).windows(3, 5), batches[3])
    assert torch.equal(two.windows(3, 5), batches[0])


def test_cropping_enlarges_a_part_in_the_same_way_for_all_frames():
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], (60, 1, 3))
    clip = np.repeat(ramp[None], 12, 0)  # (12, 60, 60, 3)
    crop = Augmentation(flip=False, reverse=False, brightness=0.0, colours=False, crop=0.5)
    runs = ClipSampler([clip], 0, augmentation=crop).windows(20, 3)
    assert torch.equal(runs, runs[:, :1].expand_as(runs))
    slopes = runs[:, 0, 0, 0].diff(dim=-1).mean(-1) * 255  # 4 a pixel uncropped, less enlarged
    assert slopes.min() < 2.6 and slopes.max() < 4.1 and slopes.max() > 3.4


def test_the_stage_counts_pairs():
    clips = [np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)]
    stage = detector_stage(
        build_detector(small_config().detector), clips, Schedule(1, 1e-3), batch=6, targets=3
    )
    assert stage.make_batch(0).shape == (2, 4, 3, 32, 32)
