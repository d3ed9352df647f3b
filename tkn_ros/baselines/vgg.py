"""The VGG-like encoder and decoder of Denton and Fergus, "Stochastic Video Generation with a
Learned Prior", ICML 2018, which SLAMP takes over: a frame to a vector, and back with skips."""

import torch
from torch import Tensor, nn

SCALES = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8))  # widths of the convolutions, times the first one's


def _widths(first: int) -> list[list[int]]:
    return [[first * times for times in scale] for scale in SCALES]


def conv_norm(inputs: int, outputs: int, bias: bool = True) -> nn.Sequential:
    """3x3 convolution, batch norm, LeakyReLU.

    Args:
        inputs: channels in.
        outputs: channels out.
        bias: of the convolution.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2),
    )


class VGGEncoder(nn.Module):
    """(B, inputs, H, W) -> (B, size), and the features of each of four scales.

    Args:
        inputs: channels.
        size: of the vector.
        height: of the frames, a multiple of 16 [pixel].
        width: of the frames, a multiple of 16 [pixel].
        channels: of the first convolution.
    """

    def __init__(self, inputs: int, size: int, height: int, width: int, channels: int = 64) -> None:
        super().__init__()
        self.scales = nn.ModuleList()
        for widths in _widths(channels):
            self.scales.append(
                nn.Sequential(*(conv_norm(i, o) for i, o in zip((inputs, *widths), widths)))
            )
            inputs = widths[-1]
        self.smaller = nn.MaxPool2d(2)
        self.to_vector = nn.Sequential(
            nn.Conv2d(inputs, size, (height // 16, width // 16)), nn.BatchNorm2d(size), nn.Tanh()
        )

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for scale in self.scales:
            x = scale(x)
            features.append(x)
            x = self.smaller(x)
        return self.to_vector(x).flatten(1), features


class VGGDecoder(nn.Module):
    """(B, size) and an encoder's features -> (B, outputs, H, W).

    Args:
        outputs: channels.
        size: of the vector.
        height: of the frames, a multiple of 16 [pixel].
        width: of the frames, a multiple of 16 [pixel].
        channels: of the encoder's first convolution.
    """

    def __init__(
        self, outputs: int, size: int, height: int, width: int, channels: int = 64
    ) -> None:
        super().__init__()
        scales = _widths(channels)
        top = scales[-1][-1]
        self.from_vector = nn.Sequential(
            nn.ConvTranspose2d(size, top, (height // 16, width // 16)),
            nn.BatchNorm2d(top),
            nn.LeakyReLU(0.2),
        )
        self.larger = nn.Upsample(scale_factor=2)
        self.scales = nn.ModuleList()
        for level in reversed(range(len(scales))):
            widths = scales[level]
            first, below = widths[0], scales[max(level - 1, 0)][-1]
            # the lowest scale ends with the convolution to the output
            stack = [*widths[1:], below] if level else widths[1:]
            self.scales.append(
                nn.Sequential(*(conv_norm(i, o) for i, o in zip((2 * first, *stack), stack)))
            )
        self.out = nn.Conv2d(channels, outputs, 3, padding=1)

    def forward(self, vector: Tensor, features: list[Tensor]) -> Tensor:
        x = self.from_vector(vector[:, :, None, None])
        for scale, skip in zip(self.scales, reversed(features)):
            x = scale(torch.cat([self.larger(x), skip], 1))
        return self.out(x)
