"""What a backend's rounding costs: its pictures against the truth, beside the reference's."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backend import Backend
from tkn_ros.video.synthetic import render_clip

MAX_LOSS = 0.05  # [dB] that a backend may lose and still be chosen by `auto`
CAP = 60.0  # [dB] that equal frames count as


def synthetic_clips(model: TKN, window: int, horizon: int, count: int = 2) -> list[np.ndarray]:
    """Moving scenes of the network's size to judge on where there are no real ones.

    (window + horizon, H, W, 3) uint8 each, the same at every call.
    """
    side = max(16, model.config.height), max(16, model.config.width)
    return [np.stack(list(render_clip(seed, window + horizon, *side, 15.0, 'random')))
            [:, :model.config.height, :model.config.width] for seed in range(count)]


def predict_clip(backend: Backend, clip: np.ndarray, window: int) -> np.ndarray:
    """(n + m, H, W, 3) uint8 -> the m frames predicted from the first n, one encoded at a time."""
    keypoints = []
    for frame in clip[:window]:
        newest, features = backend.encode(np.ascontiguousarray(frame[None]))
        keypoints.append(newest)
    observed = torch.stack(keypoints, 1)  # (1, n, K, 3)
    predicted = backend.predict(observed, len(clip) - window)
    return backend.draw(predicted, newest, features,
                        np.ascontiguousarray(clip[None, window - 1]))[0]


def psnr(predicted: np.ndarray, truth: np.ndarray) -> float:
    """[dB], for each frame and then averaged; equal frames count as CAP."""
    error = np.mean((predicted / 255.0 - truth / 255.0) ** 2, axis=(1, 2, 3))
    return float(np.mean(np.minimum(CAP, -10 * np.log10(np.maximum(error, 1e-12)))))


def figures(backend: Backend, clips: Sequence[np.ndarray], window: int,
            measure: Callable[[np.ndarray, np.ndarray], float] = psnr) -> float:
    """The mean over the clips of `measure(predicted, truth)`."""
    return float(np.mean([measure(predict_clip(backend, clip, window), clip[window:])
                          for clip in clips]))
