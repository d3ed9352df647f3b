"""Draws many frames on one background: the decoder of Fig 3c with its exact savings.

All frames of a prediction share the source's features h, and convolution is linear:
convT(concat(d, h)) = convT_d(d) + convT_h(h), where the second term is computed once instead of
for every frame. A transposed convolution of stride 1 is a convolution with flipped kernels, which
CPUs run faster. Both give the plain decoder's numbers up to rounding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from tkn_ros.model.compose import apply_change
from tkn_ros.model.detector import DecoderLayer, KeypointDetector, keypoints_to_maps


class SharedDecoder:
    """`KeypointDetector.decode` for one background and m targets; weights frozen as they are now.

    Detectors of other structures (without skip connections) go through their own `decode`.
    """

    def __init__(self, detector: KeypointDetector):
        self.detector = detector
        self.layers = [_SplitLayer(layer) for layer in detector.decoder] if detector.skips else []

    def __call__(self, keypoints: Tensor, features: list[Tensor],
                 source: Tensor | None = None) -> Tensor:
        """keypoints (m, K, 3), features with batch 1 -> frames (m, 3, H, W), see `decode`."""
        detector, config = self.detector, self.detector.config
        if not self.layers:
            return detector.decode(keypoints, features, source)
        changes = config.output == 'change'
        if changes:  # the source's own keypoints are drawn along, to be compared with
            keypoints = torch.cat([detector.coordinates(features[-1]), keypoints])  # (1 + m, K, 3)
        height, width = features[-1].shape[-2:]
        d = detector.align(keypoints_to_maps(keypoints, height, width, config.sigma))
        for layer, h in zip(self.layers, reversed(features[1:])):
            d = layer(d, h)  # Eq 14
        source = features[0] if source is None else source
        if changes:
            change = d[1:] - d[:1]  # (m, 5, h, w)
            return apply_change(change, source.expand(len(change), -1, -1, -1))
        if d.shape[-2:] != source.shape[-2:]:
            d = F.interpolate(d, source.shape[-2:], mode='bilinear', align_corners=False)
        return d


class _SplitLayer:
    """One decoder layer as two convolutions, one for d and one for the shared h."""

    def __init__(self, layer: DecoderLayer):
        conv = layer.conv
        weight, half = conv.weight.detach(), conv.in_channels // 2  # (2C, out, k, k)
        self.norm, self.bias = layer.norm, conv.bias.detach()
        self.flipped = conv.stride == (1, 1) and conv.output_padding == (0, 0)
        if self.flipped:
            weight = weight.flip(2, 3).transpose(0, 1)  # (out, 2C, k, k)
            self.of_d, self.of_h = (w.contiguous() for w in weight.split(half, 1))
            self.padding = conv.kernel_size[0] - 1 - conv.padding[0]
        else:
            self.of_d, self.of_h = weight[:half].contiguous(), weight[half:].contiguous()
            self.stride, self.padding = conv.stride, conv.padding
            self.output_padding = conv.output_padding

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.flipped:
            return F.conv2d(x, weight, bias, padding=self.padding)
        return F.conv_transpose2d(x, weight, bias, self.stride, self.padding, self.output_padding)

    def __call__(self, d: Tensor, h: Tensor) -> Tensor:
        x = self._convolve(d, self.of_d, None) + self._convolve(h, self.of_h, self.bias)
        return x if self.norm is None else F.leaky_relu(self.norm(x), 0.2)
