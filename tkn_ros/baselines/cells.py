"""Recurrent cells that several networks share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def same(inputs: int, outputs: int, kernel: int, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps the size of the map.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: its side, odd [pixel].
        bias: whether it has one.
    """
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)


def stack(
    make: Callable[[int, int], nn.Module], inputs: int, hidden: int, layers: int
) -> nn.ModuleList:
    """Cells on top of each other, the lowest first.

    Args:
        make: a cell of so many channels in and out.
        inputs: channels of the lowest cell's input.
        hidden: channels of every cell's output.
        layers: how many cells.
    """
    return nn.ModuleList(make(inputs if i == 0 else hidden, hidden) for i in range(layers))


class ConvLSTMCell(nn.Module):
    """Shi et al., "Convolutional LSTM Network", NeurIPS 2015, without the peepholes W_c∘C.

    Peepholes are left out as in the code that the later papers compare with; their weights depend
    on the size of the map.

    Args:
        inputs: channels of x.
        hidden: channels of h and c.
        kernel: side of the convolutions [pixel].
        bias: whether gates have one.
        forget: added to the forget gate, so that the cell remembers at first.
    """

    def __init__(
        self, inputs: int, hidden: int, kernel: int, bias: bool = False, forget: float = 0.0
    ) -> None:
        super().__init__()
        self.hidden, self.forget = hidden, forget
        self.gates = same(inputs + hidden, 4 * hidden, kernel, bias)

    def start(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Zero h and c for maps of the size of `like`, (B, any, h, w)."""
        zero = like.new_zeros(like.shape[0], self.hidden, *like.shape[-2:])
        return zero, zero

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(B, inputs, h, w) and (h, c), (B, hidden, h, w) each -> the next (h, c)."""
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = (f + self.forget).sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class STLSTMCell(nn.Module):
    """Wang et al., "PredRNN", NeurIPS 2017, "Spatiotemporal LSTM": a ConvLSTM with a second memory
    M that goes through the layers of one step, and then to the lowest layer of the next.

    Args:
        inputs: channels of x.
        hidden: channels of h, c and m.
        kernel: side of the convolutions [pixel].
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.of_x = same(inputs, 7 * hidden, kernel)
        self.of_h = same(hidden, 4 * hidden, kernel)
        self.of_m = same(hidden, 3 * hidden, kernel)
        self.of_memories = same(2 * hidden, hidden, kernel)
        self.both = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(
        self, x: Tensor, h: Tensor, c: Tensor, m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Next h, c, m, (B, hidden, h, w) each, and what was added to c and to m.

        Args:
            x: (B, inputs, h, w).
            h: (B, hidden, h, w), output of the step before.
            c: memory of this layer.
            m: memory of the layer below, or of the top layer one step before.
        """
        ix, fx, gx, jx, ex, ux, ox = self.of_x(x).chunk(7, 1)
        ih, fh, gh, oh = self.of_h(h).chunk(4, 1)
        jm, em, um = self.of_m(m).chunk(3, 1)
        added_c = (ix + ih).sigmoid() * (gx + gh).tanh()
        added_m = (jx + jm).sigmoid() * (ux + um).tanh()
        c = (fx + fh + 1).sigmoid() * c + added_c  # + 1: it remembers at first
        m = (ex + em + 1).sigmoid() * m + added_m
        memories = torch.cat([c, m], 1)  # (B, 2 hidden, h, w)
        o = (ox + oh + self.of_memories(memories)).sigmoid()
        return o * self.both(memories).tanh(), c, m, (added_c, added_m)
