"""TKN: Section III-C, Figs 4 and 7a. All frames at once: one pass each of F, predictor and G."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tkn_ros.model.detector import DetectorConfig, KeypointDetector
from tkn_ros.model.predictor import PredictorConfig, TransformerPredictor


@dataclass(frozen=True)
class TKNConfig:
    """A whole network, and the setting that its weights were trained for.

    window is n, the number of observed frames; height and width are the pixels of its input. Both
    may be chosen otherwise at run time.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    window: int = 10
    height: int = 64
    width: int = 64

    def __post_init__(self):
        if self.detector.keypoints != self.predictor.keypoints:
            raise ValueError(f'the detector has {self.detector.keypoints} keypoints and the '
                             f'predictor {self.predictor.keypoints}; they must be equal')


class TKN(nn.Module):
    """Keypoint detector + transformer predictor."""

    def __init__(self, config: TKNConfig):
        super().__init__()
        self.config = config
        self.detector = KeypointDetector(config.detector)
        self.predictor = TransformerPredictor(config.predictor)

    def predict_keypoints(self, keypoints: Tensor, horizon: int) -> Tensor:
        """(B, n, K, 3) observed -> (B, horizon, K, 3) predicted, for any horizon.

        Beyond n frames (the paper does not say how) the predicted keypoints become the next
        window. A horizon below n drops the tokens that nobody asked for.
        """
        if horizon < 1:
            raise ValueError(f'horizon is {horizon}, expected at least 1')
        predicted, window = [], keypoints
        while sum(p.shape[1] for p in predicted) < horizon:
            window = self.predictor(window)  # (B, n, K, 3)
            predicted.append(window)
        return torch.cat(predicted, 1)[:, :horizon]

    def render(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """(B, m, K, 3) keypoints on one background for each of B -> frames (B, m, 3, H, W).

        All m frames are decoded as one batch. `features` is what `detector.encode` gave for the
        newest observed frame (B, ..).
        """
        b, m = keypoints.shape[:2]
        shared = [h[:, None].expand(-1, m, -1, -1, -1).flatten(0, 1) for h in features]
        frames = self.detector.decode(keypoints.flatten(0, 1), shared)  # (B*m, 3, H, W)
        return frames.unflatten(0, (b, m))

    def forward(self, frames: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """Eq 1: (B, n, 3, H, W) in [0, 1] -> frames (B, horizon, 3, H, W), keypoints (B, .., K, 3).

        The window is encoded as one batch; the background is that of its newest frame.
        """
        b, n = frames.shape[:2]
        keypoints, features = self.detector.encode(frames.flatten(0, 1))
        newest = [h.unflatten(0, (b, n))[:, -1] for h in features]
        predicted = self.predict_keypoints(keypoints.unflatten(0, (b, n)), horizon)
        return self.render(predicted, newest), predicted
