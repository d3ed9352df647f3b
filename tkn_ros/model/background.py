"""How the background goes on: ours, beyond the paper, whose background stays the newest frame.

The paper's G draws every predicted frame on the newest observed one, as if nothing but keypoints
moved. But much of a camera's picture changes in ways that 16 points cannot tell: sensor noise, a
panning view, a limb's last millimetres. `BackgroundNet` looks once at the whole window, as a few
statistics of each pixel, and says for every pixel how the newest frame *drifts* over the horizon:
how it moves, how its colour changes, how far it fades to the window's mean, and how much of the
keypoints' change is to be trusted there. One pass serves all predicted frames, so that they are
still drawn in parallel.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STATISTICS = 16  # channels of `statistics`
DRIFT = 13  # channels: 2 x 2 of displacement, 2 x 3 of colour, 2 of fading, 1 of trust
EARLIER = 3  # frames back that the longer of two differences reaches


@dataclass(frozen=True)
class BackgroundConfig:
    """channels: of the four scales (whole, half, fourth and eighth size), multiples of 8."""

    channels: tuple[int, ...] = (16, 32, 48, 64)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'channels', tuple(self.channels))  # a list when it is from JSON
        if len(self.channels) != 4 or any(c < 8 or c % 8 for c in self.channels):
            raise ValueError(
                f'background.channels is {list(self.channels)}, expected four multiples of 8'
            )


def statistics(frames: Tensor) -> Tensor:
    """What a window tells of each pixel: (B, n, 3, H, W) in [0, 1], any n -> (B, 16, H, W).

    The newest frame; its differences to the one before, to an earlier one and to the mean; the
    slope of a line through the window; the deviation from the mean. Scaled to be of like size.
    """
    n = frames.shape[1]
    newest, mean = frames[:, -1], frames.mean(1)  # (B, 3, H, W)
    ramp = torch.linspace(-1, 1, n, device=frames.device, dtype=frames.dtype)
    off = frames - mean[:, None]  # (B, n, 3, H, W)
    slope = (off * ramp[:, None, None, None]).sum(1) / ramp.square().sum()
    deviation = (off.square().mean((1, 2)) + 1e-6).sqrt()[:, None]  # (B, 1, H, W)
    return torch.cat(
        [
            newest,
            (newest - frames[:, max(n - 2, 0)]) * 4,
            (newest - frames[:, max(n - 1 - EARLIER, 0)]) * 2,
            (mean - newest) * 2,
            slope * 4,
            deviation * 4,
        ],
        1,
    )


class BackgroundNet(nn.Module):
    """A U-Net of four scales: statistics (B, 16, H, W) -> drift (B, 13, H, W).

    extra: channels that follow the statistics, for example of `motion_maps`.
    """

    def __init__(self, config: BackgroundConfig, extra: int = 0) -> None:
        super().__init__()
        a, b, c, d = config.channels
        self.down0 = conv_layer(STATISTICS + extra, a)
        self.down1 = nn.Sequential(conv_layer(a, b, 2), conv_layer(b, b))
        self.down2 = nn.Sequential(conv_layer(b, c, 2), conv_layer(c, c))
        self.down3 = nn.Sequential(conv_layer(c, d, 2), conv_layer(d, d), conv_layer(d, d))
        self.up2, self.up1, self.up0 = (
            conv_layer(d + c, c),
            conv_layer(c + b, b),
            conv_layer(b + a, 24),
        )
        self.out = nn.Conv2d(24, DRIFT, 3, 1, 1)
        nn.init.zeros_(self.out.weight)  # at first nothing drifts ..
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.bias[10] = -2.0  # .. little fades ..
            self.out.bias[12] = -1.0  # .. and the keypoints' change is half trusted

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.down0(x)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        y = self.up2(beside(self.down3(x2), x2))  # (B, c, H/4, W/4)
        y = self.up1(beside(y, x1))
        return self.out(self.up0(beside(y, x0)))


def conv_layer(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, GroupNorm of 8 channels a group, LeakyReLU."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, 1), nn.GroupNorm(c_out // 8, c_out), nn.LeakyReLU(0.1)
    )


def beside(small: Tensor, large: Tensor) -> Tensor:
    """Maps (B, C, h, w) enlarged to (H, W), and those (B, D, H, W) after them."""
    grown = F.interpolate(small, large.shape[-2:], mode='bilinear', align_corners=False)
    return torch.cat([grown, large], 1)


def add_drift(change: Tensor, drift: Tensor, window: int, first: int = 1) -> Tensor:
    """The keypoints' change of m frames and the background's together.

    Returns (B, m, 6, h, w), the last channel being how far the frame fades to the window's mean, 0
    to 1. Step k's share s = 1 - exp(-k / window) slows down, so that no horizon is too long for it.

    Args:
        change: (B, m, 5, h, w) of steps `first`, first + 1, ..
        drift: (B, 13, h, w).
        window: n, frames observed.
        first: number of the first step into the future.
    """
    m = change.shape[1]
    steps = torch.arange(first, first + m, device=drift.device, dtype=drift.dtype)
    return drift_of_steps(change, drift, window, steps)


def drift_of_steps(change: Tensor, drift: Tensor, window: int, steps: Tensor) -> Tensor:
    """As `add_drift`, for any steps (m,)."""
    s = (1 - torch.exp(-steps / window))[:, None, None, None]  # (m, 1, 1, 1)
    maps = drift[:, None]  # (B, 1, 13, h, w)
    flow = maps[:, :, 0:2] * s + maps[:, :, 2:4] * s * s  # (B, m, 2, h, w)
    colour = maps[:, :, 4:7] * s + maps[:, :, 7:10] * s * s
    fade = torch.sigmoid(maps[:, :, 10:11] + maps[:, :, 11:12] * s)
    trust = torch.sigmoid(maps[:, :, 12:13])
    return torch.cat([colour + trust * change[:, :, :3], flow + trust * change[:, :, 3:], fade], 2)
