"""PhyDNet: Le Guen and Thome, "Disentangling Physical Dynamics from Unknown Factors for
Unsupervised Video Prediction", CVPR 2020.

Two branches on the features of a frame: PhyCell, whose prediction is a learned partial
differential equation, and a ConvLSTM for all else. Their sum is decoded to the next frame.
The moment loss makes each filter of the equation the derivative of its order.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tkn_ros.baselines.cells import ConvLSTMCell, same
from tkn_ros.baselines.frames import BaselineConfig, RecurrentBaseline, check_odd


@dataclass(frozen=True)
class PhyDNetConfig(BaselineConfig):
    """As the authors' for Moving MNIST and KTH.

    Attributes:
        features: channels of the first layers.
        kernel: side of the derivatives' filters [pixel]; there are kernel^2 of them.
        hidden: channels of the ConvLSTM's layers, the last one twice `features`.
        moment: weight of the moment loss.
    """

    features: int = 32
    kernel: int = 7
    hidden: tuple[int, ...] = (128, 128, 64)
    moment: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd('kernel', self.kernel)
        self.check_multiple(4, 'it is halved twice')
        if self.hidden[-1] != 2 * self.features:
            raise ValueError(
                f'hidden ends with {self.hidden[-1]}, expected 2 features = {2 * self.features}'
            )


class PhyCell(nn.Module):
    """Prediction h~ = h + Phi(h), then correction h = h~ + K (E(u) - h~).

    Args:
        channels: of the state.
        kernel: side of the filters [pixel].
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        orders = kernel**2
        self.derivatives = same(channels, orders, kernel, bias=True)
        self.norm = nn.GroupNorm(kernel, orders)
        self.combine = nn.Conv2d(orders, channels, 1)
        self.gain = same(2 * channels, channels, 3, bias=True)

    def forward(self, u: Tensor, h: Tensor) -> Tensor:
        """E(u) and h, (B, channels, h, w) each -> the next h."""
        predicted = h + self.combine(self.norm(self.derivatives(h)))
        gain = self.gain(torch.cat([u, predicted], 1)).sigmoid()
        return predicted + gain * (u - predicted)

    def moment_loss(self) -> Tensor:
        """||M(w_k) - Delta_k||^2, where M(w)_ij = sum_uv u^i v^j w_uv / (i! j!) and Delta_k
        is 1 at the k-th order (i, j) and 0 elsewhere; mean over filters, summed over channels."""
        weight = self.derivatives.weight  # (k k, channels, k, k)
        k = weight.shape[-1]
        places = torch.arange(k, device=weight.device, dtype=weight.dtype) - k // 2
        powers = torch.stack([places**i / math.factorial(i) for i in range(k)])  # (k, k)
        moments = powers @ weight @ powers.T  # (k k, channels, k, k)
        wanted = torch.eye(k * k, device=weight.device, dtype=weight.dtype).view(k * k, 1, k, k)
        return ((moments - wanted) ** 2).mean((0, 2, 3)).sum()


class State(NamedTuple):
    """h: PhyCell's, (B, 2 features, H / 4, W / 4); lstm: of each layer."""

    h: Tensor
    lstm: list[tuple[Tensor, Tensor]]


class PhyDNet(RecurrentBaseline):
    """See the module."""

    def __init__(self, config: PhyDNetConfig) -> None:
        super().__init__(config)
        self.config: PhyDNetConfig = config
        f, wide = config.features, 2 * config.features
        self.encoder = nn.Sequential(
            _down(config.channels, f), _keep(f, f), _down(f, wide)
        )  # (B, 2 f, H / 4, W / 4)
        self.to_physics = nn.Sequential(_keep(wide, wide), _keep(wide, wide))
        self.to_rest = nn.Sequential(_keep(wide, wide), _keep(wide, wide))
        self.physics = PhyCell(wide, config.kernel)
        self.rest = nn.ModuleList(
            ConvLSTMCell(inputs, hidden, 3, bias=True)
            for inputs, hidden in zip((wide, *config.hidden), config.hidden)
        )
        self.of_physics = nn.Sequential(_keep_up(wide, wide), _keep_up(wide, wide))
        self.of_rest = nn.Sequential(_keep_up(wide, wide), _keep_up(wide, wide))
        self.decoder = nn.Sequential(
            _up(wide, f),
            _keep_up(f, f),
            nn.ConvTranspose2d(f, config.channels, 3, 2, 1, 1),
            nn.Sigmoid(),
        )

    def start(self, frames: Tensor) -> State:
        b, _, _, height, width = frames.shape
        h = frames.new_zeros(b, 2 * self.config.features, -(-height // 4), -(-width // 4))
        zeros = [h.new_zeros(b, c, *h.shape[-2:]) for c in self.config.hidden]
        return State(h, [(zero, zero) for zero in zeros])

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        features = self.encoder(frame)
        h = self.physics(self.to_physics(features), state.h)
        x, lstm = self.to_rest(features), []
        for cell, before in zip(self.rest, state.lstm):
            lstm.append(cell(x, before))
            x = lstm[-1][0]
        return self.decoder(self.of_physics(h) + self.of_rest(x)), State(h, lstm)

    def penalty(self, state: State) -> Tensor | float:
        return self.config.moment * self.physics.moment_loss()


def _with_norm(convolution: nn.Module, outputs: int) -> nn.Sequential:
    groups = math.gcd(16, outputs)
    return nn.Sequential(convolution, nn.GroupNorm(groups, outputs), nn.LeakyReLU(0.2))


def _down(inputs: int, outputs: int) -> nn.Sequential:
    return _with_norm(nn.Conv2d(inputs, outputs, 3, 2, 1), outputs)


def _keep(inputs: int, outputs: int) -> nn.Sequential:
    return _with_norm(nn.Conv2d(inputs, outputs, 3, 1, 1), outputs)


def _keep_up(inputs: int, outputs: int) -> nn.Sequential:
    return _with_norm(nn.ConvTranspose2d(inputs, outputs, 3, 1, 1), outputs)


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return _with_norm(nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1), outputs)
