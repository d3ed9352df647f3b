"""Training examples that are drawn from clips."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tkn_ros.datasets.clips import resize_clip
from tkn_ros.model.inference import to_tensor
from tkn_ros.training.augmentation import Augmentation
from tkn_ros.training.sampler import ClipSampler, draw_window


def numbered(count, side=4):
    """A clip whose every pixel is the frame's number."""
    return np.repeat(np.arange(count, dtype=np.uint8), side * side * 3).reshape(-1, side, side, 3)


class Unchanged(ClipSampler):
    """Without augmentation, so that an example tells which frames it is made of."""

    def _augment(self, frames):
        return np.ascontiguousarray(frames)


def numbers(frames):
    """Of (.., 3, H, W) made by `numbered`."""
    return (frames[..., 0, 0, 0] * 255).round().int()


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(2, 30), st.integers(1, 4), st.integers(0, 10**6))
def test_a_window_is_evenly_spaced_and_inside_of_its_clip(clip_length, length, rate, seed):
    picked = draw_window(clip_length, length, np.random.default_rng(seed), rate)
    if clip_length < length:
        assert picked is None
        return
    steps = np.diff(picked)
    assert len(picked) == length and len(set(steps)) == 1 and 1 <= abs(steps[0]) <= rate
    assert picked.min() >= 0 and picked.max() < clip_length


def test_windows_come_in_both_directions_and_at_every_rate():
    rng = np.random.default_rng(0)
    steps = {int(np.diff(draw_window(40, 5, rng))[0]) for _ in range(300)}
    assert steps == {-3, -2, -1, 1, 2, 3}


def test_the_last_frame_of_a_clip_is_drawn_too():
    rng = np.random.default_rng(0)
    assert {int(i) for _ in range(300) for i in draw_window(7, 3, rng)} == set(range(7))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 20), st.integers(0, 10**6))
def test_pairs_are_no_further_apart_than_asked(count, gap, seed):
    source, target = Unchanged([numbered(count)], seed).pairs(16, gap)
    assert source.shape == target.shape == (16, 3, 4, 4)
    apart = (numbers(source) - numbers(target)).abs()
    assert apart.max() <= min(3 * gap, count - 1)
    if count > 1:
        assert apart.min() >= 1


def test_windows_are_drawn_by_the_weights_and_from_clips_that_are_long_enough():
    clips = [numbered(5), numbered(12), numbered(12) + 100]
    sampler = Unchanged(clips, 0, [0.5, 0.25, 0.25])
    first = numbers(sampler.windows(200, 8))[:, 0]
    assert 60 < int((first >= 100).sum()) < 140  # the short one gives none
    sampler = Unchanged(clips, 0, [0.5, 0.5, 0])
    assert numbers(sampler.windows(50, 8)).max() < 100


def test_clips_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match='no clip has 8 frames'):
        ClipSampler([numbered(5), numbered(7)], 0).windows(2, 8)


def test_the_same_seed_gives_the_same_examples():
    clips = [np.random.default_rng(i).integers(0, 256, (20, 8, 8, 3), np.uint8) for i in range(3)]
    one, same, other = ClipSampler(clips, 1), ClipSampler(clips, 1), ClipSampler(clips, 2)
    for a, b in zip(one.pairs(9, 4), same.pairs(9, 4)):
        assert torch.equal(a, b)
    assert torch.equal(windows := one.windows(4, 6), same.windows(4, 6))
    assert not torch.equal(windows, other.windows(4, 6))
    assert windows.dtype == torch.float32 and windows.min() >= 0 and windows.max() <= 1


def test_augmentation_is_the_same_for_all_frames_of_an_example():
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8), 12, 0)
    runs = ClipSampler([still], 0).windows(30, 4)  # nothing moves: what differs is augmentation
    assert torch.equal(runs, runs[:, :1].expand_as(runs))
    assert len({tuple(run[0].flatten().tolist()) for run in runs}) > 10


def test_grey_still_and_noisy_examples():
    clip = np.random.default_rng(0).integers(60, 200, (12, 16, 16, 3), np.uint8)
    plain = {'flip': False, 'reverse': False, 'max_rate': 1, 'brightness': 0.0, 'colours': False}

    def runs(**more):
        return ClipSampler([clip], 0, augmentation=Augmentation(**plain, **more)).windows(40, 4)

    grey = runs(grey=0.5)  # (B, 4, 3, H, W)
    share = (grey[:, :, :1] == grey).all((1, 2, 3, 4)).float().mean()
    assert 0.2 < share < 0.8
    still = (runs(hold=0.5) == runs(hold=0.5)[:, :1]).all((1, 2, 3, 4)).float().mean()
    assert 0.2 < still < 0.8
    noise = (runs(noise=8.0) - runs()).flatten(1).std(1) * 255  # the same draws but for the noise
    assert 0.1 < (noise > 0).float().mean() < 0.6 and 1 < noise.max() < 9
    with pytest.raises(ValueError, match='grey is 2, hold 0.0 and turn 0.0, expected shares'):
        Augmentation(grey=2)


def test_a_turn_stops_the_motion_or_plays_it_back():
    turning = Augmentation(reverse=False, max_rate=1, turn=1.0)
    windows = Unchanged([numbered(30)], 0, augmentation=turning).windows(200, 8)
    numbers = (windows[:, :, 0, 0, 0] * 255).round()  # (B, 8)
    steps = numbers.diff(dim=1)
    assert (numbers >= 0).all() and steps.abs().max() == 1 and (steps[:, 0] == 1).all()
    stopped, turned = (steps == 0).any(1), (steps == -1).any(1)
    assert 0.3 < stopped.float().mean() < 0.6 and not (stopped & turned).any()
    assert 0.3 < turned.float().mean() < 0.6  # neither, where it happens at the last frame


def test_augmentation_leaves_the_clips_alone():
    clip = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    kept = clip.copy()
    sampler = ClipSampler([clip], 0)
    sampler.windows(20, 4)
    sampler.pairs(20, 4)
    assert np.array_equal(clip, kept)


def test_resizing_and_tensors():
    clip = np.zeros((3, 8, 12, 3), np.uint8)
    clip[:, :4, :, 0] = 255
    small = resize_clip(clip, 4, 6)
    assert small.shape == (3, 4, 6, 3) and small.dtype == np.uint8
    tensor = to_tensor(small)  # (3, 3, 4, 6)
    assert tensor.shape == (3, 3, 4, 6)
    assert torch.equal(tensor[:, 0, :2], torch.ones(3, 2, 6))
    assert tensor[:, 1:].sum() == 0 and tensor[:, 0, 2:].sum() == 0
