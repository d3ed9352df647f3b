"""Where something moves: a network that proposes keypoints. Ours, beyond the paper.

The paper's detector gives one centroid for each of K channels (Eqs 6 and 7). Trained on cameras in
general a channel stands for a region, jumps between objects and follows nothing. This one only
says, for every place of the newest frame, how likely the thing that is seen there is moving. The
points that are followed are placed on its peaks (`streaming/follower.py`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tkn_ros.model.ranges import MAX_MAP, MAX_SIDE, check_product, check_whole, whole_numbers
from tkn_ros.model.unet import UNet

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
        channels = whole_numbers('channels of the motion detector', self.channels, 8, 4096)
        object.__setattr__(self, 'channels', channels)
        for name in ('height', 'width'):
            check_whole(f'{name} of the motion detector', getattr(self, name), 32, MAX_SIDE)
        if any(side % 16 for side in (self.height, self.width)):
            raise ValueError(
                f'the motion detector is {self.height} x {self.width}, expected multiples of 16 '
                'pixels, at least 32'
            )
        size = self.height * self.width * max(self.channels)
        check_product('height, width and channels of the motion detector', size, MAX_MAP)
        if len(self.channels) != 4 or any(c % 8 for c in self.channels):
            raise ValueError(
                f'the motion detector has channels {list(self.channels)}, expected four '
                'multiples of 8'
            )


class MotionDetector(UNet):
    """Frames and their differences -> a map of motion, half as large."""

    def __init__(self, config: MotionDetectorConfig) -> None:
        super().__init__(3 + len(EARLIER), config.channels, 16, 1, kernel=1, stride=STRIDE)
        self.config = config

    def forward(self, frames: Tensor) -> Tensor:
        """(B, 3, 3, H, W) in [0, 1]: newest frame, those 1 and 3 before -> logits (B, H/2, W/2)."""
        grey = frames.mean(2)  # (B, 3, H, W)
        x = torch.cat(
            [
                frames[:, 0],
                (grey[:, :1] - grey[:, 1:2]) * 4,  # scaled to be of like size
                (grey[:, :1] - grey[:, 2:]) * 2,
            ],
            1,
        )  # (B, 5, H, W)
        return super().forward(x)[:, 0]
