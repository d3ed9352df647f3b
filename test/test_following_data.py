"""What networks with followed keypoints learn from: labels, followed and simulated tracks."""

from itertools import islice

import numpy as np
import pytest
import torch
from small_models import KEYPOINTS, moving_patch

from tkn_ros.training.augmentation import Augmentation
from tkn_ros.training.followed_background import FollowedExamples
from tkn_ros.training.followed_clips import LONGEST, Section, _ranges
from tkn_ros.training.followed_tracks import POINTS, Scene, followed_scene, followed_scenes
from tkn_ros.training.following_data import Preparation, spread
from tkn_ros.training.motion_labels import MotionLabels
from tkn_ros.training.motion_stage import MotionExamples
from tkn_ros.training.processes import Processes
from tkn_ros.training.sampler import Sampling
from tkn_ros.training.simulated_tracks import MOTIONS, simulated_scene
from tkn_ros.training.stage import Schedule
from tkn_ros.training.tracks_stage import TrackExamples

CLIP = moving_patch(24)
QUIET = Preparation(Schedule(1, 1e-3), show=False)
PLAIN = Augmentation(False, False, 1, brightness=0, colours=False)


def test_labels_are_where_the_patch_moves():
    label = MotionLabels(60, 80).at(CLIP, 10).astype(float) / 255  # a fourth of the clip's size
    x, y = (60 + 3 * 10) // 4, (80 + 10) // 4
    assert label[y + 2 : y + 14, x + 2 : x + 14].mean() > 0.8
    label[y - 4 : y + 20, x - 4 : x + 20] = 0
    assert label.mean() < 0.02


@pytest.mark.parametrize('number', [0, 1, 23])
def test_labels_at_the_ends_of_a_clip(number):
    label = MotionLabels(60, 80).at(CLIP, number)
    assert label.dtype == np.uint8 and label.shape == (60, 80) and label.max() > 200


def test_nothing_moves_in_a_still_clip():
    still = np.repeat(CLIP[:1], 12, 0)
    assert MotionLabels(60, 80).at(still, 6).max() == 0
    assert MotionLabels(60, 80).at(still[:1], 0).max() == 0


@pytest.mark.parametrize('stride', [1, 2])
def test_followed_tracks_have_the_patchs_velocity(stride):
    scene = followed_scene(CLIP, 10, stride, 4, 4, np.random.default_rng(0))
    assert scene.tracks.shape[0] == 8 and 4 <= scene.tracks.shape[1] <= POINTS
    velocity = np.diff(scene.tracks, axis=0)[:, scene.known.all(0)]
    assert np.allclose(np.median(velocity, 1), [3 * stride, stride], atol=0.1)
    corner = np.array([60 + 3 * 10, 80 + 10])
    inside = (scene.tracks[3] > corner - 3) & (scene.tracks[3] < corner + 67)
    assert inside.all(1).mean() > 0.9


def test_scenes_of_clips_are_bounded_and_the_same_again():
    clips = [CLIP, np.repeat(CLIP[:1], 24, 0), CLIP[:5]]
    found = followed_scenes(clips, [1.0, 1.0, 1.0], 4, 4, 5, QUIET)
    assert 0 < len(found[0]) <= 5 and not found[1] and not found[2]
    again = followed_scenes(clips, [1.0, 1.0, 1.0], 4, 4, 5, QUIET)
    for one, other in zip(found[0], again[0]):
        assert np.array_equal(one.tracks, other.tracks)


def test_simulated_tracks():
    for seed in range(20):
        scene = simulated_scene(np.random.default_rng(seed), 7, 4, 6)
        assert scene.shape == (10, 7, 2) and scene.dtype == np.float32
        assert np.isfinite(scene).all()
        assert np.array_equal(scene, simulated_scene(np.random.default_rng(seed), 7, 4, 6))
    t = np.arange(-9, 11.0)
    for motion in MOTIONS:
        path = motion(t, 3.0, np.array([0.6, 0.8]), np.random.default_rng(1))
        assert path.shape == (20, 2) and np.isfinite(path).all()
    assert np.allclose(np.diff(MOTIONS[0](t, 3.0, np.array([0.6, 0.8]), None), axis=0), [1.8, 2.4])


def test_places_come_by_the_weights_and_all_of_them():
    counts, weights = [100, 1000, 5, 50], [1.0, 1.0, 1.0, 0.0]
    order = list(spread(counts, weights, 0))
    assert sorted(order) == [(c, i) for c in range(3) for i in range(counts[c])]
    share = np.bincount([clip for clip, _ in islice(order, 100)], minlength=4)
    assert 30 < share[0] < 70 and 30 < share[1] < 70 and share[2] == 5
    assert order == list(spread(counts, weights, 0)) != list(spread(counts, weights, 1))
    assert list(spread([], [], 0)) == []


def test_preparing_ends_when_its_time_is_up():
    assert not Preparation(Schedule(9, 1e-3)).over
    short = Preparation(Schedule(9, 1e-3, seconds=1e-6), show=False)
    assert short.over and short.schedule.seconds == 1.0
    found = followed_scenes([CLIP], [1.0], 4, 4, 50, short)
    assert len(found[0]) <= 1


def parts_of(make):
    """A batch of four by one process, and by two."""
    whole = make(Processes())
    halves = [make(Processes(rank, 2)) for rank in (0, 1)]
    for one, *both in zip(whole, *halves):
        assert torch.equal(one, torch.cat(both))
    return whole


def test_examples_of_motion_are_shared_by_processes():
    def make(processes):
        sampling = Sampling(3, None, Augmentation(crop=0.4, noise=4.0), processes)
        examples = MotionExamples([CLIP], (48, 64), QUIET, sampling, 6)
        return examples.batch(4, 7)

    frames, maps = parts_of(make)
    assert frames.shape == (4, 3, 3, 48, 64) and maps.shape == (4, 24, 32)
    assert maps.min() >= 0 and 0.5 < maps.max() <= 1


def test_examples_of_tracks_are_shared_by_processes():
    scenes = followed_scenes([CLIP], [1.0], 4, 4, 6, QUIET)

    def make(processes):
        return TrackExamples(scenes, 4, 4, 0.5, Sampling(3, processes=processes)).batch(4, 7)

    past, known, present, future, real = parts_of(make)
    assert past.shape == future.shape == (4, 4, POINTS, 2)
    assert known.shape == real.shape == (4, 4, POINTS) and present.any(1).all()


def test_all_tracks_are_followed_where_none_shall_be_simulated():
    tracks = np.zeros((8, 3, 2), np.float32)
    tracks[:, :, 0] = np.arange(8)[:, None] * 2.0
    scene = Scene(tracks, np.ones((8, 3), bool))
    sampling = Sampling(augmentation=Augmentation(flip=False))
    examples = TrackExamples([[], [scene]], 4, 4, 0.0, sampling)
    past, _, present, future, _ = examples.batch(3, 0)
    assert present.sum(1).tolist() == [3, 3, 3]
    step = (future[:, 1:, :3] - future[:, :-1, :3]).norm(dim=-1)
    assert (step.std((1, 2)) < 1e-3).all()  # turned and enlarged, but as steady as it was


def test_keypoints_of_background_examples_move_with_the_picture():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 9, (12, 32, 32, 3), np.uint8)
    frames[:, 8:12, 20:24] = 255  # a white square that stays, with keypoints on its middle
    ends = np.broadcast_to(np.float32([22 / 32, 10 / 32]), (12, 3, KEYPOINTS, 2)).copy()
    section = Section(0, frames, ends, np.ones((12, KEYPOINTS), bool))
    changes = Augmentation(True, True, 1, 0.4, 0.0, False)

    def make(processes):
        return FollowedExamples([section], 4, 4, Sampling(1, None, changes, processes)).batch(4, 2)

    pictures, points, active = parts_of(make)
    assert pictures.shape == (4, 8, 3, 32, 32) and active.dtype == torch.float32
    for picture, (x, y) in zip(pictures[:, 0].mean(1), points[:, 0, 0]):
        if 0 < x < 1 and 0 < y < 1:
            assert picture[int(y * 32), int(x * 32)] > 0.5


def test_sections_of_clips():
    assert _ranges(7, 8) == [] and _ranges(40, 20) == [(0, 40)]
    parts = _ranges(1394, 20)
    assert parts[0][0] == 0 and parts[-1][1] == 1394 and len(parts) == 6
    assert all(20 <= stop - first <= LONGEST for first, stop in parts)
