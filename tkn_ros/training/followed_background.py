"""The stage in which the background network learns to follow predicted keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.inference import to_tensor
from tkn_ros.model.motion_maps import motion_maps
from tkn_ros.training.augmentation import Augmentation, add_noise, crop_at_random, recolour
from tkn_ros.training.followed_clips import Section, followed_sections
from tkn_ros.training.following_data import Preparation
from tkn_ros.training.picture_stages import picture_loss
from tkn_ros.training.sampler import DEFAULT_SAMPLING, Sampling
from tkn_ros.training.stage import Schedule, Stage, TrainingError

MOST_FRAMES = 8000  # followed: 100 MB at 64x64
BLIND = 0.05  # share of the examples whose keypoints are hidden from the network

Batch = tuple[Tensor, Tensor, Tensor]


class FollowedPass(nn.Module):
    """A window and its keypoints to its predicted frames."""

    def __init__(self, model: FollowingTKN, ahead: int) -> None:
        super().__init__()
        self.model, self.ahead = model, ahead

    def forward(self, frames: Tensor, ends: Tensor, active: Tensor) -> Tensor:
        """Frames (B, ahead, 3, H, W) in [0, 1].

        Args:
            frames: (B, n, 3, H, W) in [0, 1], the window.
            ends: (B, 3, K, 2), keypoints as of `motion_maps`.
            active: (B, K), as of `motion_maps`.
        """
        maps = motion_maps(ends, active, *frames.shape[-2:])
        return self.model.render(frames, self.model.drift(frames, maps), self.ahead)


class FollowedExamples:
    """Random windows of sections, with their keypoints.

    Args:
        sections: to draw from.
        window: n, frames observed.
        ahead: m, frames predicted.
        sampling: of the examples; its weights are those of the clips, and the rate of its
            augmentation does not apply.
    """

    def __init__(
        self,
        sections: Sequence[Section],
        window: int,
        ahead: int,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:
        self.sections, self.window, self.ahead = sections, window, ahead
        self.augmentation = sampling.augmentation
        clips = [s.clip for s in sections]
        in_clip = np.bincount(clips)  # sections
        weights = sampling.weights_of(in_clip)[clips] / in_clip[clips]
        as_they_are = Augmentation(max_rate=1, reverse=False)
        drawn = replace(sampling, weights=weights, augmentation=as_they_are)
        self._sampler = drawn.sampler([s.frames for s in sections])

    def batch(self, batch: int, step: int) -> Batch:
        """Frames (B, n + m, 3, H, W); of the newest observed, ends (B, 3, K, 2), active (B, K)."""
        sampler, examples = self._sampler.at(step), []
        for i, picked in sampler.runs(batch, self.window + self.ahead):
            section, now = self.sections[i], picked[self.window - 1]
            examples.append(
                self._augment(
                    section.frames[picked], section.ends[now], section.active[now], sampler.rng
                )
            )
        frames, ends, active = (np.stack(part) for part in zip(*examples))
        return to_tensor(frames), torch.from_numpy(ends), torch.from_numpy(active)

    def _augment(
        self, frames: np.ndarray, ends: np.ndarray, active: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        a = self.augmentation
        active = active.astype(np.float32)
        if a.flip and rng.random() < 0.5:
            frames, ends = (
                frames[:, :, ::-1],
                ends * np.array([-1, 1], np.float32) + np.array([1, 0], np.float32),
            )
        if a.crop:
            frames, corner, share = crop_at_random(frames, a.crop, rng)
            ends = ((ends - corner) / share).astype(np.float32)
        frames = recolour(frames, a, rng)
        if a.hold and rng.random() < a.hold:
            frames, active = np.repeat(frames[:1], len(frames), 0), active * 0
        elif rng.random() < BLIND:
            active = active * 0
        return np.ascontiguousarray(add_noise(frames, a, rng)), ends, active


def followed_background_stage(
    model: FollowingTKN,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 8,
    ahead: int = 10,
    sampling: Sampling = DEFAULT_SAMPLING,
    most: int = MOST_FRAMES,
) -> Stage:
    """The background network learns, by `picture_loss`; detector and predictor stay as they are.

    Args:
        model: the network.
        clips: (T, H, W, 3) uint8 each, of the prepared size.
        schedule: steps and rates; following takes a part of its time.
        batch: windows of a step.
        ahead: frames predicted.
        sampling: of the examples.
        most: frames in which keypoints are followed.
    """
    preparation = Preparation(schedule, sampling.processes.is_main)
    weights, n = sampling.weights_of(clips), model.config.window
    sections = followed_sections(
        model,
        clips,
        weights,
        n + ahead,
        most,
        preparation,
        sampling.seed,
        sampling.augmentation.reverse,
    )
    if not sections:
        raise TrainingError(f'background: no clip has {n + ahead} frames: give longer ones')
    examples = FollowedExamples(sections, n, ahead, sampling)

    def loss(net: nn.Module, example: Batch) -> Tensor:
        frames, ends, active = example
        return picture_loss(net(frames[:, :n], ends, active).float(), frames[:, n:])

    return Stage(
        'background',
        model.background,
        lambda step: examples.batch(batch, step),
        loss,
        preparation.schedule,
        sampling.seed,
        sampling.processes,
        FollowedPass(model, ahead),
    )
