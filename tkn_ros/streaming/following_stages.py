"""The stages of networks with followed keypoints: see `stages.py`.

detect: camera frames -> where something moves. tracks: followed points -> where they go. drift: a
window of frames and where its keypoints go -> how the newest frame goes on. compose: frames as
bytes. K is the number of keypoints, n the window, m the number of frames drawn.
"""

import torch
from torch import Tensor, nn

from tkn_ros.model.background import drift_of_steps
from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.motion_maps import motion_maps
from tkn_ros.model.warp import apply_change
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
    """Tracks (B, n, K, 2), known (B, n, K) and present (B, K), 0 or 1, all float32.

    Gives the next n positions (B, n, K, 2) and their standard deviations (B, n, K).
    """

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.net = frozen_copy(model.tracks)

    def forward(self, tracks: Tensor, known: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        mean, _, sigma = self.net(tracks, known > 0.5, present > 0.5)
        return mean, sigma


class Drift(nn.Module):
    """A window (B, n, H, W, 3) uint8, keypoints (B, 3, K, 2) and active (B, K) as of `motion_maps`.

    Gives the drift, (B, 13, H, W).
    """

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.model: FollowingTKN = frozen_copy(model)

    def forward(self, frames: Tensor, keypoints: Tensor, active: Tensor) -> Tensor:
        window = frames.permute(0, 1, 4, 2, 3).float() / 255  # (B, n, 3, H, W)
        maps = motion_maps(keypoints, active, *window.shape[-2:])
        return self.model.drift(window, maps)


class Compose(nn.Module):
    """Newest frame and mean (B, H, W, 6) uint8, drift and steps (m,) -> (B, m, H, W, 3) uint8.

    steps: float32, 1 for the next frame; any. The picture may have another size than the drift.
    """

    def __init__(self, model: FollowingTKN) -> None:
        super().__init__()
        self.window = model.config.window

    def forward(self, source: Tensor, drift: Tensor, steps: Tensor) -> Tensor:
        images = to_float(source, torch.float32)
        still = drift.new_zeros(drift.shape[0], steps.shape[0], 5, *drift.shape[-2:])
        change = drift_of_steps(still, drift, self.window, steps)  # (B, m, 6, h, w)
        b, m = change.shape[:2]
        images = images[:, None].expand(-1, m, -1, -1, -1)
        drawn = apply_change(change.flatten(0, 1), images.flatten(0, 1))
        return to_bytes(drawn.unflatten(0, (b, m)))


def following_stages(model: FollowingTKN) -> dict[str, nn.Module]:
    """'detect', 'tracks', 'drift' and 'compose'."""
    return {
        'detect': Detect(model),
        'tracks': Tracks(model),
        'drift': Drift(model),
        'compose': Compose(model),
    }
