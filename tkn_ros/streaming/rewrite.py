"""The exact rewrites of a trained decoder: the same numbers, fewer operations.

1. All frames of a prediction share the source's features h, and convolution is linear:
   convT(concat(d, h)) = convT_d(d) + convT_h(h), where the second term is needed once instead of
   for every frame.
2. A transposed convolution of stride s is an ordinary convolution to s*s times the channels and
   a pixel shuffle; at stride 1 it is a convolution with flipped kernels. Runtimes have far better
   kernels for those.
3. The mean over a group of channels is the mean of the channels' means.

The saving on the other side, keypoints that are computed once for each frame, is the ring's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.detector import DecoderLayer


class ShuffledConvolution(nn.Module):
    """An `nn.ConvTranspose2d` (no groups, no dilation) as convolution and pixel shuffle.

    weight is the transposed convolution's, (in, out, k, k). Output o = s*a + r of one axis sees the
    inputs a + c with (r + padding) // s - j = c through the taps (r + padding) % s + s*j: each of
    the s residues r becomes a group of output channels, each c a tap of the new kernel. The groups
    are outermost, unlike `F.pixel_shuffle`'s, so that runtimes with channels innermost move whole
    runs of them.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: int, padding: int,
                 output_padding: int):
        super().__init__()
        channels, outs, kernel, _ = weight.shape
        taps = {(r, (r + padding) // stride - j): (r + padding) % stride + stride * j
                for r in range(stride) for j in range(kernel)
                if (r + padding) % stride + stride * j < kernel}  # (residue, c) -> old tap
        low = min(c for _, c in taps)
        high = max(c for _, c in taps)
        size = high - low + 1
        new = weight.new_zeros(stride, stride, outs, channels, size, size)
        for (ry, cy), ty in taps.items():
            for (rx, cx), tx in taps.items():
                new[ry, rx, :, :, cy - low, cx - low] = weight[:, :, ty, tx].T
        self.weight = nn.Parameter(new.flatten(0, 2), requires_grad=False)  # (s*s*out, in, ..)
        self.bias = None
        if bias is not None:
            self.bias = nn.Parameter(bias.repeat(stride * stride), requires_grad=False)
        self.stride, self.before, self.high = stride, -low, high
        self.overlap = kernel - 2 * padding + output_padding  # of the output's size

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H', W'), the transposed convolution's size."""
        s = self.stride
        sides = [int(side) for side in x.shape[-2:]]
        height, width = ((side - 1) * s + self.overlap for side in sides)
        down, right = (-(-out // s) - side + self.high  # rows needed beyond the last one
                       for out, side in zip((height, width), sides))
        if self.before == down == right:
            x = F.conv2d(x, self.weight, self.bias, padding=self.before)
        else:
            x = F.conv2d(F.pad(x, (self.before, right, self.before, down)), self.weight, self.bias)
        if s > 1:
            blocks = x.unflatten(1, (s, s, -1)).permute(0, 3, 4, 1, 5, 2)  # (B, out, H, s, W, s)
            x = blocks.flatten(4, 5).flatten(2, 3)
        if height % s or width % s:
            x = x[..., :height, :width]
        return x


class TransposedConvolution(nn.Module):
    """A plain transposed convolution with the interface of `ShuffledConvolution`."""

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: int, padding: int,
                 output_padding: int):
        super().__init__()
        self.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.settings = stride, padding, output_padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight, self.bias, *self.settings)


class ChannelNorm(nn.Module):
    """An `nn.GroupNorm` by the means of the single channels, which are then averaged by group.

    Runtimes that keep channels innermost need not rearrange the whole tensor for it; OpenVINO
    draws twice as fast in float32.
    """

    def __init__(self, norm: nn.GroupNorm):
        super().__init__()
        self.weight = nn.Parameter(norm.weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(norm.bias.detach()[:, None, None], requires_grad=False)
        self.eps, self.groups = norm.eps, norm.num_groups
        self.each = norm.num_channels // norm.num_groups

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        x = x - self._by_group(x)[..., None, None]
        variance = self._by_group(x * x)  # (B, C)
        scale = self.weight / torch.sqrt(variance + self.eps)
        return x * scale[..., None, None] + self.bias

    def _by_group(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3)).unflatten(1, (self.groups, self.each)).mean(2, keepdim=True)
        return means.repeat(1, 1, self.each).flatten(1)  # (B, C)


class SharedLayer(nn.Module):
    """One decoder layer whose second half of channels is the same for every target.

    (B, m, C, h, w) of the targets and (B, C, h, w) of the background -> (B, m, out, h', w').
    shuffle: by `ShuffledConvolution`. channel_norm: by `ChannelNorm`.
    """

    def __init__(self, layer: DecoderLayer, shuffle: bool = True, channel_norm: bool = False):
        super().__init__()
        conv = layer.conv
        weight, half = conv.weight.detach(), conv.in_channels // 2
        settings = conv.stride[0], conv.padding[0], conv.output_padding[0]
        make = ShuffledConvolution if shuffle or settings[::2] == (1, 0) else TransposedConvolution
        self.of_target = make(weight[:half], None, *settings)
        self.of_background = make(weight[half:], conv.bias.detach(), *settings)
        self.norm = layer.norm
        if channel_norm and layer.norm is not None:
            self.norm = ChannelNorm(layer.norm)

    def forward(self, d: Tensor, h: Tensor) -> Tensor:
        b, m = d.shape[:2]
        x = self.of_target(d.flatten(0, 1))  # (B*m, out, h', w')
        shared = self.of_background(h)  # (B, out, h', w')
        if b == 1:
            x = x + shared
        else:
            x = (x.unflatten(0, (b, m)) + shared[:, None]).flatten(0, 1)
        x = x if self.norm is None else F.leaky_relu(self.norm(x), 0.2)
        return x.unflatten(0, (b, m))
