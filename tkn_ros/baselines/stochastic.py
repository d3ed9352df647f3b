"""Latent variables of the stochastic networks: Gaussians, drawn and compared.

In evaluation mode the mean is taken in place of a sample, so that the same frames give the same
prediction. Published figures of such networks are often the best of many samples; ours are not.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Gaussian(NamedTuple):
    """mean and logarithm of the variance, of one shape (B, ..)."""

    mean: Tensor
    log_variance: Tensor

    def draw(self, random: bool) -> Tensor:
        """A sample, or the mean."""
        if not random:
            return self.mean
        return self.mean + (self.log_variance / 2).exp() * torch.randn_like(self.mean)


def gaussian_of(x: Tensor) -> Gaussian:
    """(B, 2 C, ..) of a network -> mean and log variance, (B, C, ..) each."""
    return Gaussian(*x.chunk(2, 1))


def divergence(p: Gaussian, q: Gaussian) -> Tensor:
    """KL(p || q), summed over the variables, mean over the batch; a scalar."""
    gap = (p.mean - q.mean) ** 2
    each = (
        (q.log_variance - p.log_variance) + (p.log_variance.exp() + gap) / q.log_variance.exp() - 1
    ) / 2
    return each.flatten(1).sum(1).mean()


class StackedLSTM(nn.Module):
    """Linear, LSTM layers, and what `heads` make of the output; one step at a time.

    Args:
        inputs: features in.
        hidden: of every layer.
        layers: how many.
        outputs: features of each head.
        heads: 1 for a tanh output, 2 for a Gaussian (mean and log variance).
    """

    def __init__(self, inputs: int, hidden: int, layers: int, outputs: int, heads: int = 1) -> None:
        super().__init__()
        self.hidden = hidden
        self.embed = nn.Linear(inputs, hidden)
        self.cells = nn.ModuleList(nn.LSTMCell(hidden, hidden) for _ in range(layers))
        self.heads = nn.ModuleList(nn.Linear(hidden, outputs) for _ in range(heads))

    def start(self, like: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Zero states for a batch like (B, ..)."""
        zero = like.new_zeros(len(like), self.hidden)
        return [(zero, zero)] * len(self.cells)

    def forward(
        self, x: Tensor, states: list[tuple[Tensor, Tensor]]
    ) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        """(B, inputs) and the states -> each head's (B, outputs) and the next states."""
        x, new = self.embed(x), []
        for cell, state in zip(self.cells, states):
            new.append(cell(x, state))
            x = new[-1][0]
        return [head(x) for head in self.heads], new
