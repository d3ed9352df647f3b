"""Many targets redrawn on one source: the detector's training pass with what they share done once.

A pair encodes two frames and decodes one. A source with T targets encodes 1 + T frames, and since
a convolution of concatenated maps is the sum of two (convT(concat(d, h)) = convT_d(d) +
convT_h(h)), the source's half of every decoder layer is computed once for all T. The same numbers
as T pairs, up to rounding, in about half the time at T = 4.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.detector import KeypointDetector, keypoints_to_maps
from tkn_ros.model.detector_layers import DecoderLayer, combine_halves
from tkn_ros.model.warp import apply_change


class MultiTargetDetector(nn.Module):
    """Wraps a detector, whose parameters it shares, for training."""

    def __init__(self, detector: KeypointDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, frames: Tensor) -> Tensor:
        """(S, 1 + T, 3, H, W), the source first -> the targets redrawn, (S, T, 3, H, W)."""
        detector = self.detector
        s, t = frames.shape[0], frames.shape[1] - 1
        keypoints, features = detector.encode(frames.transpose(0, 1).flatten(0, 1))
        keypoints = keypoints.unflatten(0, (1 + t, s)).transpose(0, 1)  # (S, 1 + T, K, 3)
        source = [h[:s] for h in features]  # sources come first
        if not detector.skips:
            repeated = [_repeat(h, t) for h in source]
            return detector.decode(keypoints[:, 1:].flatten(0, 1), repeated).unflatten(0, (s, t))
        if detector.config.output == 'change':  # the source's own keypoints are drawn along
            d = self._decode(keypoints, source).unflatten(0, (s, 1 + t))
            change = (d[:, 1:] - d[:, :1]).flatten(0, 1)  # (S*T, 5, H, W)
            return apply_change(change, _repeat(source[0], t)).unflatten(0, (s, t))
        return self._decode(keypoints[:, 1:], source).unflatten(0, (s, t))

    def _decode(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """(S, m, K, 3) on S backgrounds -> the last layer's output (S*m, C, H, W)."""
        detector = self.detector
        height, width = features[-1].shape[-2:]
        maps = keypoints_to_maps(keypoints.flatten(0, 1), height, width, detector.config.sigma)
        d = detector.align(maps)
        for layer, h in zip(detector.decoder, reversed(features[1:])):
            assert isinstance(layer, DecoderLayer)
            d = _layer(layer, d, h)  # Eq 14
        return d


def _layer(layer: DecoderLayer, d: Tensor, h: Tensor) -> Tensor:
    """`layer(concat(d, h repeated))` for d (S*m, C, ..) and h (S, C, ..)."""
    of_target, of_source = layer.split_weight()
    return combine_halves(
        F.conv_transpose2d(d, of_target, None, *layer.geometry),
        F.conv_transpose2d(h, of_source, layer.conv.bias, *layer.geometry),
        layer.norm,
    )


def _repeat(x: Tensor, m: int) -> Tensor:
    """(S, ..) -> (S*m, ..), each repeated m times."""
    return x[:, None].expand(-1, m, *x.shape[1:]).flatten(0, 1)
