"""Keypoint detector: Section III-A, Figs 2 and 3c, Eqs 2 to 14 of the TKN paper.

F = encoder E + coordinate generator CG turns a frame into K keypoint triples; G = heatmap
generator HG + decoder D redraws a frame from the *target's* keypoints and the *source's* features.

Tensors: frames are float32 in [0, 1], (B, 3, H, W), H and W divisible by the encoder's total
stride (4). Keypoints are (B, K, 3) = (x, y, v): x and y in [-1, 1] on a grid whose first and last
cell centres are -1 and 1, x to the right, y down; v >= 0 is the intensity.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.detector_layers import DecoderLayer, EncoderLayer, lost_by_striding
from tkn_ros.model.ranges import (
    check_choice,
    check_number,
    check_product,
    check_whole,
    whole_numbers,
)
from tkn_ros.model.warp import OUTPUT_CHANNELS, apply_change

MAX_STRIDE = 64  # pixels of the frame for each cell of the heatmap

STRUCTURES = ('skip', 'heatmap', 'separate')  # Fig 3c, a, b; a, b: `detector_variants.py`


@dataclass(frozen=True)
class DetectorConfig:
    """Hyper-parameters of the detector. The defaults are the paper's 0.14 M network.

    channels, strides and kernels hold one number for each encoder layer; the decoder mirrors them.
    The paper states neither channels nor strides; these reproduce its eight size figures (Table V)
    best. `output` selects what the last decoder layer means, see `warp.py`: "frame" is the
    paper's. `structure` selects from Fig 3: "skip" (c, the paper's), "heatmap" (a), "separate" (b).

    Attributes:
        keypoints: K, how many.
        channels: of each encoder layer; the decoder mirrors them.
        strides: of each encoder layer.
        kernels: sides of the kernels of each encoder layer.
        groups: of the group norm, at most.
        sigma: of the Gaussians, in heatmap cells.
        output: what the last decoder layer means, a key of `OUTPUT_CHANNELS`.
        structure: one of `STRUCTURES`.
    """

    keypoints: int = 16
    channels: tuple[int, ...] = (16, 24, 24, 48, 48, 16)
    strides: tuple[int, ...] = (1, 2, 1, 1, 2, 1)
    kernels: tuple[int, ...] = (3, 3, 3, 3, 3, 3)
    groups: int = 8
    sigma: float = 1.5  # of the Gaussians, in heatmap cells
    output: str = 'frame'
    structure: str = 'skip'

    def __post_init__(self) -> None:
        for name, high in (('channels', 4096), ('strides', 8), ('kernels', 31)):
            numbers = whole_numbers(name, getattr(self, name), 1, high)
            object.__setattr__(self, name, numbers)
        if not len(self.channels) == len(self.strides) == len(self.kernels):
            raise ValueError(
                'channels, strides and kernels need one entry for each layer, got '
                f'{len(self.channels)}, {len(self.strides)}, {len(self.kernels)}'
            )
        check_choice('output', self.output, tuple(OUTPUT_CHANNELS))
        check_choice('structure', self.structure, STRUCTURES)
        check_whole('keypoints', self.keypoints, 1, 256)
        check_whole('groups', self.groups, 1, 4096)
        check_number('sigma', self.sigma, 1e-3, 1e3)
        check_product('strides', self.total_stride, MAX_STRIDE)

    @property
    def total_stride(self) -> int:
        """Pixels of the frame for each cell of the heatmap: H and W must be divisible by it."""
        return math.prod(self.strides)


def grid(size: int, like: Tensor) -> Tensor:
    """h_x of Eq 7: `size` values from -1 to 1 inclusive, (size,), on the device of `like`."""
    if size == 1:
        return torch.zeros(1, device=like.device, dtype=like.dtype)
    return torch.linspace(-1, 1, size, device=like.device, dtype=like.dtype)


def maps_to_keypoints(maps: Tensor) -> Tensor:
    """Eqs 6 to 8: expected coordinate under the map's marginals, and the map's mean.

    maps: (B, K, H, W), positive. Returns (B, K, 3).
    """
    total = maps.sum((-2, -1)) + 1e-12  # (B, K)
    x_marginal = maps.sum(-2) / total[..., None]  # (B, K, W)   Eq 6
    y_marginal = maps.sum(-1) / total[..., None]  # (B, K, H)
    x = (x_marginal * grid(maps.shape[-1], maps)).sum(-1)  # (B, K)   Eq 7
    y = (y_marginal * grid(maps.shape[-2], maps)).sum(-1)  # (B, K)
    return torch.stack([x, y, maps.mean((-2, -1))], -1)  # (B, K, 3)   Eq 8


def keypoints_to_maps(keypoints: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """HG, Eqs 10 to 13: a Gaussian bump at each keypoint, as high as its intensity.

    Returns (B, K, height, width).

    Args:
        keypoints: (B, K, 3).
        height: of the maps [cell].
        width: of the maps [cell].
        sigma: of the Gaussians, in cells.
    """
    x, y, v = keypoints.unbind(-1)  # (B, K) each
    sx, sy = sigma * 2 / max(width - 1, 1), sigma * 2 / max(height - 1, 1)
    x_vec = torch.exp(-((x[..., None] - grid(width, x)) ** 2) / (2 * sx**2))  # (B, K, W)   Eq 10
    y_vec = torch.exp(-((y[..., None] - grid(height, y)) ** 2) / (2 * sy**2))  # (B, K, H)   Eq 11
    gauss = y_vec[..., :, None] * x_vec[..., None, :]  # (B, K, H, W)   Eq 12
    return gauss * v[..., None, None]  # Eq 13


class CoordinateGenerator(nn.Module):
    """CG, Eqs 5 to 8: a 1x1 layer C_n -> K, made positive, then `maps_to_keypoints`.

    The softplus is ours: Eq 6 divides by the map's sum, which must not vanish or change sign.
    """

    def __init__(self, channels: int, keypoints: int) -> None:
        super().__init__()
        self.to_maps = nn.Conv2d(channels, keypoints, 1)

    def forward(self, h: Tensor) -> Tensor:
        return maps_to_keypoints(F.softplus(self.to_maps(h)))


class KeypointDetector(nn.Module):
    """F and G of Eq 2 with skip connections (Fig 3c)."""

    skips = True  # every decoder layer also takes the features of its encoder layer

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = c = config
        widths = (3, *c.channels)
        self.encoder = nn.ModuleList(
            EncoderLayer(widths[i], widths[i + 1], c.kernels[i], c.strides[i], c.groups)
            for i in range(len(c.channels))
        )
        self.coordinates = CoordinateGenerator(c.channels[-1], c.keypoints)
        # h'_p has K channels; Eq 14 wants as many as h_n has
        self.align = (
            nn.Identity()
            if c.keypoints == c.channels[-1]
            else nn.Conv2d(c.keypoints, c.channels[-1], 1)
        )
        outs = (OUTPUT_CHANNELS[c.output], *c.channels)
        top = len(c.channels) - 1
        lost = lost_by_striding(c.kernels, c.strides)
        self.decoder = nn.ModuleList(
            DecoderLayer(
                c.channels[i] * (2 if self.skips or i == top else 1),
                outs[i],
                c.kernels[i],
                c.strides[i],
                c.groups,
                lost[i],
                i == 0,
            )
            for i in reversed(range(len(c.channels)))
        )
        if c.output == 'change':  # start as "nothing changes"
            last = self.decoder[-1]
            assert isinstance(last, DecoderLayer) and last.conv.bias is not None
            nn.init.normal_(last.conv.weight, std=3e-3)
            nn.init.zeros_(last.conv.bias)

    def encode(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """F of Eq 2a, with the features of Eq 4.

        frames: (B, 3, H, W) in [0, 1]. Returns keypoints (B, K, 3) and [h_0, h_1, .., h_n], where
        h_0 is the frame itself: all that a decoder needs to know of a background.
        """
        stride = self.config.total_stride
        if frames.shape[-1] % stride or frames.shape[-2] % stride:
            raise ValueError(
                f'frames are {frames.shape[-1]}x{frames.shape[-2]}, expected a width '
                f'and height divisible by {stride}; resize them'
            )
        features = [frames]
        for layer in self.encoder:
            features.append(layer(features[-1]))
        return self.coordinates(features[-1]), features

    def decode_layers(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """Eqs 9 to 14 up to the last layer's raw output d_n: (B, C_out, H, W)."""
        height, width = features[-1].shape[-2:]
        d = self.align(keypoints_to_maps(keypoints, height, width, self.config.sigma))
        for layer, h in zip(self.decoder, reversed(features[1:])):
            d = layer(torch.cat([d, h], 1))  # Eq 14
        return d

    def decode(
        self, keypoints: Tensor, features: list[Tensor], source: Tensor | None = None
    ) -> Tensor:
        """G of Eq 2b: target keypoints (B, K, 3) + source features -> frames (B, 3, H, W).

        Features of one source (batch 1) serve any number of targets. `source`: the source frame at
        another size, (B or 1, 3, H', W'), to be drawn at that size.

        Args:
            keypoints: (B, K, 3) of the targets, or (B, m, K, 3) in the stage `Render`.
            features: of the source, as `encode` gives them.
            source: the source frame at the size to draw at; None: as encoded.
        """
        b = len(keypoints)
        source = features[0] if source is None else source
        if self.config.output == 'change':
            one = len(features[-1]) == 1
            change = self.change(keypoints[None] if one else keypoints[:, None], features)
            return apply_change(change.flatten(0, 1), source.expand(b, -1, -1, -1))
        d = self.decode_layers(keypoints, [h.expand(b, -1, -1, -1) for h in features])
        if d.shape[-2:] != source.shape[-2:]:
            d = F.interpolate(d, source.shape[-2:], mode='bilinear', align_corners=False)
        return d

    def change(self, keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """How the decoder's output differs from that for the source's own keypoints.

        keypoints: (B, m, K, 3), m targets for each of B sources; features (B, ..). Returns
        (B, m, C_out, H, W): what `warp.py` makes a picture of.
        """
        b, m = keypoints.shape[:2]
        shared = [h[:, None].expand(-1, m, -1, -1, -1).flatten(0, 1) for h in features]
        d = self.decode_layers(keypoints.flatten(0, 1), shared).unflatten(0, (b, m))
        unmoved = self.decode_layers(self.coordinates(features[-1]), features)  # (B, C_out, H, W)
        return d - unmoved[:, None]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Redraw `target` from its keypoints and `source`'s features; all (B, 3, H, W)."""
        keypoints, _ = self.encode(target)
        _, features = self.encode(source)
        return self.decode(keypoints, features)


def reconstruction_loss(reconstructed: Tensor, target: Tensor) -> Tensor:
    """L_rec of Eq 3, as a mean over pixels so that it does not depend on the frame's size."""
    return F.mse_loss(reconstructed, target)
