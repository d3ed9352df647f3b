"""What a backend's rounding costs: its pictures against the truth, beside the reference's."""

from collections.abc import Sequence

import numpy as np
import torch

from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import Backend, render_context
from tkn_ros.video.metrics import clip_psnr

MAX_LOSS = 0.05  # [dB] that a backend may lose and still be chosen by `auto`


def synthetic_clips(model: TKN, window: int, horizon: int) -> list[np.ndarray]:
    """Moving scenes of the network's size to judge on where there are no real ones.

    (window + horizon, H, W, 3) uint8 each, the same at every call: a street seen by a camera that
    stands still, and one that does not.

    Args:
        model: the network.
        window: n, frames observed.
        horizon: m, frames to predict.
    """
    from tkn_ros.synthetic.render import render_clip  # only where there is something to try

    height, width = model.config.height, model.config.width
    return [
        np.stack(
            list(render_clip(1, window + horizon, max(16, height), max(16, width), 15.0, kind))
        )[:, :height, :width]
        for kind in ('demo', 'random')
    ]


def predict_clip(backend: Backend, clip: np.ndarray, window: int) -> np.ndarray:
    """(n + m, H, W, 3) uint8 -> the m frames predicted from the first n, one encoded at a time.

    Args:
        backend: what runs the network.
        clip: (n + m, H, W, 3) uint8.
        window: n, frames observed.
    """
    keypoints = []
    for frame in clip[:window]:
        newest, features = backend.encode(np.ascontiguousarray(frame[None]))
        keypoints.append(newest)
    observed = torch.stack(keypoints, 1)  # (1, n, K, 3)
    predicted = backend.predict(observed, len(clip) - window)
    features, source = render_context(backend, features, np.ascontiguousarray(clip[None, :window]))
    return backend.render(predicted, newest, features, source)[0]


def quality_loss(
    drawn: Sequence[np.ndarray], reference: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> float:
    """What a backend's pictures lose against the reference's [dB], mean over clips.

    Of each clip the worse of two: the loss on this very clip, and that which the backend's rounding
    would cost where it has nothing to do with the reference's own error. By chance the two may
    cancel, which they will not on the next clip.

    Args:
        drawn: frames of each clip, by the backend.
        reference: the same, by the reference.
        truth: the true frames of each clip.
    """
    losses = []
    for mine, right, true in zip(drawn, reference, truth):
        rounding, error = (float(np.mean((a / 255.0 - right / 255.0) ** 2)) for a in (mine, true))
        expected = 10 * np.log10(1 + rounding / max(error, 1e-6))
        losses.append(max(clip_psnr(right, true) - clip_psnr(mine, true), expected))
    return float(np.mean(losses))
