"""E3D-LSTM: Wang et al., "Eidetic 3D LSTM: A Model for Video Prediction and Beyond", ICLR 2019.

Recurrent over short clips: 3D convolutions look at the last frames at once, and each cell recalls
by attention over all of its earlier memories (RECALL). As in the authors' code the second memory
also passes through a convolution before it is kept (W_mm); with it Table III of TKN's paper is met.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.cells import stack
from tkn_ros.baselines.frames import BaselineConfig, RecurrentBaseline, check_odd


@dataclass(frozen=True)
class E3DLSTMConfig(BaselineConfig):
    """Table III of TKN's paper is met by these widths.

    Attributes:
        hidden: channels of every layer.
        layers: how many.
        kernel: of the convolutions, (frames, pixels, pixels).
        clip: frames that a step looks at.
        patch: side of the squares of pixels that become channels [pixel].
        recalled: memories that attention goes back over, 0 for all.
    """

    hidden: int = 32
    layers: int = 4
    kernel: tuple[int, int, int] = (2, 5, 5)
    clip: int = 4
    patch: int = 4
    recalled: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.kernel) != 3:
            raise ValueError(f'kernel is {list(self.kernel)}, expected (frames, pixels, pixels)')
        for side in self.kernel[1:]:
            check_odd('kernel', side)
        self.check_multiple(self.patch, 'the patch')


class SameConv3d(nn.Module):
    """A convolution that keeps the size; an even kernel looks back in time, not ahead.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: (frames, pixels, pixels), the latter two odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        time, height, width = kernel
        self.margins = (width // 2, width // 2, height // 2, height // 2, time - 1, 0)
        self.conv = nn.Conv3d(inputs, outputs, kernel, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, self.margins))


class EideticCell(nn.Module):
    """The "Eidetic 3D LSTM" unit; states are (B, hidden, clip, h, w).

    Args:
        inputs: channels of x.
        hidden: channels of the states.
        kernel: (frames, pixels, pixels).
    """

    def __init__(self, inputs: int, hidden: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        self.of_x = SameConv3d(inputs, 7 * hidden, kernel)
        self.of_h = SameConv3d(hidden, 4 * hidden, kernel)
        self.of_m = SameConv3d(hidden, 4 * hidden, kernel)
        self.c_to_output = SameConv3d(hidden, hidden, kernel)
        self.m_to_output = SameConv3d(hidden, hidden, kernel)
        self.both = nn.Conv3d(2 * hidden, hidden, 1, bias=False)

    def forward(
        self, x: Tensor, h: Tensor, c: Tensor, m: Tensor, memories: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Next h, c and m.

        Args:
            x: (B, inputs, clip, h, w).
            h: output of the step before.
            c: memory of the step before.
            m: memory of the layer below.
            memories: (B, hidden, tau clip, h, w), this layer's c of earlier steps.
        """
        ix, gx, rx, ox, jx, ux, fx = self.of_x(x).chunk(7, 1)
        ih, gh, rh, oh = self.of_h(h).chunk(4, 1)
        jm, um, fm, mm = self.of_m(m).chunk(4, 1)
        recalled = recall((rx + rh).sigmoid(), memories)
        added = (ix + ih).sigmoid() * (gx + gh).tanh()
        size = [int(side) for side in c.shape[1:]]  # numbers also where the network is exported
        c = F.layer_norm(c + recalled, size) + added
        m = (fx + fm + 1).sigmoid() * mm.tanh() + (jx + jm).sigmoid() * (ux + um).tanh()
        o = (ox + oh + self.c_to_output(c) + self.m_to_output(m)).sigmoid()
        return o * self.both(torch.cat([c, m], 1)).tanh(), c, m


def recall(gate: Tensor, memories: Tensor) -> Tensor:
    """RECALL: softmax(R C^T) C over all places of all memories.

    gate: R, (B, hidden, clip, h, w); memories: C, (B, hidden, tau clip, h, w).
    """
    query, key = (t.flatten(2).transpose(1, 2) for t in (gate, memories))  # (B, places, hidden)
    found = F.scaled_dot_product_attention(query, key, key, scale=1.0)
    return found.transpose(1, 2).reshape(gate.shape)


class State(NamedTuple):
    """The last frames, folded; h and c of each layer; m; and each layer's earlier memories."""

    recent: list[Tensor]
    h: list[Tensor]
    c: list[Tensor]
    m: Tensor
    memories: list[Tensor]


class E3DLSTM(RecurrentBaseline):
    """See the module."""

    def __init__(self, config: E3DLSTMConfig) -> None:
        super().__init__(config)
        self.config: E3DLSTMConfig = config
        folded, hidden = config.channels * config.patch**2, config.hidden
        make = partial(EideticCell, kernel=config.kernel)
        self.cells = stack(make, folded, hidden, config.layers)
        self.out = nn.Conv3d(hidden, folded, (config.clip, 1, 1), bias=False)

    def start(self, frames: Tensor) -> State:
        b, _, _, height, width = frames.shape
        c = self.config
        size = height // c.patch, width // c.patch
        blank = frames.new_zeros(b, c.channels * c.patch**2, *size)
        zero = frames.new_zeros(b, c.hidden, c.clip, *size)
        each = [zero] * c.layers
        return State([blank] * c.clip, each, each, zero, each)

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        c = self.config
        recent = [*state.recent[1:], F.pixel_unshuffle(frame, c.patch)]
        x, m = torch.stack(recent, 2), state.m  # (B, C p p, clip, H / p, W / p)
        h, memory, memories = [], [], []
        for i, cell in enumerate(self.cells):
            x, now, m = cell(x, state.h[i], state.c[i], m, state.memories[i])
            h.append(x)
            memory.append(now)
            kept = torch.cat([state.memories[i], now], 2)
            memories.append(kept[:, :, -c.recalled * c.clip :])  # all where recalled is 0
        predicted = F.pixel_shuffle(self.out(x).squeeze(2), c.patch)
        return predicted, State(recent, h, memory, m, memories)
