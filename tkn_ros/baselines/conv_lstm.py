"""ConvLSTM: Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
Nowcasting", NeurIPS 2015.

A stack of ConvLSTM layers on patches of the frame; the top layer's output becomes the next frame.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.cells import ConvLSTMCell
from tkn_ros.baselines.frames import PatchedConfig, RecurrentBaseline

State = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ConvLSTMConfig(PatchedConfig):
    """Table III of TKN's paper is met by these widths.

    Attributes:
        hidden: channels of each layer.
    """

    hidden: tuple[int, ...] = (64,) * 6


class ConvLSTM(RecurrentBaseline):
    """See the module."""

    def __init__(self, config: ConvLSTMConfig) -> None:
        super().__init__(config)
        self.config: ConvLSTMConfig = config
        folded = config.channels * config.patch**2
        self.cells = nn.ModuleList(
            ConvLSTMCell(inputs, hidden, config.kernel, forget=1.0)
            for inputs, hidden in zip((folded, *config.hidden), config.hidden)
        )
        self.out = nn.Conv2d(config.hidden[-1], folded, 1)

    def start(self, frames: Tensor) -> State:
        b, _, _, height, width = frames.shape
        p = self.config.patch
        zeros = [frames.new_zeros(b, c, height // p, width // p) for c in self.config.hidden]
        return [(zero, zero) for zero in zeros]

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        h = F.pixel_unshuffle(frame, self.config.patch)  # (B, C p p, H / p, W / p)
        new: State = []
        for cell, before in zip(self.cells, state):
            new.append(cell(h, before))
            h = new[-1][0]
        return F.pixel_shuffle(self.out(h), self.config.patch), new
