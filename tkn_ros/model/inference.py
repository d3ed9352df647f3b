"""A network on pictures: arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tkn_ros.model.tkn import TKN


def to_tensor(frames: np.ndarray) -> Tensor:
    """(.., H, W, 3) uint8 -> (.., 3, H, W) float32 in [0, 1]."""
    if not frames.flags.writeable:  # mapped from a file: torch shares memory only if it may write
        frames = frames.copy()
    # contiguous: convolutions of few channels train a third slower with channels innermost
    return torch.from_numpy(frames).movedim(-1, -3).contiguous().float() / 255


def to_images(frames: Tensor) -> np.ndarray:
    """(m, 3, H, W) in [0, 1] -> (m, H, W, 3) uint8."""
    return (frames.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def to_unit_images(frames: Tensor) -> np.ndarray:
    """(m, 3, H, W) -> (m, H, W, 3) float32 in [0, 1]."""
    return frames.clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()


@dataclass(frozen=True)
class RunPrediction:
    """What a network makes of one window.

    Attributes:
        observed: (1, n, K, 3), the window's keypoints.
        context: what `TKN.render` needs beside keypoints.
        predicted: (1, m, K, 3), the keypoints to come.
        frames: (m, 3, H, W), drawn from them; about [0, 1], not clipped.
    """

    observed: Tensor
    context: list[Tensor]
    predicted: Tensor
    frames: Tensor


@torch.inference_mode()
def predict_run(model: TKN, observed: np.ndarray, horizon: int) -> RunPrediction:
    """Encode a window, predict and render, on the model's device.

    Args:
        model: in evaluation mode.
        observed: (n, H, W, 3) uint8 of the model's size.
        horizon: m, frames to predict.
    """
    window = to_tensor(np.ascontiguousarray(observed)).to(next(model.parameters()).device)
    keypoints, context = model.observe(window[None])
    predicted = model.predict_keypoints(keypoints, horizon)
    return RunPrediction(keypoints, context, predicted, model.render(predicted, context)[0])
