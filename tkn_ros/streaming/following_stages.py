"""The stages of networks with followed keypoints: see `stages.py`.

detect: camera frames -> where something moves. tracks: followed points -> where they go. drift: a
window of frames and where its keypoints go -> how the newest frame goes on. compose: frames as
bytes. K is the number of keypoints, n the window, m the number of frames drawn.
"""

import torch
from torch import Tensor, nn

from tkn_ros.model.background import apply_drift
from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.motion_maps import motion_maps
from tkn_ros.streaming.stages import dtype_of, frozen_copy, to_bytes, to_float


class Detect(nn.Module):
    """(B, 3, H, W, 3) uint8: newest frame, those 1 and 3 before -> (B, H/2, W/2) in [0, 1]."""

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.net = frozen_copy(model.motion)

    def forward(self, frames: Tensor) -> Tensor:
        images = frames.permute(0, 1, 4, 2, 3).to(dtype_of(self)) / 255  # (B, 3, 3, H, W)
        return torch.sigmoid(self.net(images).float())


class Tracks(nn.Module):
    """Where followed points go next, with standard deviations."""

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.net = frozen_copy(model.tracks)

    def forward(self, tracks: Tensor, known: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """The next n positions (B, n, K, 2) and their standard deviations (B, n, K).

        Args:
            tracks: (B, n, K, 2) float32 positions.
            known: (B, n, K) float32, 1 where a position was seen, else 0.
            present: (B, K) float32, 1 for points that are there, else 0.
        """
        mean, _, sigma = self.net(tracks, known > 0.5, present > 0.5)
        return mean, sigma


class Drift(nn.Module):
    """How the newest frame changes over the horizon, given where its keypoints go."""

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.model: FollowingTKN = frozen_copy(model)

    def forward(self, frames: Tensor, keypoints: Tensor, active: Tensor) -> Tensor:
        """The drift, (B, 13, H, W).

        Args:
            frames: (B, n, H, W, 3) uint8, the window.
            keypoints: (B, 3, K, 2), as of `motion_maps`.
            active: (B, K), as of `motion_maps`.
        """
        window = frames.permute(0, 1, 4, 2, 3).float() / 255  # (B, n, 3, H, W)
        maps = motion_maps(keypoints, active, *window.shape[-2:])
        return self.model.drift(window, maps)


class Compose(nn.Module):
    """Predicted frames as bytes."""

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.window = model.config.window

    def forward(self, source: Tensor, drift: Tensor, steps: Tensor) -> Tensor:
        """Frames (B, m, H, W, 3) uint8.

        Args:
            source: (B, H, W, 6) uint8, newest frame and mean of the window, at any size.
            drift: of the stage `Drift`, (B, 13, h, w).
            steps: (m,) float32, 1 for the next frame; any.
        """
        images = to_float(source, torch.float32)  # (B, 6, H, W)
        return to_bytes(apply_drift(images, drift, self.window, steps))


def following_stages(model: FollowingTKN) -> dict[str, nn.Module]:
    """'detect', 'tracks', 'drift' and 'compose'."""
    return {
        'detect': Detect(model),
        'tracks': Tracks(model),
        'drift': Drift(model),
        'compose': Compose(model),
    }
