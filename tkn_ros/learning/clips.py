"""Training clips in memory, and the random pairs and windows that are drawn from them."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

MAX_RATE = 3  # fastest playback


def resize_clip(frames: Iterable[np.ndarray], height: int, width: int) -> np.ndarray:
    """RGB uint8 frames of any size -> (T, height, width, 3) uint8, by area averaging."""
    return np.stack([cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in frames])


def to_tensor(frames: np.ndarray) -> Tensor:
    """(.., H, W, 3) uint8 -> (.., 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(frames).movedim(-1, -3).float() / 255


class ClipSampler:
    """Random training examples from clips of (T, H, W, 3) uint8, each with augmentation.

    Augmentation is the same for all frames of an example: mirror, reverse, playback rate 1 to 3,
    contrast and brightness, order of the colours. Clips are drawn by `weights`.
    """

    def __init__(self, clips: Sequence[np.ndarray], seed: int,
                 weights: Sequence[float] | None = None):
        self.clips = list(clips)
        self.rng = np.random.default_rng(seed)
        w = np.ones(len(clips)) if weights is None else np.asarray(weights, float)
        self.p = w / w.sum()

    def pairs(self, batch: int, max_gap: int) -> tuple[Tensor, Tensor]:
        """Source and target up to `max_gap` frames apart, any playback rate: (B, 3, H, W) twice."""
        out = []
        for i in self.rng.choice(len(self.clips), batch, p=self.p):
            clip = self.clips[i]
            gap = int(self.rng.integers(1, max_gap + 1)) * int(self.rng.integers(1, MAX_RATE + 1))
            gap = min(gap, len(clip) - 1)
            start = int(self.rng.integers(0, len(clip) - gap))
            pair = clip[[start, start + gap]]
            out.append(self._augment(pair[::-1] if self.rng.random() < 0.5 else pair))
        both = to_tensor(np.stack(out))  # (B, 2, 3, H, W)
        return both[:, 0], both[:, 1]

    def windows(self, batch: int, length: int) -> Tensor:
        """Runs of `length` frames: (B, length, 3, H, W). ValueError where no clip has so many."""
        if max(map(len, self.clips)) < length:
            raise ValueError(f'no clip has {length} frames: give longer ones or a shorter window')
        out = []
        while len(out) < batch:
            clip = self.clips[self.rng.choice(len(self.clips), p=self.p)]
            picked = draw_window(len(clip), length, self.rng)
            if picked is not None:
                out.append(self._augment(clip[picked]))
        return to_tensor(np.stack(out))

    def _augment(self, frames: np.ndarray) -> np.ndarray:
        rng = self.rng
        if rng.random() < 0.5:
            frames = frames[:, :, ::-1]
        if rng.random() < 0.5:
            frames = frames[..., rng.permutation(3)]
        if rng.random() < 0.5:
            gain, offset = rng.uniform(0.6, 1.4), rng.uniform(-40, 40)
            table = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
            frames = table[frames]
        return np.ascontiguousarray(frames)


def draw_window(clip_length: int, length: int, rng: np.random.Generator,
                max_rate: int = MAX_RATE) -> np.ndarray | None:
    """Frame numbers of a random run of `length` frames: any playback rate, either direction.

    None where the clip is too short.
    """
    fastest = min(max_rate, (clip_length - 1) // (length - 1))
    if fastest < 1:
        return None
    rate = int(rng.integers(1, fastest + 1))
    start = int(rng.integers(0, clip_length - (length - 1) * rate))
    picked = start + rate * np.arange(length)
    return picked[::-1].copy() if rng.random() < 0.5 else picked
