"""TKN-Sequential: Section III-C, Figs 6 and 7b. One frame after another, on a moving background.

Its keypoints come from `sequential_predictor.py`.
"""

import torch
from torch import Tensor, nn

from tkn_ros.model.tkn import TKN


class TKNSequential(TKN):
    """Each frame is drawn on the background of the one predicted before it, encoded again."""

    def render(self, keypoints: Tensor, features: list[Tensor], first: int = 1) -> Tensor:
        """(B, m, K, 3) keypoints, features of the newest observed frame -> (B, m, 3, H, W).

        The keypoints P'' of the redrawn frame differ from the predicted P' and are not used.

        Args:
            keypoints: (B, m, K, 3) to draw.
            features: of the source, as `encode` gives them.
            first: number of the first step into the future.
        """
        frames: list[Tensor] = []
        for target in keypoints.unbind(1):  # (B, K, 3)
            if frames:
                _, features = self.detector.encode(frames[-1])
            frames.append(self.detector.decode(target, features))  # (B, 3, H, W)
        return torch.stack(frames, 1)


class LiteralSequential(nn.Module):
    """The same process as Eq 2 writes it: F and G each encode the frame that they are given.

    Every predicted frame is then encoded twice, as background and for its keypoints P''. It draws
    what `TKNSequential` draws; it shows that P'' is not P', and its cost is that of Table III.
    """

    def __init__(self, model: TKNSequential) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, horizon: int) -> tuple[Tensor, Tensor, Tensor]:
        """(B, n, 3, H, W) -> frames (B, m, 3, H, W), P' and P'', both (B, m, K, 3)."""
        detector, n = self.model.detector, frames.shape[1]
        observed = detector.encode(frames.flatten(0, 1))[0].unflatten(0, (-1, n))
        predicted = self.model.predict_keypoints(observed, horizon)
        source, drawn, extracted = frames[:, -1], [], []
        for target in predicted.unbind(1):  # (B, K, 3)
            source = detector.decode(target, detector.encode(source)[1])  # G of Eq 2b
            drawn.append(source)
            extracted.append(detector.encode(source)[0])  # F of Eq 2a
        return torch.stack(drawn, 1), predicted, torch.stack(extracted, 1)
