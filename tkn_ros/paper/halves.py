"""Table IV: the networks with keypoints, cut into detector and predictor.

The detector's half encodes the window and draws the horizon; its keypoints stand still. The
predictor's half goes from the window's keypoints to the horizon's.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from tkn_ros.baselines.grid_keypoint import GridKeypoint
from tkn_ros.baselines.struct_vrnn import StructVRNN
from tkn_ros.model.tkn import TKN
from tkn_ros.model.variants.frame_by_frame import FrameByFrame
from tkn_ros.paper.contenders import Task, build_contender


class StillKeypoints(nn.Module):
    """In place of a dynamics network: the newest keypoints (B, .., ..) at every step."""

    def forward(self, observed: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        known = observed[:, -1:].expand(-1, steps, *[-1] * (observed.dim() - 2))
        return known, observed.new_zeros(())


class StillGrids(nn.Module):
    """The same for Grid-Keypoint, whose dynamics give a list."""

    def forward(self, observed: Tensor, steps: int, first: int = 0) -> tuple[list[Tensor], Tensor]:
        return [observed[:, -1]] * (steps - first), observed.new_zeros(())


class Predict(nn.Module):
    """A TKN's predictor alone: (B, n, K, 3) -> (B, horizon, K, 3)."""

    def __init__(self, model: TKN) -> None:
        super().__init__()
        self.predictor, self.roll = model.predictor, model.predict_keypoints

    def forward(self, keypoints: Tensor, horizon: int) -> Tensor:
        return self.roll(keypoints, horizon)


@dataclass(frozen=True)
class Half:
    """A module, the shape of what goes in, and what is said beside it."""

    module: nn.Module
    shape: tuple[int, ...]
    steps: int

    def call(self) -> Callable[[], object]:
        """One pass."""
        device = next(self.module.parameters()).device
        inputs = torch.rand(self.shape, device=device)

        @torch.inference_mode()
        def run() -> None:
            self.module(inputs, self.steps)
            if device.type != 'cpu':
                torch.cuda.synchronize(device)

        return run


def halves_of(network: str, task: Task) -> tuple[Half, Half]:
    """Detector and predictor of a line of Table IV.

    Args:
        network: a key of `TABLE_4`.
        task: the setting.
    """
    whole = build_contender(network, task)
    n, m = task.window, task.horizon
    detector = copy.deepcopy(whole)
    if isinstance(whole, StructVRNN):
        detector.dynamics = StillKeypoints()
        predictor = Half(whole.dynamics, (1, n, 3 * whole.config.keypoints), n + m)
    elif isinstance(whole, GridKeypoint):
        detector.dynamics = StillGrids()
        grid = whole.config.keypoints, task.side, task.side
        predictor = Half(whole.dynamics, (1, n, *grid), n + m)
    else:
        model = whole.model if isinstance(whole, FrameByFrame) else cast(TKN, whole)
        emptied = detector.model if isinstance(detector, FrameByFrame) else detector
        emptied.add_module('predictor', nn.Identity())  # the next window is this one
        predictor = Half(Predict(model), (1, n, model.config.detector.keypoints, 3), m)
    return Half(detector, task.shape, m), predictor
