"""TKN-Sequential: Section III-C, Figs 6 and 7b. One frame after another, on a moving background.

Its keypoints come from `predictor_sequential.py`.
"""

import torch
from torch import Tensor

from tkn_ros.model.tkn import TKN


class TKNSequential(TKN):
    """Each frame is drawn on the background of the one predicted before it, encoded anew."""

    def render(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """(B, m, K, 3) keypoints, features of the newest observed frame -> (B, m, 3, H, W).

        The keypoints P'' of the redrawn frame differ from the predicted P' and are not used.
        """
        frames = []
        for target in keypoints.unbind(1):  # (B, K, 3)
            if frames:
                _, features = self.detector.encode(frames[-1])
            frames.append(self.detector.decode(target, features))  # (B, 3, H, W)
        return torch.stack(frames, 1)
