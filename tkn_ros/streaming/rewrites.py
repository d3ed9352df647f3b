"""The exact rewrites of a trained decoder: the same numbers, fewer operations.

1. All frames of a prediction share the source's features h, and convolution is linear:
   convT(concat(d, h)) = convT_d(d) + convT_h(h), where the second term is needed once instead of
   for every frame.
2. A transposed convolution of stride s is an ordinary convolution to s*s times the channels and
   a pixel shuffle; at stride 1 it is a convolution with flipped kernels. Runtimes have far better
   kernels for those.
3. The mean over a group of channels is the mean of the channels' means.
4. A convolution to a picture's few channels may give four pixels at a time.

The saving on the other side, keypoints that are computed once for each frame, is the ring's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.detector_layers import DecoderLayer, combine_halves

FEW_CHANNELS = 8  # so few outputs fill a vector register to a half at most


class ShuffledConvolution(nn.Module):
    """An `nn.ConvTranspose2d` (no groups, no dilation) as convolution and pixel shuffle.

    weight is the transposed convolution's, (in, out, k, k). Output o = s*a + r of one axis sees the
    inputs a + c with (r + padding) // s - j = c through the taps (r + padding) % s + s*j: each of
    the s residues r becomes a group of output channels, each c a tap of the new kernel. The groups
    are outermost, unlike `F.pixel_shuffle`'s, so that runtimes with channels innermost move whole
    runs of them.

    Args:
        weight: of the convolution.
        bias: of the convolution, or None.
        stride: of the convolution.
        padding: of the convolution.
        output_padding: of the convolution.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: int, padding: int, output_padding: int
    ) -> None:
        super().__init__()
        channels, outs, kernel, _ = weight.shape
        taps = {
            (r, (r + padding) // stride - j): (r + padding) % stride + stride * j
            for r in range(stride)
            for j in range(kernel)
            if (r + padding) % stride + stride * j < kernel
        }  # (residue, c) -> old tap
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

    def padding_of(self, x: Tensor) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Rows before and after, columns before and after, and the size of the output."""
        sides = [int(side) for side in x.shape[-2:]]
        outs = [(side - 1) * self.stride + self.overlap for side in sides]
        after = [-(-out // self.stride) - side + self.high for out, side in zip(outs, sides)]
        return (self.before, after[0]), (self.before, after[1]), (outs[0], outs[1])

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H', W'), the transposed convolution's size."""
        s = self.stride
        rows, columns, (height, width) = self.padding_of(x)
        x = padded_convolution(x, self.weight, self.bias, rows, columns)
        if s > 1:
            x = blocks_to_pixels(x, s)
        if height % s or width % s:
            x = x[..., :height, :width]
        return x


def padded_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    rows: tuple[int, int],
    columns: tuple[int, int],
    stride: int = 1,
) -> Tensor:
    """`F.conv2d` with so many rows and columns of zeros before and after.

    Args:
        x: (B, C, H, W).
        weight: of the convolution.
        bias: of the convolution, or None.
        rows: zeros before and after.
        columns: zeros before and after.
        stride: of the convolution.
    """
    if len({*rows, *columns}) == 1:
        return F.conv2d(x, weight, bias, stride, padding=rows[0])
    return F.conv2d(F.pad(x, (*columns, *rows)), weight, bias, stride)


def blocks_to_pixels(x: Tensor, s: int) -> Tensor:
    """(B, s*s*C, H, W) -> (B, C, s*H, s*W); the s*s groups are outermost."""
    x = x.unflatten(1, (s, s, -1)).permute(0, 3, 4, 1, 5, 2)  # (B, C, H, s, W, s)
    return x.flatten(4, 5).flatten(2, 3)


class TransposedConvolution(nn.Module):
    """A plain transposed convolution with the interface of `ShuffledConvolution`.

    Args:
        weight: of the convolution.
        bias: of the convolution, or None.
        geometry: stride, padding and output_padding.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *geometry: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.geometry = geometry

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight, self.bias, *self.geometry)


class BlockConvolution(nn.Module):
    """A convolution of stride 1 to few channels, computed for blocks of 2 x 2 pixels at a time.

    Runtimes work on 16 or 32 output channels at once, so a picture's three leave most of the
    machine idle; as four pixels' twelve, by a kernel one larger at stride 2, they fill it.
    """

    def __init__(self, convolution: ShuffledConvolution) -> None:
        super().__init__()
        self.plain = convolution  # for odd sizes
        weight = convolution.weight
        outs, channels, size, _ = weight.shape
        new = weight.new_zeros(2, 2, outs, channels, size + 1, size + 1)
        for y in range(2):
            for x in range(2):
                new[y, x, ..., y : y + size, x : x + size] = weight
        self.weight = nn.Parameter(new.flatten(0, 2), requires_grad=False)
        self.bias = None
        if convolution.bias is not None:
            self.bias = nn.Parameter(convolution.bias.repeat(4), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution that it replaces."""
        (top, down), (left, right), (height, width) = self.plain.padding_of(x)
        if height % 2 or width % 2:
            return self.plain(x)
        return blocks_to_pixels(
            padded_convolution(x, self.weight, self.bias, (top, down), (left, right), stride=2), 2
        )


class ChannelNorm(nn.Module):
    """An `nn.GroupNorm` by the means of the single channels, which are then averaged by group.

    Runtimes that keep channels innermost need not rearrange the whole tensor for it: OpenVINO
    draws a fifth faster in bfloat16 and twice as fast in float32.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight = nn.Parameter(norm.weight.detach()[:, None, None], requires_grad=False)
        self.bias = nn.Parameter(norm.bias.detach()[:, None, None], requires_grad=False)
        self.eps, self.groups = norm.eps, norm.num_groups
        self.each = norm.num_channels // norm.num_groups

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        mean = self._by_group(x)  # (B, C, 1, 1)
        variance = self._by_group((x - mean) ** 2)
        scale = self.weight / torch.sqrt(variance + self.eps)
        return x * scale + (self.bias - mean * scale)  # one pass over x

    def _by_group(self, x: Tensor) -> Tensor:
        # a pooling over the whole map is faster in OpenVINO than a mean
        means = F.avg_pool2d(x, (int(x.shape[2]), int(x.shape[3])))  # (B, C, 1, 1)
        means = means.reshape(-1, self.groups, self.each).mean(2, keepdim=True)
        return means.repeat(1, 1, self.each).reshape(-1, self.groups * self.each, 1, 1)


class SharedLayer(nn.Module):
    """One decoder layer whose second half of channels is the same for every target.

    (B, m, C, h, w) of the targets and (B, C, h, w) of the background -> (B, m, out, h', w').

    Args:
        layer: a decoder layer.
        shuffle: by `ShuffledConvolution` and `BlockConvolution`.
        channel_norm: by `ChannelNorm`.
    """

    def __init__(
        self, layer: DecoderLayer, shuffle: bool = True, channel_norm: bool = False
    ) -> None:
        super().__init__()
        conv = layer.conv
        of_target, of_source = (half.detach() for half in layer.split_weight())
        bias = None if conv.bias is None else conv.bias.detach()
        settings = layer.geometry
        plain = settings[::2] == (1, 0)  # an ordinary convolution: nothing is shuffled
        self.of_target: nn.Module
        self.of_source: nn.Module
        if shuffle or plain:
            target = ShuffledConvolution(of_target, None, *settings)
            few = shuffle and plain and conv.out_channels <= FEW_CHANNELS
            self.of_target = BlockConvolution(target) if few else target
            self.of_source = ShuffledConvolution(of_source, bias, *settings)
        else:
            self.of_target = TransposedConvolution(of_target, None, *settings)
            self.of_source = TransposedConvolution(of_source, bias, *settings)
        self.norm: nn.Module | None = layer.norm
        if channel_norm and layer.norm is not None:
            self.norm = ChannelNorm(layer.norm)

    def forward(self, d: Tensor, h: Tensor) -> Tensor:
        b, m = d.shape[:2]
        x = combine_halves(self.of_target(d.flatten(0, 1)), self.of_source(h), self.norm)
        return x.unflatten(0, (b, m))
