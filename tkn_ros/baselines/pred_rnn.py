"""PredRNN: Wang et al., "PredRNN: Recurrent Neural Networks for Predictive Learning using
Spatiotemporal LSTMs", NeurIPS 2017.

A stack of ST-LSTM layers on patches of the frame. The memory M zigzags: up through the
layers within a step, from the top layer to the lowest one of the next step.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.cells import STLSTMCell, stack
from tkn_ros.baselines.frames import PatchedConfig, RecurrentBaseline


@dataclass(frozen=True)
class PredRNNConfig(PatchedConfig):
    """Table III of TKN's paper is met by these widths.

    Attributes:
        hidden: channels of every layer.
        layers: how many.
    """

    hidden: int = 64
    layers: int = 4


class State(NamedTuple):
    """h, c: one for each layer; m: one for all; penalty: the sum of what `coupling` said."""

    h: list[Tensor]
    c: list[Tensor]
    m: Tensor
    penalty: Tensor | float


class PredRNN(RecurrentBaseline):
    """See the module."""

    def __init__(self, config: PredRNNConfig) -> None:
        super().__init__(config)
        self.config: PredRNNConfig = config
        folded, hidden = config.channels * config.patch**2, config.hidden
        make = partial(STLSTMCell, kernel=config.kernel)
        self.cells = stack(make, folded, hidden, config.layers)
        self.out = nn.Conv2d(hidden, folded, 1, bias=False)

    def start(self, frames: Tensor) -> State:
        b, _, _, height, width = frames.shape
        p = self.config.patch
        zero = frames.new_zeros(b, self.config.hidden, height // p, width // p)
        return State([zero] * self.config.layers, [zero] * self.config.layers, zero, 0.0)

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        x = F.pixel_unshuffle(frame, self.config.patch)  # (B, C p p, H / p, W / p)
        h, c, m, penalty = [], [], state.m, state.penalty
        for cell, h_before, c_before in zip(self.cells, state.h, state.c):
            x, c_now, m, added = cell(x, h_before, c_before, m)
            h.append(x)
            c.append(c_now)
            penalty = penalty + self.coupling(*added)
        return F.pixel_shuffle(self.out(x), self.config.patch), State(h, c, m, penalty)

    def coupling(self, added_c: Tensor, added_m: Tensor) -> Tensor | float:
        """How much alike a layer's two memories grow: nothing here; PredRNNv2 has it."""
        return 0.0
