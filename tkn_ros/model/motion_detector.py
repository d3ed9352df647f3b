"""Where something moves: a network that proposes keypoints. Ours, beyond the paper.

The paper's detector gives one centroid for each of K channels (Eqs 6 and 7). Trained on cameras in
general a channel stands for a region, jumps between objects and follows nothing. This one only
says, for every place of the newest frame, how likely the thing that is seen there is moving. The
points that are followed are placed on its peaks (`streaming/follower.py`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tkn_ros.model.background import beside, conv_layer

EARLIER = (1, 3)  # frames back to which the newest one is compared
STRIDE = 2  # pixels of the input a cell of the map


@dataclass(frozen=True)
class MotionDetectorConfig:
    """Size of the U-Net.

    Attributes:
        height: of the input [pixel], a multiple of 16.
        width: of the input [pixel], a multiple of 16.
        channels: of the four scales, multiples of 8.
    """

    height: int = 128
    width: int = 160
    channels: tuple[int, ...] = (16, 24, 40, 48)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'channels', tuple(self.channels))  # a list when it is from JSON
        if any(side < 32 or side % 16 for side in (self.height, self.width)):
            raise ValueError(
                f'the motion detector is {self.height} x {self.width}, expected multiples of 16 '
                'pixels, at least 32'
            )
        if len(self.channels) != 4 or any(c < 8 or c % 8 for c in self.channels):
            raise ValueError(
                f'the motion detector has channels {list(self.channels)}, expected four '
                'multiples of 8'
            )


class MotionDetector(nn.Module):
    """A U-Net of four scales (1/2 to 1/16): frames and their differences -> a map of motion."""

    def __init__(self, config: MotionDetectorConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c, d = config.channels
        self.down0 = conv_layer(3 + len(EARLIER), a, 2)
        self.down1 = nn.Sequential(conv_layer(a, b, 2), conv_layer(b, b))
        self.down2 = nn.Sequential(conv_layer(b, c, 2), conv_layer(c, c))
        self.down3 = nn.Sequential(conv_layer(c, d, 2), conv_layer(d, d), conv_layer(d, d))
        self.up2, self.up1, self.up0 = (
            conv_layer(d + c, c),
            conv_layer(c + b, b),
            conv_layer(b + a, 16),
        )
        self.out = nn.Conv2d(16, 1, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, 3, 3, H, W) in [0, 1]: newest frame, those 1 and 3 before -> logits (B, H/2, W/2)."""
        grey = frames.mean(2)  # (B, 3, H, W)
        x0 = self.down0(
            torch.cat(
                [
                    frames[:, 0],
                    (grey[:, :1] - grey[:, 1:2]) * 4,  # scaled to be of like size
                    (grey[:, :1] - grey[:, 2:]) * 2,
                ],
                1,
            )
        )  # (B, a, H/2, W/2)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        y = self.up2(beside(self.down3(x2), x2))
        y = self.up1(beside(y, x1))
        return self.out(self.up0(beside(y, x0)))[:, 0]  # (B, H/2, W/2)
