"""The stage in which the track predictor learns where followed points go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.datasets.clips import warn
from tkn_ros.model.track_predictor import VELOCITY_FRAMES, TrackPredictor
from tkn_ros.training.followed_tracks import POINTS, Scene, followed_scenes
from tkn_ros.training.following_data import Preparation
from tkn_ros.training.sampler import DEFAULT_SAMPLING, Sampling
from tkn_ros.training.settings import CLIP_HEIGHT, CLIP_WIDTH
from tkn_ros.training.simulated_tracks import simulated_scene
from tkn_ros.training.stage import Schedule, Stage

MOST_SCENES = 3000  # followed: 16 MB
QUANTILE = 0.68  # of the errors should be within ..
RADIUS = 1.515  # .. so many sigma: a circle that holds as much of a normal distribution in 2-D
SCENE_SHARE = 2.0  # of the scene's relative error beside the other losses
WORST = 5.0  # relative error of a scene, above which more is no worse
SHORTENED = 0.2  # share of the points whose past is cut

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class TrackExamples:
    """Random scenes, simulated and followed.

    Args:
        scenes: of every clip those followed in it.
        past: moments up to now.
        future: moments after it.
        simulated: share of the examples; all, where no scene was followed.
        sampling: of the examples; of its augmentation flip mirrors half, and reverse plays three in
            ten backwards.
    """

    def __init__(
        self,
        scenes: Sequence[Sequence[Scene]],
        past: int,
        future: int,
        simulated: float,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:
        self.past, self.future = past, future
        self.augmentation = sampling.augmentation
        self.scenes, self.simulated = scenes, simulated
        self._sampler = sampling.sampler(scenes)
        weights = sampling.weights_of(scenes)
        if not any(weight * len(found) for weight, found in zip(weights, scenes)):
            self.simulated = 1.0
            self._sampler = replace(sampling, weights=None).sampler([[None]])

    def batch(self, batch: int, step: int) -> Batch:
        """Past tracks (B, n, K, 2), known (B, n, K), present (B, K), future (B, m, K, 2) and which
        of it is real (B, m, K)."""
        sampler = self._sampler.at(step)
        pairs = [self._example(clip, sampler.rng) for clip in sampler.draw(batch, 1)]
        tracks, known = (np.stack(part) for part in zip(*pairs))
        n = self.past
        parts = tracks[:, :n], known[:, :n], known[:, n - 1], tracks[:, n:], known[:, n:]
        past, known_past, present, future, real = (
            torch.from_numpy(np.ascontiguousarray(p)) for p in parts
        )
        return past, known_past, present, future, real

    def _example(self, clip: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(n + m, POINTS, 2) and (n + m, POINTS)."""
        tracks = np.zeros((self.past + self.future, POINTS, 2), np.float32)
        known = np.zeros(tracks.shape[:2], bool)
        if rng.random() < self.simulated:
            tracks = simulated_scene(rng, POINTS, self.past, self.future)
            known[:] = True
        else:
            scene = self.scenes[clip][int(rng.integers(len(self.scenes[clip])))]
            picked, seen = scene.tracks, scene.known
            whole = seen.all(0)
            backwards = self.past == self.future and whole.any()
            if self.augmentation.reverse and backwards and rng.random() < 0.3:
                picked, seen = picked[::-1][:, whole], seen[::-1][:, whole]
            tracks[:, : picked.shape[1]], known[:, : picked.shape[1]] = picked, seen
        tracks = _transformed(tracks, self.augmentation.flip, rng)
        cut = rng.integers(0, max(1, self.past - 3), POINTS) * (rng.random(POINTS) < SHORTENED)
        known &= np.arange(len(known))[:, None] >= cut
        return tracks, known


def tracks_stage(
    predictor: TrackPredictor,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    window: int = 10,
    batch: int = 20,
    sampling: Sampling = DEFAULT_SAMPLING,
    simulated: float = 0.4,
    most: int = MOST_SCENES,
) -> Stage:
    """The predictor learns the next `window` positions of points, and how sure it may be.

    Args:
        predictor: the network that learns.
        clips: (T, H, W, 3) uint8 each, of the prepared size.
        schedule: steps and rates; following takes a part of its time.
        window: n, moments observed and predicted.
        batch: scenes of a step.
        sampling: of the examples.
        simulated: share of the scenes that are simulated.
        most: scenes that are followed.
    """
    is_main = sampling.processes.is_main
    preparation = Preparation(schedule, is_main)
    weights = sampling.weights_of(clips)
    scenes = followed_scenes(clips, weights, window, window, most, preparation, sampling.seed)
    if is_main and not any(scenes):
        warn('tracks: nothing moves in the clips that could be followed; all tracks are simulated')
    examples = TrackExamples(scenes, window, window, simulated, sampling)
    return Stage(
        'tracks',
        predictor,
        lambda step: examples.batch(batch, step),
        tracks_loss,
        preparation.schedule,
        sampling.seed,
        sampling.processes,
    )


def tracks_loss(net: nn.Module, batch: Batch) -> Tensor:
    """Errors of positions as a likelihood, relative to what moved, by scene, and their quantile.

    net: as `TrackPredictor`; batch: as of `TrackExamples`. The likelihood is Laplace's in two
    dimensions. By scene the error is that relative to the better of staying and constant velocity.
    """
    past, known, present, future, real = batch
    mean, scale, sigma = (part.float() for part in net(past, known, present))
    used = (present[:, None] & real).float()  # (B, m, K)
    count = used.sum().clamp(min=1)

    def average(values: Tensor) -> Tensor:
        return (values * used).sum() / count

    error = ((mean - future).square().sum(-1) + 1e-4).sqrt()  # (B, m, K)
    likelihood = average(error / scale + 2 * torch.log(scale))
    now, back = past[:, -1:], min(VELOCITY_FRAMES, past.shape[1] - 1)
    stay = (future - now).norm(dim=-1)
    relative = average(error / (stay.mean(1, keepdim=True) + 1))
    steps = torch.arange(1, future.shape[1] + 1, device=past.device)[:, None, None]
    velocity = (now - past[:, -1 - back : past.shape[1] - back]) / max(back, 1)
    going = (future - (now + steps * velocity)).norm(dim=-1)
    ours, resting, gone, points = (
        (x * used).sum((1, 2)) for x in (error, stay, going, torch.ones_like(used))
    )
    by_scene = ours / (torch.minimum(resting, gone) + 0.3 * points + 1)
    radius = RADIUS * sigma
    over = error.detach() - radius
    pinball = torch.maximum(QUANTILE * over, (QUANTILE - 1) * over) / radius.detach()
    scene = by_scene.clamp(max=WORST).mean()
    return likelihood + relative + SCENE_SHARE * scene + average(pinball)


def _transformed(tracks: np.ndarray, flip: bool, rng: np.random.Generator) -> np.ndarray:
    """Enlarged, mirrored and turned about the picture's middle."""
    matrix = np.eye(2) * np.exp(rng.normal(0, 0.35))
    if flip and rng.random() < 0.5:
        matrix = matrix @ np.diag([-1, 1])
    angle = rng.normal(0, 0.3) if rng.random() < 0.7 else rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = (matrix @ np.array([[cos, -sin], [sin, cos]])).astype(np.float32)
    centre = np.array([CLIP_WIDTH / 2, CLIP_HEIGHT / 2], np.float32)
    return (tracks - centre) @ matrix.T + centre
