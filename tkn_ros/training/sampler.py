"""Training clips in memory, and the random pairs and windows that are drawn from them."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from tkn_ros.model.inference import to_tensor
from tkn_ros.training.processes import Processes

MAX_RATE = 3  # fastest playback


@dataclass(frozen=True)
class Augmentation:
    """What may change an example, in the same way for all of its frames, so that time stays whole.

    Attributes:
        flip: mirrored left to right.
        reverse: played backwards.
        max_rate: played up to so many times faster.
        crop: up to this share of each side is cut away (at random places) and the rest is enlarged.
        brightness: strength of the change of contrast and brightness, 1 being plus or minus 40 %.
        colours: order of the channels.
        grey, hold: shares of the examples that lose their colours, and in which nothing moves.
        turn: share of the windows in which all that moves stops, or turns back, at a random moment.
        noise: a camera's, up to this standard deviation (of 255), in three of ten examples.

    flip, brightness and colours apply to every second example.
    """

    flip: bool = True
    reverse: bool = True
    max_rate: int = MAX_RATE
    crop: float = 0.0
    brightness: float = 1.0
    colours: bool = True
    grey: float = 0.0
    hold: float = 0.0
    turn: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.grey, self.hold, self.turn)):
            raise ValueError(
                f'grey is {self.grey}, hold {self.hold} and turn {self.turn}, '
                'expected shares from 0 to 1'
            )
        if not 0 <= self.noise <= 255:
            raise ValueError(f'noise is {self.noise}, expected 0 to 255')
        if self.max_rate < 1:
            raise ValueError(f'max_rate is {self.max_rate}, expected at least 1')
        if not 0 <= self.crop < 1 or not 0 <= self.brightness <= 2:
            raise ValueError(
                f'crop is {self.crop} and brightness {self.brightness}, expected 0 up '
                'to 1 and 0 to 2'
            )


class ClipSampler:
    """Random training examples from clips of (T, H, W, 3) uint8, each with augmentation.

    Clips are drawn by `weights`. Example i of batch number `step` depends on (seed, step, i) and on
    nothing else: a run that goes on at some step, or is spread over `count` processes of which each
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
        weights: Sequence[float] | None = None,
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
            yield i, draw_window(int(self.lengths[i]), length, self.rng, a.max_rate, a.reverse)

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


def make_sampler(
    clips: Sequence[np.ndarray],
    seed: int,
    weights: Sequence[float] | None,
    augmentation: Augmentation | None,
    processes: Processes | None,
) -> ClipSampler:
    """A `ClipSampler` of this process's part of every batch; None: the default of each.

    Args:
        clips: (T, H, W, 3) uint8 each.
        seed: of the random examples.
        weights: how often each clip is drawn, relative to the others; None: all alike.
        augmentation: of the examples; None: the default.
        processes: that share a step; None: this one alone.
    """
    p = processes or Processes()
    return ClipSampler(clips, seed, weights, augmentation, p.rank, p.count)


def recolour(frames: np.ndarray, a: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Order of the channels, contrast, brightness and loss of the colours: uint8 to uint8.

    Args:
        frames: (.., 3) uint8.
        a: says which, and how often.
        rng: the source of randomness.
    """
    if a.colours and rng.random() < 0.5:
        frames = frames[..., rng.permutation(3)]
    if a.brightness and rng.random() < 0.5:
        gain = rng.uniform(1 - 0.4 * a.brightness, 1 + 0.4 * a.brightness)
        offset = rng.uniform(-40, 40) * a.brightness
        table = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
        frames = table[frames]
    if a.grey and rng.random() < a.grey:
        frames = np.repeat(np.rint(frames.mean(-1, keepdims=True)).astype(np.uint8), 3, -1)
    return frames


def add_noise(frames: np.ndarray, a: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """That of a camera, in three of ten cases: uint8 to uint8."""
    if not a.noise or rng.random() >= 0.3:
        return frames
    noisy = frames + rng.normal(0, rng.uniform(0, a.noise), frames.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def crop_at_random(
    frames: np.ndarray, most: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random part of every frame with the frame's proportions, enlarged to its size.

    Returns the frames, and the part's corner and size (x, y) as shares of the frame.

    Args:
        frames: (T, H, W, 3) uint8.
        most: share of each side that is cut away at most.
        rng: the source of randomness.
    """
    height, width = frames.shape[1:3]
    share = 1 - rng.uniform(0, most)
    h, w = max(1, round(height * share)), max(1, round(width * share))
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    enlarged = [
        cv2.resize(
            np.ascontiguousarray(f[y : y + h, x : x + w]),
            (width, height),
            interpolation=cv2.INTER_LINEAR,
        )
        for f in frames
    ]
    return np.stack(enlarged), np.array([x / width, y / height]), np.array([w / width, h / height])


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
