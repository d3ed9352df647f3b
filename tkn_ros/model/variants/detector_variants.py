"""The two structures that the paper compares its detector with: Fig 3a and 3b.

Both do without skip connections: the background comes to the decoder's first layer only. They
have the interface of `KeypointDetector`; of the features they keep the frame, the background and,
last as there, what the keypoints come from.
"""

import torch
from torch import Tensor, nn

from tkn_ros.model.detector import DetectorConfig, KeypointDetector, keypoints_to_maps
from tkn_ros.model.detector_layers import EncoderLayer


class HeatmapBackgroundDetector(KeypointDetector):
    """Fig 3a, after Minderer et al.: h_n serves as the keypoints' maps and as the background."""

    skips = False

    def encode(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Keypoints (B, K, 3) and [frames, h_n]; frames are (B, 3, H, W) in [0, 1]."""
        keypoints, features = super().encode(frames)
        return keypoints, [frames, features[-1]]

    def decode_layers(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """d_1 = D_1(concat(h'_p, background)), d_i = D_i(d_{i-1}): (B, C_out, H, W)."""
        background = features[1]  # (B, C_n, h, w)
        height, width = background.shape[-2:]
        maps = self.align(keypoints_to_maps(keypoints, height, width, self.config.sigma))
        d = torch.cat([maps, background], 1)  # (B, 2 C_n, h, w)
        for layer in self.decoder:
            d = layer(d)
        return d


class SeparationNet(HeatmapBackgroundDetector):
    """Fig 3b: a second encoder of the same shape sees to the background alone."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        c, widths = config, (3, *config.channels)
        self.background = nn.Sequential(
            *(
                EncoderLayer(widths[i], widths[i + 1], c.kernels[i], c.strides[i], c.groups)
                for i in range(len(c.channels))
            )
        )

    def encode(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Keypoints (B, K, 3) and [frames, the second encoder's output, h_n]."""
        keypoints, (_, h_n) = super().encode(frames)
        return keypoints, [frames, self.background(frames), h_n]
