"""Between pictures and tensors."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(frames: np.ndarray) -> Tensor:
    """(.., H, W, 3) uint8 -> (.., 3, H, W) float32 in [0, 1]."""
    if not frames.flags.writeable:  # mapped from a file: torch shares memory only if it may write
        frames = frames.copy()
    # contiguous: convolutions of few channels train a third slower with channels innermost
    return torch.from_numpy(frames).movedim(-1, -3).contiguous().float() / 255


def to_images(frames: Tensor) -> np.ndarray:
    """(m, 3, H, W) in [0, 1] -> (m, H, W, 3) uint8."""
    return (frames.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
