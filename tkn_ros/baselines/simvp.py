"""SimVPv2: Tan et al., "SimVPv2: Towards Simple yet Powerful Spatiotemporal Predictive Learning",
arXiv 2211.12509, with the gated spatiotemporal attention (gSTA) as its translator.

No recurrence: all frames of the window are encoded, joined as channels, translated, and decoded to
as many future frames. What is beyond them is predicted from the prediction. The sizes are those of
the authors' KTH setting.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline, BaselineConfig


@dataclass(frozen=True)
class SimVPConfig(BaselineConfig):
    """As the authors' for KTH. `window` frames are what the weights are for.

    Attributes:
        spatial: channels of encoder and decoder.
        spatial_layers: of each of them; every second one halves or doubles the size.
        temporal: channels of the translator.
        temporal_layers: of the translator.
        kernel: of its attention, decomposed into a 5x5 and a dilated convolution [pixel].
        ratio: widening of its feed-forward layers.
        drop: share of a layer's paths that is dropped at random in training.
    """

    spatial: int = 64
    spatial_layers: int = 2
    temporal: int = 256
    temporal_layers: int = 6
    kernel: int = 21
    ratio: int = 8
    drop: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_multiple(2 ** (self.spatial_layers // 2), 'so often it is halved')


class SpatialLayer(nn.Module):
    """3x3 convolution, group norm, SiLU.

    Args:
        inputs: channels.
        outputs: channels.
        size: of the map: 'halved', 'kept' or 'doubled' (by pixel shuffle).
    """

    def __init__(self, inputs: int, outputs: int, size: str = 'kept') -> None:
        super().__init__()
        doubled = size == 'doubled'
        self.conv = nn.Conv2d(
            inputs, outputs * (4 if doubled else 1), 3, 2 if size == 'halved' else 1, 1
        )
        self.shuffle = nn.PixelShuffle(2) if doubled else nn.Identity()
        self.norm = nn.GroupNorm(2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.norm(self.shuffle(self.conv(x))))


class GatedAttention(nn.Module):
    """gSTA: a large convolution, made of a depthwise, a dilated depthwise and a 1x1
    one, gives both a signal and its gate."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        dilation = 3
        wide = kernel // dilation + (kernel // dilation + 1) % 2  # odd
        self.before = nn.Conv2d(channels, channels, 1)
        self.near = nn.Conv2d(
            channels, channels, 2 * dilation - 1, padding=dilation - 1, groups=channels
        )
        self.far = nn.Conv2d(
            channels,
            channels,
            wide,
            padding=dilation * (wide - 1) // 2,
            dilation=dilation,
            groups=channels,
        )
        self.both = nn.Conv2d(channels, 2 * channels, 1)
        self.after = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        signal, gate = self.both(self.far(self.near(F.gelu(self.before(x))))).chunk(2, 1)
        return x + self.after(gate.sigmoid() * signal)


class TranslatorLayer(nn.Module):
    """Attention, and a feed-forward layer with a depthwise convolution, both scaled and residual.

    Args:
        inputs: channels in.
        outputs: channels out.
        config: of the network.
    """

    def __init__(self, inputs: int, outputs: int, config: SimVPConfig) -> None:
        super().__init__()
        wide, self.drop = inputs * config.ratio, config.drop
        self.norms = nn.ModuleList(nn.BatchNorm2d(inputs) for _ in range(2))
        self.attention = GatedAttention(inputs, config.kernel)
        self.widen = nn.Sequential(
            nn.Conv2d(inputs, wide, 1),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide),
            nn.GELU(),
            nn.Conv2d(wide, inputs, 1),
        )
        self.scales = nn.ParameterList(
            nn.Parameter(torch.full((inputs, 1, 1), 1e-2)) for _ in range(2)
        )
        self.out = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for norm, part, scale in zip(self.norms, (self.attention, self.widen), self.scales):
            x = x + self._kept(scale * part(norm(x)))
        return self.out(x)

    def _kept(self, path: Tensor) -> Tensor:
        if not self.training or not self.drop:
            return path
        kept = torch.rand(len(path), 1, 1, 1, device=path.device) >= self.drop
        return path * kept / (1 - self.drop)


class SimVP(Baseline):
    """See the module."""

    def __init__(self, config: SimVPConfig) -> None:
        super().__init__(config)
        self.config: SimVPConfig = config
        c = config
        halved = [i % 2 == 1 for i in range(c.spatial_layers)]
        self.encoder = nn.ModuleList(
            SpatialLayer(c.spatial if i else c.channels, c.spatial, 'halved' if h else 'kept')
            for i, h in enumerate(halved)
        )
        self.decoder = nn.ModuleList(
            SpatialLayer(c.spatial, c.spatial, 'doubled' if h else 'kept') for h in reversed(halved)
        )
        self.out = nn.Conv2d(c.spatial, c.channels, 1)
        joined = c.window * c.spatial
        widths = [joined, *[c.temporal] * (c.temporal_layers - 1), joined]
        self.translator = nn.Sequential(
            *(TranslatorLayer(i, o, c) for i, o in zip(widths, widths[1:]))
        )

    def window_ahead(self, frames: Tensor) -> Tensor:
        """(B, window, C, H, W) -> the next `window` frames."""
        b, n = frames.shape[:2]
        x = first = self.encoder[0](frames.flatten(0, 1))  # (B n, spatial, H, W)
        for layer in self.encoder[1:]:
            x = layer(x)
        x = self.translator(x.unflatten(0, (b, n)).flatten(1, 2))
        x = x.unflatten(1, (n, -1)).flatten(0, 1)
        for layer in self.decoder[:-1]:
            x = layer(x)
        x = self.decoder[-1](x + first)
        return self.out(x).unflatten(0, (b, n))

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        n = frames.shape[1]
        if n != self.config.window:
            raise ValueError(
                f'{n} frames observed, and the weights are for {self.config.window}; they must be '
                'equal'
            )
        blocks = [frames]
        for _ in range(-(-horizon // n)):
            blocks.append(self.window_ahead(blocks[-1]))
        return torch.cat(blocks[1:], 1)[:, :horizon]

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        future = frames[:, window:]
        return F.mse_loss(self(frames[:, :window], future.shape[1]), future)
