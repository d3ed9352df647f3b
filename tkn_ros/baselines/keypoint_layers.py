"""What the two networks with keypoints share: the image encoder of Minderer et al. 2019."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tkn_ros.baselines.frames import BaselineConfig


@dataclass(frozen=True)
class KeypointBaselineConfig(BaselineConfig):
    """What the networks that learn keypoints share. Square frames.

    Attributes:
        keypoints: K.
        filters: channels of the first scale.
        map_side: of the heatmaps [cell].
        sigma: of the Gaussians [cell].
    """

    keypoints: int = 12
    filters: int = 32
    map_side: int = 16
    sigma: float = 1.5


def conv_block(inputs: int, outputs: int, norm: bool = False, stride: int = 1) -> list[nn.Module]:
    """3x3 convolution, batch norm on request, LeakyReLU.

    Args:
        inputs: channels in.
        outputs: channels out.
        norm: with batch norm.
        stride: of the convolution.
    """
    norms: list[nn.Module] = [nn.BatchNorm2d(outputs)] if norm else []
    return [nn.Conv2d(inputs, outputs, 3, stride, 1), *norms, nn.LeakyReLU(0.2)]


def scales_between(height: int, width: int, map_side: int) -> int:
    """How often square frames are halved to be the map.

    Args:
        height: of the frames [pixel].
        width: of the frames [pixel].
        map_side: of the map [cell].

    Raises:
        ValueError: if the frames are not square, or that is no whole number.
    """
    if height != width:
        raise ValueError(f'frames are {width}x{height}, expected squares')
    halvings = math.log2(height / map_side)
    if halvings != int(halvings) or halvings < 0:
        raise ValueError(f'frames are {height} pixels wide, expected {map_side} times a power of 2')
    return int(halvings)


def repeated(x: Tensor, times: int) -> Tensor:
    """(B, C, h, w) -> (B times, C, h, w), each of them `times` in a row."""
    return x[:, None].expand(-1, times, -1, -1, -1).flatten(0, 1)


class ImageEncoder(nn.Module):
    """(B, inputs, H, W) -> features of every scale, the last one of the size of the heatmaps.

    Args:
        inputs: channels.
        filters: channels of the first scale; each next one has twice as many.
        halvings: how often the size is halved.
        layers: convolutions of each scale.
        pooled: sizes are halved by max pooling and there are batch norms (Gao et al. 2021), and
            not by the first convolution's stride.
    """

    def __init__(self, inputs: int, filters: int, halvings: int, layers: int, pooled: bool) -> None:
        super().__init__()
        self.scales = nn.ModuleList()
        for scale in range(halvings + 1):
            width = filters * 2**scale
            stack: list[nn.Module] = [nn.MaxPool2d(2)] if pooled and scale else []
            stack += conv_block(inputs, width, pooled, 1 if pooled or not scale else 2)
            for _ in range(layers - 1):
                stack += conv_block(width, width, pooled)
            self.scales.append(nn.Sequential(*stack))
            inputs = width

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for scale in self.scales:
            x = scale(x)
            features.append(x)
        return features


def separation_loss(points: Tensor, sigma: float = 0.02) -> Tensor:
    """Minderer et al.: points that move alike, apart from where they are, are redundant.

    points: (B, T, K, >= 2). Returns a scalar in [0, 1].
    """
    centred = points[..., :2] - points[..., :2].mean(1, keepdim=True)
    gaps = (centred[:, :, :, None] - centred[:, :, None]).square().sum(-1).mean(1)  # (B, K, K)
    alike = torch.exp(-gaps / (2 * sigma**2))
    k = alike.shape[-1]
    return (alike.sum((1, 2)) - k).mean() / max(k * (k - 1), 1)
