"""Training clips in memory, and the random pairs and windows that are drawn from them."""

from collections.abc import Iterator, Sequence, Sized
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from tkn_ros.model.inference import to_tensor
from tkn_ros.training.augmentation import (
    MAX_RATE,
    Augmentation,
    add_noise,
    crop_at_random,
    recolour,
)
from tkn_ros.training.processes import Processes


class ClipSampler:
    """Random training examples from clips of (T, H, W, 3) uint8, each with augmentation.

    Clips are drawn by `weights`. Example i of batch number `step` depends on (seed, step, i) and on
    nothing else: a run that is resumed at some step, or shared by `count` processes of which each
    makes its `rank`-th part of every batch, sees the same examples.

    Args:
        clips: (T, H, W, 3) uint8 each.
        seed: of the random examples.
        weights: how often each clip is drawn, relative to the others; None: all alike.
        augmentation: of the examples; None: the default.
        rank: number of this process's part.
        count: processes that share a batch.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        seed: int,
        weights: Sequence[float] | np.ndarray | None = None,
        augmentation: Augmentation | None = None,
        rank: int = 0,
        count: int = 1,
    ) -> None:
        self.clips = list(clips)
        self.lengths = np.array([len(clip) for clip in clips])
        self.seed, self.rank, self.count = seed, rank, count
        self.step = 0  # number of the next batch
        self.weights = np.ones(len(clips)) if weights is None else np.asarray(weights, float)
        self.augmentation = augmentation or Augmentation()
        self.rng = np.random.default_rng(seed)

    def at(self, step: int) -> 'ClipSampler':
        """A sampler of the same clips whose next batch is number `step`."""
        other = copy(self)
        other.step = step
        return other

    def pairs(self, batch: int, max_gap: int) -> tuple[Tensor, Tensor]:
        """Source and target up to `max_gap` frames apart, any playback rate: (B, 3, H, W) twice.

        max_gap 0: any two frames of a clip.
        """
        both = self.multi_target_batch(batch, max_gap, 1)
        return both[:, 0], both[:, 1]

    def multi_target_batch(self, batch: int, max_gap: int, targets: int) -> Tensor:
        """Sources, each with `targets` targets: (batch / targets, 1 + targets, 3, H, W).

        Targets are up to `max_gap` frames (0: any number) before or after their source.

        Args:
            batch: examples of a step.
            max_gap: frames between source and target at most; 0: any.
            targets: of each source.
        """
        out = []
        for i in self.draw(max(1, batch // targets), 1):
            clip, rng = self.clips[i], self.rng
            reach = max_gap * int(rng.integers(1, self.augmentation.max_rate + 1)) or len(clip)
            source = int(rng.integers(len(clip)))
            low, high = max(0, source - reach), min(len(clip) - 1, source + reach)
            picked = rng.integers(low, high, targets) if high > low else np.array([0] * targets)
            picked = np.where(picked >= source, np.minimum(picked + 1, high), picked)  # not itself
            out.append(self._augment(clip[[source, *picked]]))
        return to_tensor(np.stack(out))

    def windows(self, batch: int, length: int) -> Tensor:
        """Runs of `length` frames: (B, length, 3, H, W). ValueError where no clip has so many."""
        return to_tensor(
            np.stack(
                [
                    self._augment(self.clips[i][self._turn(picked)])
                    for i, picked in self.runs(batch, length)
                ]
            )
        )

    def runs(self, batch: int, length: int) -> Iterator[tuple[int, np.ndarray]]:
        """As `windows`, but the number of the clip and those of its frames, nothing read."""
        a = self.augmentation
        for i in self.draw(batch, length):
            picked = draw_window(int(self.lengths[i]), length, self.rng, a.max_rate, a.reverse)
            assert picked is not None  # `draw` gives clips that are long enough
            yield i, picked

    def draw(self, batch: int, length: int) -> Iterator[int]:
        """The clips of this process's examples of the next batch; `rng` is each example's own."""
        usable = self.weights * (self.lengths >= length)
        total = np.cumsum(usable)
        if not len(total) or not total[-1] > 0:
            raise ValueError(f'no clip has {length} frames: give longer ones or a shorter window')
        share = batch // self.count
        if share * self.count != batch:
            raise ValueError(
                f"a batch of {batch} (sources, in the detector's stage) cannot be "
                f'shared by {self.count} processes; give a multiple of that'
            )
        for k in range(self.rank * share, (self.rank + 1) * share):
            self.rng = np.random.default_rng([self.seed, self.step, k])
            yield int(np.searchsorted(total, self.rng.random() * total[-1], side='right'))
        self.step += 1

    def _turn(self, picked: np.ndarray) -> np.ndarray:
        if not self.augmentation.turn or self.rng.random() >= self.augmentation.turn:
            return picked
        steps, at = np.arange(len(picked)), int(self.rng.integers(1, len(picked)))
        if self.rng.random() < 0.5:
            return picked[np.minimum(steps, at)]
        return picked[np.abs(at - np.abs(at - steps))]  # to `at`, back to 0, and onwards again

    def _augment(self, frames: np.ndarray) -> np.ndarray:
        rng, a = self.rng, self.augmentation
        if a.flip and rng.random() < 0.5:
            frames = frames[:, :, ::-1]
        if a.crop:
            frames, _, _ = crop_at_random(frames, a.crop, rng)
        frames = recolour(frames, a, rng)
        if a.hold and rng.random() < a.hold:
            frames = np.repeat(frames[:1], len(frames), 0)
        frames = add_noise(frames, a, rng)
        return np.ascontiguousarray(frames)


@dataclass(frozen=True)
class Sampling:
    """How a stage draws its random examples.

    Attributes:
        seed: of the random examples.
        weights: how often each clip is drawn, relative to the others; None: all alike.
        augmentation: of the examples.
        processes: that share a step; each makes its part of every batch.
    """

    seed: int = 0
    weights: Sequence[float] | np.ndarray | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    processes: Processes = field(default_factory=Processes)

    def weights_of(self, clips: Sized) -> np.ndarray:
        """(len(clips),) float."""
        return np.ones(len(clips)) if self.weights is None else np.asarray(self.weights, float)

    def sampler(self, clips: Sequence[Any]) -> ClipSampler:
        """Of this process's part of every batch."""
        p = self.processes
        return ClipSampler(clips, self.seed, self.weights, self.augmentation, p.rank, p.count)


DEFAULT_SAMPLING = Sampling()


def draw_window(
    clip_length: int,
    length: int,
    rng: np.random.Generator,
    max_rate: int = MAX_RATE,
    reverse: bool = True,
) -> np.ndarray | None:
    """Frame numbers of a random run of `length` frames: any playback rate, either direction.

    None where the clip is too short.

    Args:
        clip_length: frames of the clip.
        length: frames of a run.
        rng: the source of randomness.
        max_rate: fastest playback.
        reverse: whether runs may go backwards.
    """
    fastest = min(max_rate, (clip_length - 1) // max(length - 1, 1))
    if fastest < 1:
        return None
    rate = int(rng.integers(1, fastest + 1))
    start = int(rng.integers(0, clip_length - (length - 1) * rate))
    picked = start + rate * np.arange(length)
    return picked[::-1].copy() if reverse and rng.random() < 0.5 else picked
