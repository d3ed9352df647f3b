"""The stage of networks without keypoints: they learn by the loss of their own paper."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline
from tkn_ros.training.sampler import DEFAULT_SAMPLING, Sampling
from tkn_ros.training.stage import Schedule, Stage


class LossPass(nn.Module):
    """A run of frames to the network's loss, as a forward pass, which several processes need."""

    def __init__(self, model: Baseline) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, progress: float) -> Tensor:
        """(B, n + m, 3, H, W) and the progress of the training from 0 to 1 -> a scalar."""
        return self.model.loss(frames, self.model.config.window, progress)


def frames_stage(
    model: Baseline,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 8,
    ahead: int = 10,
    sampling: Sampling = DEFAULT_SAMPLING,
) -> Stage:
    """The whole network learns, from runs of window + ahead frames.

    Args:
        model: the network.
        clips: (T, H, W, 3) uint8 each, some of at least window + ahead frames; ValueError at the
            first step without one.
        schedule: steps and rates.
        batch: runs of a step.
        ahead: frames predicted.
        sampling: of the examples.
    """
    sampler, length = sampling.sampler(clips), model.config.window + ahead

    def make_batch(step: int) -> Tensor:
        return sampler.at(step).windows(batch, length)

    def loss(net: nn.Module, frames: Tensor) -> Tensor:  # frames: (B, n + m, 3, H, W)
        return net(frames, stage.progress)

    seed, processes, net = sampling.seed, sampling.processes, LossPass(model)
    stage = Stage('frames', model, make_batch, loss, schedule, seed, processes, net)
    return stage
