"""Struct-VRNN: Minderer et al., "Unsupervised Learning of Object Structure and Dynamics from
Videos", NeurIPS 2019.

A frame becomes K keypoints (x, y, intensity); a variational RNN predicts them; a frame is redrawn
as the *first* frame plus a change, from the keypoints' Gaussian maps, those of the first frame, and
the first frame's features.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.keypoint_layers import (
    ImageEncoder,
    KeypointBaselineConfig,
    conv_block,
    repeated,
    scales_between,
    separation_loss,
)
from tkn_ros.baselines.stochastic import divergence, gaussian_of
from tkn_ros.model.detector import CoordinateGenerator, grid, keypoints_to_maps


@dataclass(frozen=True)
class StructVRNNConfig(KeypointBaselineConfig):
    """Square frames. `hidden` is what Table III of TKN's paper needs; the authors' code has 512.

    Attributes:
        layers: convolutions of each scale.
        hidden: of the GRU.
        latent: size of the latent variable.
        inner: width of the hidden layers of prior, posterior and decoder.
        separation: weight of the loss that keeps keypoints apart.
        sparsity: weight of the mean intensity.
        beta: weight of the divergence.
    """

    layers: int = 2
    hidden: int = 1000
    latent: int = 16
    inner: int = 128
    separation: float = 0.02
    sparsity: float = 0.01
    beta: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        scales_between(self.height, self.width, self.map_side)


class KeypointVRNN(nn.Module):
    """The dynamics: prior p(z|h), posterior q(z|h, x), x = decoder(h, z), h = GRU([x, z], h)."""

    def __init__(self, config: StructVRNNConfig) -> None:
        super().__init__()
        c, self.size = config, 3 * config.keypoints
        self.hidden = c.hidden

        def net(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(inputs, c.inner), nn.ReLU(), nn.Linear(c.inner, outputs))

        self.prior = net(c.hidden, 2 * c.latent)
        self.posterior = net(c.hidden + self.size, 2 * c.latent)
        self.decoder = net(c.hidden + c.latent, self.size)
        self.cell = nn.GRUCell(self.size + c.latent, c.hidden)

    def forward(self, observed: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Decoded keypoints (B, steps, 3K) of all moments, and the mean divergence.

        observed: (B, T, 3K); after them the decoded ones and the prior are taken.
        """
        known = observed.shape[1]
        h = observed.new_zeros(len(observed), self.hidden)
        decoded, kl = [], observed.new_zeros(())
        for t in range(steps):
            chosen = prior = gaussian_of(self.prior(h))
            if t < known:
                chosen = gaussian_of(self.posterior(torch.cat([h, observed[:, t]], 1)))
                kl = kl + divergence(chosen, prior) / known
            z = chosen.draw(self.training)
            decoded.append(self.decoder(torch.cat([h, z], 1)))
            x = observed[:, t] if t < known else decoded[-1]
            h = self.cell(torch.cat([x, z], 1), h)
        return torch.stack(decoded, 1), kl


class StructVRNN(Baseline):
    """See the module."""

    def __init__(self, config: StructVRNNConfig) -> None:
        super().__init__(config)
        self.config: StructVRNNConfig = config
        c = config
        halvings = scales_between(c.height, c.width, c.map_side)
        widest = c.filters * 2**halvings
        self.encoder = ImageEncoder(c.channels + 2, c.filters, halvings, c.layers, pooled=False)
        self.to_keypoints = CoordinateGenerator(widest, c.keypoints)
        self.look = ImageEncoder(c.channels, c.filters, halvings, c.layers, pooled=False)
        self.join = nn.Sequential(
            nn.Conv2d(widest + 2 * c.keypoints + 2, widest, 1), nn.LeakyReLU(0.2)
        )
        stack: list[nn.Module] = []
        for scale in reversed(range(halvings)):
            width = c.filters * 2**scale
            stack += [nn.Upsample(scale_factor=2, mode='bilinear'), *conv_block(2 * width, width)]
            for _ in range(c.layers - 1):
                stack += conv_block(width, width)
        self.decoder = nn.Sequential(*stack, nn.Conv2d(c.filters, c.channels, 1))
        self.dynamics = KeypointVRNN(config)

    def detect(self, frames: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, T, K, 3)."""
        flat = frames.flatten(0, 1)
        features = self.encoder(_with_places(flat))[-1]
        return self.to_keypoints(features).unflatten(0, frames.shape[:2])

    def draw(self, keypoints: Tensor, first: Tensor, first_keypoints: Tensor) -> Tensor:
        """(B, m, K, 3) -> (B, m, C, H, W).

        Args:
            keypoints: (B, m, K, 3) to draw.
            first: (B, C, H, W), the first frame.
            first_keypoints: (B, K, 3), its own.
        """
        b, m = keypoints.shape[:2]
        c, side = self.config, self.config.map_side
        maps = keypoints_to_maps(keypoints.flatten(0, 1), side, side, c.sigma)
        first_maps = keypoints_to_maps(first_keypoints, side, side, c.sigma)
        shared = torch.cat([self.look(first)[-1], first_maps], 1)  # (B, .., side, side)
        change = self.decoder(self.join(_with_places(torch.cat([maps, repeated(shared, m)], 1))))
        return first[:, None] + change.unflatten(0, (b, m))

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        n = frames.shape[1]
        observed = self.detect(frames)
        predicted, _ = self.dynamics(observed.flatten(2), n + horizon)
        predicted = predicted[:, n:].unflatten(2, observed.shape[2:])
        return self.draw(predicted, frames[:, 0], observed[:, 0])

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        """Redrawing, separation, sparsity, and the variational bound of the dynamics,
        which learns from keypoints that it does not change."""
        c = self.config
        keypoints = self.detect(frames)
        redrawn = self.draw(keypoints, frames[:, 0], keypoints[:, 0])
        fixed = keypoints.detach().flatten(2)
        decoded, kl = self.dynamics(fixed, frames.shape[1])
        free, _ = self.dynamics(fixed[:, :window], frames.shape[1])
        return (
            F.mse_loss(redrawn, frames)
            + c.separation * separation_loss(keypoints)
            + c.sparsity * keypoints[..., 2].mean()
            + F.mse_loss(decoded, fixed)
            + F.mse_loss(free[:, window:], fixed[:, window:])
            + c.beta * kl
        )


def _with_places(x: Tensor) -> Tensor:
    """(B, C, h, w) with two channels more: x and y from -1 to 1."""
    height, width = x.shape[-2:]
    xs = grid(width, x).expand(len(x), 1, height, width)
    ys = grid(height, x)[:, None].expand(len(x), 1, height, width)
    return torch.cat([x, xs, ys], 1)
