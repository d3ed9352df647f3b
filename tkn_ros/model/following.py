"""TKN with followed keypoints: the form of the bundled weights. Ours, beyond the paper.

Three networks, each used by itself: a motion detector that proposes where to put keypoints, the
paper's transformer encoder as a predictor of followed tracks, and the background that goes on,
which sees where the keypoints are predicted to move. Between the first two stands a follower
(`streaming/follower.py`), which is no network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tkn_ros.model.background import BackgroundNet, add_drift, statistics
from tkn_ros.model.motion_detector import MotionDetector, MotionDetectorConfig
from tkn_ros.model.motion_maps import MOTION_MAPS
from tkn_ros.model.track_predictor import TrackPredictor, TrackPredictorConfig
from tkn_ros.model.warp import apply_change

if TYPE_CHECKING:
    from tkn_ros.model.tkn import TKNConfig  # it holds a FollowingConfig

MAX_KEYPOINTS = 256


@dataclass(frozen=True)
class FollowingConfig:
    """Hyper-parameters of the three networks.

    Attributes:
        keypoints: K, how many points are followed at most.
        detector: of motion.
        predictor: of tracks.
    """

    keypoints: int = 32
    detector: MotionDetectorConfig = field(default_factory=MotionDetectorConfig)
    predictor: TrackPredictorConfig = field(default_factory=TrackPredictorConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.keypoints <= MAX_KEYPOINTS:
            raise ValueError(f'keypoints is {self.keypoints}, expected 1 to {MAX_KEYPOINTS}')


class FollowingTKN(nn.Module):
    """Motion detector, track predictor and background that goes on.

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
        """How the newest frame goes on.

        Args:
            frames: (B, n, 3, H, W) in [0, 1], the window.
            maps: (B, MOTION_MAPS, H, W) of `motion_maps`.

        Returns:
            (B, 13, H, W), see `BackgroundNet`.
        """
        return self.background(torch.cat([statistics(frames), maps], 1))

    def render(self, frames: Tensor, drift: Tensor, horizon: int) -> Tensor:
        """The window (B, n, 3, H, W) and its drift -> the next frames (B, horizon, 3, H, W)."""
        b, _, _, height, width = frames.shape
        still = drift.new_zeros(b, horizon, 5, *drift.shape[-2:])  # no keypoint draws a change
        change = add_drift(still, drift, self.config.window)  # (B, m, 6, h, w)
        source = torch.cat([frames[:, -1], frames.mean(1)], 1)  # (B, 6, H, W)
        source = source[:, None].expand(-1, horizon, -1, -1, -1)
        return apply_change(change.flatten(0, 1), source.flatten(0, 1)).unflatten(0, (b, horizon))
