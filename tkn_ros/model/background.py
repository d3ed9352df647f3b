"""Prediction of the background: ours, beyond the paper, whose background stays the newest frame.

The paper's G draws every predicted frame on the newest observed one, as if nothing but keypoints
moved. But 16 points cannot describe many changes of a camera's picture: sensor noise, a panning
view, a limb's last millimetres. `BackgroundNet` looks once at the whole window, as a few
statistics of each pixel, and says for every pixel how the newest frame *drifts* over the horizon:
how it moves, how its colour changes, how far it fades to the window's mean, and how much of the
keypoints' change is to be trusted there. One pass serves all predicted frames, so that they are
still drawn in parallel.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tkn_ros.model.ranges import whole_numbers
from tkn_ros.model.unet import UNet
from tkn_ros.model.warp import apply_change

STATISTICS = 16  # channels of `statistics`
DRIFT = 13  # channels: 2 x 2 of displacement, 2 x 3 of colour, 2 of fading, 1 of trust
EARLIER = 3  # frames back that the longer of two differences reaches


@dataclass(frozen=True)
class BackgroundConfig:
    """channels: of the four scales (whole, half, fourth and eighth size), multiples of 8."""

    channels: tuple[int, ...] = (16, 32, 48, 64)

    def __post_init__(self) -> None:
        channels = whole_numbers('background.channels', self.channels, 8, 4096)
        object.__setattr__(self, 'channels', channels)
        if len(self.channels) != 4 or any(c % 8 for c in self.channels):
            raise ValueError(
                f'background.channels is {list(self.channels)}, expected four multiples of 8'
            )


def statistics(frames: Tensor) -> Tensor:
    """Statistics of each pixel of a window: (B, n, 3, H, W) in [0, 1], any n -> (B, 16, H, W).

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


class BackgroundNet(UNet):
    """Statistics (B, 16, H, W) -> drift (B, 13, H, W).

    Args:
        config: its channels.
        extra: channels that follow the statistics, for example of `motion_maps`.
    """

    def __init__(self, config: BackgroundConfig, extra: int = 0) -> None:
        super().__init__(STATISTICS + extra, config.channels, 24, DRIFT)
        nn.init.zeros_(self.out.weight)  # at first nothing drifts ..
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.bias[10] = -2.0  # .. little fades ..
            self.out.bias[12] = -1.0  # .. and the keypoints' change is half trusted


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
    """As `add_drift`, for any steps.

    Args:
        change: of the decoder, (B, m, 5, H, W).
        drift: of `BackgroundNet`, (B, 13, H, W).
        window: n, frames observed.
        steps: (m,) float, into the future, 1 for the next frame.
    """
    s = (1 - torch.exp(-steps / window))[:, None, None, None]  # (m, 1, 1, 1)
    maps = drift[:, None]  # (B, 1, 13, h, w)
    flow = maps[:, :, 0:2] * s + maps[:, :, 2:4] * s * s  # (B, m, 2, h, w)
    colour = maps[:, :, 4:7] * s + maps[:, :, 7:10] * s * s
    fade = torch.sigmoid(maps[:, :, 10:11] + maps[:, :, 11:12] * s)
    trust = torch.sigmoid(maps[:, :, 12:13])
    return torch.cat([colour + trust * change[:, :, :3], flow + trust * change[:, :, 3:], fade], 2)


def apply_drift(source: Tensor, drift: Tensor, window: int, steps: Tensor) -> Tensor:
    """The frames that the background alone predicts, where no keypoint draws a change.

    Args:
        source: (B, 6, H, W) in [0, 1], the newest frame and the window's mean.
        drift: (B, 13, h, w); it is resized to (H, W).
        window: n, frames observed.
        steps: (m,) into the future, 1 for the next frame; need not be whole.

    Returns:
        (B, m, 3, H, W).
    """
    b, m = drift.shape[0], steps.shape[0]
    still = drift.new_zeros(b, m, 5, *drift.shape[-2:])
    change = drift_of_steps(still, drift, window, steps)  # (B, m, 6, h, w)
    source = source[:, None].expand(-1, m, -1, -1, -1)  # (B, m, 6, H, W)
    return apply_change(change.flatten(0, 1), source.flatten(0, 1)).unflatten(0, (b, m))
