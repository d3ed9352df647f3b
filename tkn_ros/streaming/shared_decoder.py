"""Draws many frames on one background: the decoder of Fig 3c with its exact savings."""

from torch import Tensor

from tkn_ros.model.detector import KeypointDetector
from tkn_ros.streaming.stages import Draw, frozen


class SharedDecoder:
    """`KeypointDetector.decode` for one background and m targets; weights frozen as they are now.

    The numbers are those of the plain decoder up to rounding; see `rewrite.py`. Detectors of
    other structures (without skip connections) go through their own `decode`.
    """

    def __init__(self, detector: KeypointDetector):
        self.detector = frozen(detector)
        self.draw = Draw(detector, shuffle=False) if detector.skips else None

    def __call__(self, keypoints: Tensor, features: list[Tensor],
                 source: Tensor | None = None) -> Tensor:
        """keypoints (m, K, 3), features with batch 1 -> frames (m, 3, H, W), see `decode`."""
        if self.draw is None:
            return self.detector.decode(keypoints, features, source)
        own = self.detector.coordinates(features[-1])  # (1, K, 3)
        d = self.draw.decode(keypoints[None], own, features[1:])  # (1, m, C_out, h, w)
        return self.draw.compose(d, features[0] if source is None else source)[0]
