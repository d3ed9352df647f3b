"""How well a model predicts a clip, beside repeating the clip's last observed frame."""

import numpy as np
import torch

from tkn_ros.learning.clips import to_tensor
from tkn_ros.learning.metrics import psnr, ssim
from tkn_ros.model.tkn import TKN

PSNR_CAP = 60.0  # [dB] for equal frames
NAMES = ('psnr', 'ssim', 'psnr_repeat_last', 'ssim_repeat_last')


@torch.inference_mode()
def evaluate_clip(model: TKN, clip: np.ndarray, horizon: int = 10, most: int = 20) -> np.ndarray:
    """Figures of one clip at the model's own size: (horizon, 4) in the order of `NAMES`.

    clip: (T, H, W, 3) uint8, H and W the model's. `most` windows at most, evenly spread, each
    with its whole future; ValueError where the clip is too short for one. Means over windows.
    """
    n = model.config.window
    room = len(clip) - n - horizon
    if room < 0:
        raise ValueError(f'the clip has {len(clip)} frames, expected at least {n + horizon} '
                         f'(window {n} + horizon {horizon})')
    figures = []
    for start in np.unique(np.linspace(0, room, most).astype(int)):
        window = to_tensor(clip[start:start + n]).to(next(model.parameters()).device)[None]
        frames, _ = model(window, horizon)  # (1, m, 3, H, W)
        drawn = frames[0].clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        last = clip[start + n - 1] / 255.0
        future = clip[start + n:start + n + horizon] / 255.0
        figures.append([[min(psnr(p, t), PSNR_CAP), ssim(p, t), min(psnr(last, t), PSNR_CAP),
                         ssim(last, t)] for p, t in zip(drawn, future)])
    return np.mean(figures, 0)  # over windows
