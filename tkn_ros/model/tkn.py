"""TKN: Section III-C, Figs 4 and 7a. All frames at once: one pass each of F, predictor and G.

Fig 7b is in `tkn_sequential.py`, TKN (w/o tp) in `frame_by_frame.py`; `build.py` builds any.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.parts import build_detector, build_predictor
from tkn_ros.model.predictor import PredictorConfig

PROCESSES = ('parallel', 'sequential')


@dataclass(frozen=True)
class TKNConfig:
    """A whole network, and the setting that its weights were trained for.

    window is n, the number of observed frames; height and width are the pixels of its input. Both
    may be chosen otherwise at run time. process: "parallel" (TKN) draws all frames on the newest
    frame's background; "sequential" (TKN-Sequential) each one on that of the frame before it.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    window: int = 10
    height: int = 64
    width: int = 64
    process: str = 'parallel'

    def __post_init__(self):
        if self.detector.keypoints != self.predictor.keypoints:
            raise ValueError(f'the detector has {self.detector.keypoints} keypoints and the '
                             f'predictor {self.predictor.keypoints}; they must be equal')
        if self.process not in PROCESSES:
            raise ValueError(f'process is "{self.process}", expected one of {", ".join(PROCESSES)}')
        if self.predictor.kind == 'mlp' and self.predictor.window != self.window:
            raise ValueError(f'the MLP predictor has weights for a window of '
                             f'{self.predictor.window}, and the model a window of {self.window}; '
                             'they must be equal')
        if self.predictor.kind == 'sequential' and self.predictor.layers != self.window:
            raise ValueError(f'the sequential predictor has {self.predictor.layers} layers and the '
                             f'model a window of {self.window}; it needs one layer for each frame')


class TKN(nn.Module):
    """Keypoint detector + predictor, any of them as `config` says."""

    def __init__(self, config: TKNConfig):
        super().__init__()
        self.config = config
        self.detector = build_detector(config.detector)
        self.predictor = build_predictor(config.predictor)

    def predict_keypoints(self, keypoints: Tensor, horizon: int) -> Tensor:
        """(B, n, K, 3) observed -> (B, horizon, K, 3) predicted, for any horizon.

        Beyond n frames (the paper does not say how) the predicted keypoints become the next
        window. A horizon below n drops the tokens that nobody asked for.
        """
        if horizon < 1:
            raise ValueError(f'horizon is {horizon}, expected at least 1')
        n = keypoints.shape[1]
        known = keypoints  # (B, n + predicted so far, K, 3)
        while known.shape[1] < n + horizon:
            known = torch.cat([known, self.predictor(known[:, -n:])], 1)
        return known[:, n:n + horizon]

    def render(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """(B, m, K, 3) keypoints on one background for each of B -> frames (B, m, 3, H, W).

        All m frames are decoded as one batch. `features` is what `detector.encode` gave for the
        newest observed frame (B, ..).
        """
        b, m = keypoints.shape[:2]
        shared = features if b == 1 else [
            h[:, None].expand(-1, m, -1, -1, -1).flatten(0, 1) for h in features]
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
