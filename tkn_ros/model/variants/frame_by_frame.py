"""TKN (w/o tp): the same network without temporal parallelism, the ablation of Table I."""

import torch
from torch import Tensor, nn

from tkn_ros.model.tkn import TKN


class FrameByFrame(nn.Module):
    """Runs `model` with one frame in the detector at a time; the same weights, the same result."""

    def __init__(self, model: TKN) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """As `TKN.forward`: (B, n, 3, H, W) -> (B, horizon, 3, H, W) and (B, horizon, K, 3)."""
        observed = []
        for frame in frames.unbind(1):  # (B, 3, H, W)
            keypoints, features = self.model.detector.encode(frame)
            observed.append(keypoints)
        predicted = self.model.predict_keypoints(torch.stack(observed, 1), horizon)
        features = self.model.render_context(features, frames)
        drawn = [
            self.model.render(predicted[:, j : j + 1], features, j + 1) for j in range(horizon)
        ]
        return torch.cat(drawn, 1), predicted
