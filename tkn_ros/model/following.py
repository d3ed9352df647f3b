"""TKN with followed keypoints: the form of the bundled weights. Ours, beyond the paper.

Three networks, each used by itself: a motion detector that proposes where to put keypoints, the
paper's transformer encoder as a predictor of followed tracks, and the background network,
which sees where the keypoints are predicted to move. Between the first two a follower
(`streaming/follower.py`), which is not a network, tracks the points.
"""

import torch
from torch import Tensor, nn

from tkn_ros.model.background import BackgroundNet, apply_drift, statistics
from tkn_ros.model.motion_detector import MotionDetector
from tkn_ros.model.motion_maps import MOTION_MAPS
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.model.track_predictor import TrackPredictor


class FollowingTKN(nn.Module):
    """Motion detector, track predictor and background network.

    Args:
        config: with `following` and `background`; its detector and predictor, which are the
            paper's, are not used.
    """

    def __init__(self, config: TKNConfig) -> None:
        super().__init__()
        if config.following is None or config.background is None:
            raise ValueError('followed keypoints need both following and background in the config')
        self.config = config
        self.following = config.following
        self.motion = MotionDetector(self.following.detector)
        self.tracks = TrackPredictor(self.following.predictor)
        self.background = BackgroundNet(config.background, MOTION_MAPS)

    def drift(self, frames: Tensor, maps: Tensor) -> Tensor:
        """How the newest frame changes over the horizon.

        Args:
            frames: (B, n, 3, H, W) in [0, 1], the window.
            maps: (B, MOTION_MAPS, H, W) of `motion_maps`.

        Returns:
            (B, 13, H, W), see `BackgroundNet`.
        """
        return self.background(torch.cat([statistics(frames), maps], 1))

    def render(self, frames: Tensor, drift: Tensor, horizon: int) -> Tensor:
        """The window and its drift -> the next frames (B, horizon, 3, H, W) in [0, 1].

        Args:
            frames: (B, n, 3, H, W) in [0, 1], the window.
            drift: of the method `drift`, (B, 13, H, W).
            horizon: m, frames to draw.
        """
        source = torch.cat([frames[:, -1], frames.mean(1)], 1)  # (B, 6, H, W)
        steps = torch.arange(1, horizon + 1, device=drift.device, dtype=drift.dtype)
        return apply_drift(source, drift, self.config.window, steps)
