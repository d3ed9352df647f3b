"""The stage that teaches a background to go on (`model/background.py`), by the pictures it gives.

The detector and the predictor stay as they are. The loss is that of `picture_loss` rather than
L_rec: a still scene counts as much as a lively one, and sharpness counts beside the error.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.tkn import TKN
from tkn_ros.training.processes import Processes
from tkn_ros.training.sampler import Augmentation, ClipSampler
from tkn_ros.training.stage import Schedule, Stage

TINY_ERROR = 1e-5  # mean squared error below which less is no better: 50 dB
SSIM_SHARE = 3.0  # 0.01 of SSIM weighs as 0.13 dB of PSNR
SSIM_WINDOW = 7  # [pixel]


def picture_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """PSNR and SSIM as a loss: frames (B, m, 3, H, W) in [0, 1] twice -> one number.

    The logarithm of every frame's mean squared error, less SSIM_SHARE times the SSIM of the grey
    pictures (with a flat window, which is faster and nearly the same).
    """
    error = (drawn - real).square().mean((2, 3, 4))  # (B, m)
    return torch.log(error + TINY_ERROR).mean() - SSIM_SHARE * _ssim(drawn, real)


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, SSIM_WINDOW, 1)

    a, b = (x.flatten(0, 1).mean(1, keepdim=True) for x in (a, b))  # (B*m, 1, H, W)
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    alike = (
        (2 * mean_a * mean_b + 0.01**2)
        * (2 * both + 0.03**2)
        / ((mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2))
    )
    return alike.mean()


class BackgroundPass(nn.Module):
    """A model of which only the background learns; alone: as if no keypoint moved, much faster."""

    def __init__(self, model: TKN, alone: bool = False):
        super().__init__()
        self.background = model.background
        self.model, self.alone = [model], alone  # a list hides the other parameters

    def forward(self, frames: Tensor) -> Tensor:
        """(B, n + m, 3, H, W) -> the last m of them as predicted from the first n."""
        (model,) = self.model
        n = model.config.window
        observed, m = frames[:, :n], frames.shape[1] - n
        if self.alone:
            features = [observed[:, -1]]
            b, _, height, width = features[0].shape
            change = features[0].new_zeros(b, m, 5, height, width)
        else:
            with torch.no_grad():
                keypoints, features = model.encode(observed)
                change = model.detector.change(model.predict_keypoints(keypoints, m), features)
        return model.render_change(change, model.render_context(features, observed))


def background_stage(
    model: TKN,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 8,
    ahead: int = 10,
    seed: int = 0,
    weights: Sequence[float] | None = None,
    augmentation: Augmentation | None = None,
    processes: Processes | None = None,
    alone: bool = False,
) -> Stage:
    """Needs clips of at least window + ahead frames; ValueError at the first step without one."""
    p, n = processes or Processes(), model.config.window
    sampler = ClipSampler(clips, seed, weights, augmentation, p.rank, p.count)

    def loss(net: nn.Module, frames: Tensor) -> Tensor:  # frames: (B, n + m, 3, H, W)
        return picture_loss(net(frames).float(), frames[:, n:])

    return Stage(
        'background',
        model.background,
        lambda step: sampler.at(step).windows(batch, n + ahead),
        loss,
        schedule,
        seed,
        processes,
        BackgroundPass(model, alone),
    )
