"""The layers of the detector: Eqs 4 and 14 of the TKN paper."""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class EncoderLayer(nn.Module):
    """E_i of Eq 4: Conv2d, GroupNorm, LeakyReLU. (B, in, H, W) -> (B, out, H/stride, W/stride).

    An even kernel at stride 1 has no symmetric padding that keeps the size: the map loses a row and
    a column, which the matching decoder layer restores (Table V's 2x2 row).

    Args:
        c_in: channels in.
        c_out: channels out.
        kernel: side of the kernel.
        stride: of the convolution.
        groups: of the group norm, at most.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=(kernel - 1) // 2)
        self.norm = nn.GroupNorm(math.gcd(groups, c_out), c_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.2)


class DecoderLayer(nn.Module):
    """D_i of Eq 14: ConvTranspose2d, GroupNorm, LeakyReLU; the last one is a bare ConvTranspose2d.

    A norm and a LeakyReLU on the picture itself would throw its mean and its dark half away, so the
    last layer is linear. (B, in, H, W) -> (B, out, H*stride, W*stride); `lost` are the rows and
    columns of the encoder layer's input that its stride skipped, see `lost_by_striding`.

    Args:
        c_in, c_out, kernel, stride, groups: as of `EncoderLayer`.
        lost: rows and columns to restore, see `lost_by_striding`.
        last: whether it is the last layer, which is linear.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int, stride: int, groups: int, lost: int, last: bool
    ) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            c_in, c_out, kernel, stride, padding=(kernel - 1) // 2, output_padding=lost
        )
        self.norm = None if last else nn.GroupNorm(math.gcd(groups, c_out), c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x if self.norm is None else F.leaky_relu(self.norm(x), 0.2)

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Stride, padding and output padding, which are the same for both axes."""
        conv = self.conv
        return conv.stride[0], int(conv.padding[0]), conv.output_padding[0]

    def split_weight(self) -> tuple[Tensor, Tensor]:
        """The kernel's halves for the target's maps d and for the source's features h.

        A convolution of concatenated maps is the sum of two:
        convT(concat(d, h)) = convT_d(d) + convT_h(h).
        """
        of_target, of_source = self.conv.weight.split(self.conv.in_channels // 2)
        return of_target, of_source


def combine_halves(of_target: Tensor, of_source: Tensor, norm: nn.Module | None) -> Tensor:
    """A decoder layer's output from the halves of its convolution, see `split_weight`.

    Args:
        of_target: (S*m, C, H, W), m targets for each of S sources.
        of_source: (S, C, H, W), computed once for all targets of a source.
        norm: the layer's norm, None for the last layer, which is linear.
    """
    s = len(of_source)
    if s == 1:
        x = of_target + of_source
    else:
        x = (of_target.unflatten(0, (s, -1)) + of_source[:, None]).flatten(0, 1)
    return x if norm is None else F.leaky_relu(norm(x), 0.2)


def lost_by_striding(kernels: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """For each encoder layer, by how many rows the inverse of its size falls short of its input.

    The same for every frame whose sides are divisible by the total stride.
    """
    size, lost = 64 * math.prod(strides), []
    for kernel, stride in zip(kernels, strides):
        padding = (kernel - 1) // 2
        out = (size + 2 * padding - kernel) // stride + 1
        lost.append(size - ((out - 1) * stride + kernel - 2 * padding))
        size = out
    return lost
