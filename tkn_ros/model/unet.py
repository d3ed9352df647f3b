"""A small U-Net, which the background network and the motion detector share."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """Four scales, each half as large as the one before: (B, c_in, H, W) -> (B, c_out, h, w).

    Args:
        c_in: channels of the input.
        channels: of the four scales, multiples of 8.
        last: channels of the last hidden layer, a multiple of 8.
        c_out: channels of the output.
        kernel: side of the output's convolution.
        stride: of the first layer; (h, w) is (H, W) divided by it.
    """

    def __init__(
        self,
        c_in: int,
        channels: Sequence[int],
        last: int,
        c_out: int,
        kernel: int = 3,
        stride: int = 1,
    ) -> None:
        super().__init__()
        a, b, c, d = channels
        self.down0 = conv_layer(c_in, a, stride)
        self.down1 = nn.Sequential(conv_layer(a, b, 2), conv_layer(b, b))
        self.down2 = nn.Sequential(conv_layer(b, c, 2), conv_layer(c, c))
        self.down3 = nn.Sequential(conv_layer(c, d, 2), conv_layer(d, d), conv_layer(d, d))
        self.up2 = conv_layer(d + c, c)
        self.up1 = conv_layer(c + b, b)
        self.up0 = conv_layer(b + a, last)
        self.out = nn.Conv2d(last, c_out, kernel, 1, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.down0(x)  # (B, a, h, w)
        x1 = self.down1(x0)  # (B, b, h/2, w/2)
        x2 = self.down2(x1)  # (B, c, h/4, w/4)
        y = self.up2(upsample_concat(self.down3(x2), x2))  # (B, c, h/4, w/4)
        y = self.up1(upsample_concat(y, x1))
        return self.out(self.up0(upsample_concat(y, x0)))


def conv_layer(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, GroupNorm of 8 channels a group, LeakyReLU.

    Args:
        c_in: channels.
        c_out: channels, a multiple of 8.
        stride: of the convolution.
    """
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, 1), nn.GroupNorm(c_out // 8, c_out), nn.LeakyReLU(0.1)
    )


def upsample_concat(small: Tensor, large: Tensor) -> Tensor:
    """Maps (B, C, h, w) enlarged to (H, W), and those (B, D, H, W) after them."""
    enlarged = F.interpolate(small, large.shape[-2:], mode='bilinear', align_corners=False)
    return torch.cat([enlarged, large], 1)
