"""The stage in which the motion detector learns where something moves."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.inference import to_tensor
from tkn_ros.model.motion_detector import EARLIER, STRIDE, MotionDetector
from tkn_ros.training.augmentation import add_noise, recolour
from tkn_ros.training.following_data import Preparation, resized, spread
from tkn_ros.training.motion_labels import MotionLabels
from tkn_ros.training.sampler import DEFAULT_SAMPLING, ClipSampler, Sampling
from tkn_ros.training.stage import Schedule, Stage

MOST_LABELS = 4000  # frames: 20 MB of labels
ZOOMED = 0.6  # share of the examples that are cut or shrunk ..
SHRUNK = 0.35  # .. and of those the share that is shrunk, its outside mirrored ..
LARGEST = 1.8  # .. up to so many times


class MotionExamples:
    """Labelled frames, and random examples of them.

    Args:
        clips: (T, H, W, 3) uint8 each.
        size: (height, width) of the detector's input.
        preparation: whose time is used.
        sampling: of the frames and the examples; of its augmentation flip, crop, colours,
            brightness, grey, hold and noise.
        most: frames that get labels.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        size: tuple[int, int],
        preparation: Preparation,
        sampling: Sampling = DEFAULT_SAMPLING,
        most: int = MOST_LABELS,
    ) -> None:
        self.clips, self.size, self.augmentation = clips, size, sampling.augmentation
        self.numbers: list[list[int]] = [[] for _ in clips]  # of the labelled frames
        self.labels: list[list[np.ndarray]] = [[] for _ in clips]
        first = max(EARLIER)
        labels = MotionLabels(size[0] // STRIDE, size[1] // STRIDE)
        counts = [max(0, len(clip) - first) for clip in clips]
        most = min(most, sum(counts))
        with preparation.bar('where things move', most, 'frame') as bar:
            for clip, number in spread(counts, sampling.weights_of(clips), sampling.seed):
                self.numbers[clip].append(first + number)
                self.labels[clip].append(labels.at(clips[clip], first + number))
                bar.update()
                if bar.n >= most or preparation.over:
                    break
        self._sampler = sampling.sampler(self.numbers)

    def batch(self, batch: int, step: int) -> tuple[Tensor, Tensor]:
        """Frames (B, 3, 3, H, W) as `MotionDetector` takes them, and maps (B, H/2, W/2)."""
        sampler, frames, maps = self._sampler.at(step), [], []
        for clip in sampler.draw(batch, 1):
            k = int(sampler.rng.integers(len(self.numbers[clip])))
            number = self.numbers[clip][k]
            picked = [self.clips[clip][number - back] for back in (0, *EARLIER)]
            example = self._augment(resized(picked, *self.size), self.labels[clip][k], sampler)
            frames.append(example[0])
            maps.append(example[1])
        return to_tensor(np.stack(frames)), torch.from_numpy(np.stack(maps)).float() / 255

    def _augment(
        self, frames: np.ndarray, label: np.ndarray, sampler: ClipSampler
    ) -> tuple[np.ndarray, np.ndarray]:
        """(3, H, W, 3) uint8 and (H/2, W/2) uint8."""
        a, rng = self.augmentation, sampler.rng
        if a.flip and rng.random() < 0.5:
            frames, label = frames[:, :, ::-1], label[:, ::-1]
        if a.crop and rng.random() < ZOOMED:
            frames, label = _zoom(frames, label, a.crop, rng)
        frames = recolour(frames, a, rng)
        if a.hold and rng.random() < a.hold:
            frames, label = np.repeat(frames[:1], len(frames), 0), np.zeros_like(label)
        return np.ascontiguousarray(add_noise(frames, a, rng)), np.ascontiguousarray(label)


def motion_stage(
    detector: MotionDetector,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 12,
    sampling: Sampling = DEFAULT_SAMPLING,
    most: int = MOST_LABELS,
) -> Stage:
    """The detector learns to say what optical flow says, from three frames.

    Args:
        detector: the network that learns.
        clips: (T, H, W, 3) uint8 each, of the prepared size.
        schedule: steps and rates; the labels take a part of its time.
        batch: examples of a step.
        sampling: of the examples.
        most: frames that get labels.
    """
    preparation = Preparation(schedule, sampling.processes.is_main)
    size = detector.config.height, detector.config.width
    examples = MotionExamples(clips, size, preparation, sampling, most)

    def loss(net: nn.Module, both: tuple[Tensor, Tensor]) -> Tensor:
        frames, maps = both
        return F.binary_cross_entropy_with_logits(net(frames).float(), maps)

    return Stage(
        'motion',
        detector,
        lambda step: examples.batch(batch, step),
        loss,
        preparation.schedule,
        sampling.seed,
        sampling.processes,
        half_on_cpu=True,
    )


def _zoom(
    frames: np.ndarray, label: np.ndarray, most: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frames (3, H, W, 3) and label (H/2, W/2), both cut and enlarged, or shrunk, in one way."""
    shrunk = rng.random() < SHRUNK
    scale = rng.uniform(1, LARGEST) if shrunk else 1 - rng.uniform(0, most)
    shift = rng.uniform(-0.5, 0.5, 2) * abs(1 - scale)  # of the picture's width and height

    def warped(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        side = np.array([width, height])
        offset = (side - 1) / 2 * (1 - scale) + shift * side
        return cv2.warpAffine(
            np.ascontiguousarray(image),
            np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float32),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )

    return np.stack([warped(f) for f in frames]), warped(label)
