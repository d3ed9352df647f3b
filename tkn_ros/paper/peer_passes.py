"""What the paper seems to have counted of three peers: more work than a prediction needs."""

import torch
from torch import Tensor, nn

from tkn_ros.baselines.grid_keypoint import GridKeypoint
from tkn_ros.baselines.phydnet import PhyDNet, PhyDNetConfig
from tkn_ros.baselines.slamp import SLAMP
from tkn_ros.baselines.struct_vrnn import StructVRNN


class PhyDNetPass(PhyDNet):
    """Each step draws two further pictures, of each branch alone, as the authors' code does."""

    def __init__(self, config: PhyDNetConfig) -> None:
        super().__init__(config)
        self.add_module('decoder', ThreeTimes(self.decoder))


class ThreeTimes(nn.Module):
    """The same module on the same input, three times."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return [self.module(x) for _ in range(3)][0]


class SLAMPPass(SLAMP):
    """Each frame of the window has its appearance encoded twice: as what came, and as the past."""

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        for frame in frames.unbind(1):
            self.encoder(frame)
        return super().forward(frames, horizon)


class GridKeypointPass(GridKeypoint):
    """All n + m true frames are detected and drawn, the first one looked at anew for each."""

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        whole = _with_future(frames, horizon)
        points, _ = self.detect(whole)
        self.dynamics(self._grids(points), whole.shape[1])
        for frame in whole[:, 1:].unbind(1):
            self.look(frame)
        return self.draw(points, whole[:, 0], points[:, 0])


class StructVRNNPass(StructVRNN):
    """The same of Struct-VRNN."""

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        whole = _with_future(frames, horizon)
        keypoints = self.detect(whole)
        self.dynamics(keypoints.flatten(2), whole.shape[1])
        for frame in whole[:, 1:].unbind(1):
            self.look(frame)
        return self.draw(keypoints, whole[:, 0], keypoints[:, 0])


def _with_future(frames: Tensor, horizon: int) -> Tensor:
    """(B, n, C, H, W) -> (B, n + horizon, C, H, W); what they show does not matter."""
    last = frames[:, -1:].expand(-1, horizon, -1, -1, -1)
    return torch.cat([frames, last], 1)
