"""The stages that learn by the predicted pictures: background network and finetuning.

The loss is that of `picture_loss` rather than L_rec: a still scene counts as much as a lively one,
and sharpness counts beside the error.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.tkn import TKN
from tkn_ros.training.sampler import DEFAULT_SAMPLING, Sampling
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
    """A window to its predicted frames, for the training of the background network alone.

    Args:
        model: with a background network.
        still_keypoints: as if no keypoint moved, which is much faster.
    """

    def __init__(self, model: TKN, still_keypoints: bool = False) -> None:
        super().__init__()
        self.model, self.still_keypoints = model, still_keypoints

    def forward(self, frames: Tensor) -> Tensor:
        """(B, n + m, 3, H, W) -> the last m of them as predicted from the first n."""
        model, n = self.model, self.model.config.window
        observed, m = frames[:, :n], frames.shape[1] - n
        if self.still_keypoints:
            features = [observed[:, -1]]
            b, _, height, width = features[0].shape
            change = features[0].new_zeros(b, m, 5, height, width)
        else:
            with torch.no_grad():
                keypoints, features = model.encode(observed)
                change = model.detector.change(model.predict_keypoints(keypoints, m), features)
        return model.render_change(change, model.render_context(features, observed))


class WholePass(nn.Module):
    """A window to its predicted frames by the whole model."""

    def __init__(self, model: TKN) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        """(B, n + m, 3, H, W) -> the last m of them as predicted from the first n."""
        n = self.model.config.window
        return self.model(frames[:, :n], frames.shape[1] - n)[0]


def background_stage(
    model: TKN,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 8,
    ahead: int = 10,
    sampling: Sampling = DEFAULT_SAMPLING,
    still_keypoints: bool = False,
    name: str = 'background',
) -> Stage:
    """The background network learns, by `picture_loss`.

    Args:
        model: with a background network; everything else of it stays as it is.
        clips: (T, H, W, 3) uint8 each, some of at least window + ahead frames; ValueError at the
            first step without one.
        schedule: steps and rates.
        batch: windows of a step.
        ahead: frames predicted.
        sampling: of the examples.
        still_keypoints: see `BackgroundPass`.
        name: of the stage.
    """
    net = BackgroundPass(model, still_keypoints)
    assert model.background is not None  # `Settings.check_stages` has looked
    return _picture_stage(name, model.background, net, clips, schedule, batch, ahead, sampling)


def finetune_stage(
    model: TKN,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 4,
    ahead: int = 10,
    sampling: Sampling = DEFAULT_SAMPLING,
) -> Stage:
    """Predictor, decoder and background network learn by `picture_loss` to share the work.

    The encoder stays as it is, and with it what the keypoints are. Arguments as for
    `background_stage`.

    Args:
        model: the network.
        clips: (T, H, W, 3) uint8 each.
        schedule: steps and rates.
        batch: examples of a step.
        ahead: frames predicted.
        sampling: of the examples.
    """
    assert model.background is not None  # `Settings.check_stages` has looked
    parts = nn.ModuleList([model.predictor, model.detector.decoder, model.background])
    net = WholePass(model)
    return _picture_stage('finetune', parts, net, clips, schedule, batch, ahead, sampling)


def _picture_stage(
    name: str,
    module: nn.Module,
    net: BackgroundPass | WholePass,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int,
    ahead: int,
    sampling: Sampling,
) -> Stage:
    n, sampler = net.model.config.window, sampling.sampler(clips)

    def loss(net: nn.Module, frames: Tensor) -> Tensor:  # frames: (B, n + m, 3, H, W)
        return picture_loss(net(frames).float(), frames[:, n:])

    def make_batch(step: int) -> Tensor:
        return sampler.at(step).windows(batch, n + ahead)

    return Stage(name, module, make_batch, loss, schedule, sampling.seed, sampling.processes, net)
