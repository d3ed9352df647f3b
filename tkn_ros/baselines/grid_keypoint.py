"""Grid-Keypoint: Gao et al., "Accurate Grid Keypoint Learning for Efficient Video Prediction",
IROS 2021.

As Struct-VRNN, but keypoints lie on a grid: each is one of H x W places, predicted as a
classification by a stochastic ConvLSTM over maps of the grid. Frames are drawn with skip
connections from the first frame.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.cells import ConvLSTMCell
from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.keypoint_layers import (
    ImageEncoder,
    KeypointBaselineConfig,
    conv_block,
    repeated,
    scales_between,
)
from tkn_ros.baselines.stochastic import divergence, gaussian_of
from tkn_ros.model.detector import keypoints_to_maps, maps_to_keypoints


@dataclass(frozen=True)
class GridKeypointConfig(KeypointBaselineConfig):
    """As the authors' for KTH. Square frames.

    Attributes:
        layers: convolutions of each scale.
        hidden: channels of the ConvLSTM.
        condensing: weight of the loss that makes heatmaps peaks.
        beta: weight of the divergence.
    """

    layers: int = 3
    hidden: int = 128
    condensing: float = 0.01
    beta: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        scales_between(self.height, self.width, self.map_side)


class GridDynamics(nn.Module):
    """Prior p(z|h), posterior q(z|h, g), grid logits(h, z), h = ConvLSTM([g, z], h).

    g: (B, K, H, W), 1 at each keypoint's place; h: (B, hidden, H / 4, W / 4).
    """

    def __init__(self, keypoints: int, hidden: int) -> None:
        super().__init__()
        small, half = hidden // 4, hidden // 2
        pool, larger = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.embed = nn.Sequential(
            *conv_block(keypoints, small),
            pool,
            *conv_block(small, half),
            pool,
            *conv_block(half, hidden),
        )
        self.cell = ConvLSTMCell(hidden + 1, hidden, 3)
        self.prior = nn.Sequential(*conv_block(hidden, hidden), nn.Conv2d(hidden, 2, 3, padding=1))
        self.look = nn.Sequential(
            *conv_block(keypoints, hidden // 8),
            *conv_block(hidden // 8, small),
            pool,
            *conv_block(small, half),
            pool,
        )
        self.posterior = nn.Sequential(
            *conv_block(hidden + half, hidden), nn.Conv2d(hidden, 2, 3, padding=1)
        )
        self.decoder = nn.Sequential(
            *conv_block(hidden + 1, hidden),
            larger,
            *conv_block(hidden, half),
            larger,
            *conv_block(half, small),
            nn.Conv2d(small, keypoints, 1),
        )

    def forward(self, observed: Tensor, steps: int, first: int = 0) -> tuple[list[Tensor], Tensor]:
        """Logits (B, K, H, W) of the steps from `first` on, and the mean divergence.

        Args:
            observed: (B, T, K, H, W), 1 at each keypoint's place; after them the likeliest places.
            steps: how many in all.
            first: number of the first step whose logits are wanted.
        """
        known = observed.shape[1]
        b, _, _, height, width = observed.shape
        state = self.cell.start(observed.new_zeros(b, 1, height // 4, width // 4))
        logits, kl = [], observed.new_zeros(())
        for t in range(steps):
            h = state[0]
            if t < known:
                seen = self.look(observed[:, t])
                chosen = gaussian_of(self.posterior(torch.cat([h, seen], 1)))
                if self.training:
                    kl = kl + divergence(chosen, gaussian_of(self.prior(h))) / known
            else:
                chosen = gaussian_of(self.prior(h))
            z = chosen.draw(self.training)
            if t >= first:
                logits.append(self.decoder(torch.cat([h, z], 1)))
            places = observed[:, t] if t < known else _likeliest(logits[-1])
            state = self.cell(torch.cat([self.embed(places), z], 1), state)
        return logits, kl


class GridKeypoint(Baseline):
    """See the module."""

    def __init__(self, config: GridKeypointConfig) -> None:
        super().__init__(config)
        self.config: GridKeypointConfig = config
        c = config
        halvings = scales_between(c.height, c.width, c.map_side)
        widest = c.filters * 2**halvings
        self.encoder = ImageEncoder(c.channels, c.filters, halvings, c.layers, pooled=True)
        self.to_maps = nn.Conv2d(widest, c.keypoints, 1)
        self.look = ImageEncoder(c.channels, c.filters, halvings, c.layers, pooled=True)
        self.join = nn.Sequential(nn.Conv2d(widest + c.keypoints, widest, 1), nn.LeakyReLU(0.2))
        self.scales = nn.ModuleList()
        for scale in reversed(range(halvings + 1)):
            width = c.filters * 2**scale
            stack = conv_block(width if scale == halvings else 2 * width, width)
            for _ in range(c.layers - 2):
                stack += conv_block(width, width)
            stack += conv_block(width, max(width // 2, c.filters))
            self.scales.append(nn.Sequential(*stack))
        self.out = nn.Conv2d(c.filters, c.channels, 1)
        self.larger = nn.Upsample(scale_factor=2)
        self.dynamics = GridDynamics(c.keypoints, c.hidden)

    def detect(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C, H, W) -> points (B, T, K, 2) on the grid, and heatmaps (B T, K, h, w).

        The gradient passes the rounding to the grid as if it were not there.
        """
        maps = self.to_maps(self.encoder(frames.flatten(0, 1))[-1]).sigmoid()
        points = maps_to_keypoints(maps)[..., :2].unflatten(0, frames.shape[:2])
        return points + (self.on_grid(points) - points).detach(), maps

    def on_grid(self, points: Tensor) -> Tensor:
        """x and y in [-1, 1] to the nearest of the frame's pixels."""
        cells = self.config.width - 1
        return ((points + 1) / 2 * cells).round() / cells * 2 - 1

    def places(self, points: Tensor) -> Tensor:
        """(.., K, 2) on the grid -> numbers of their cells (.., K), row by row."""
        cells = ((points + 1) / 2 * (self.config.width - 1)).round().long()
        return cells[..., 1] * self.config.width + cells[..., 0]

    def draw(self, points: Tensor, first: Tensor, first_points: Tensor) -> Tensor:
        """(B, m, K, 2) -> (B, m, C, H, W): the first frame and a change.

        Args:
            points: (B, m, K, 2) to draw.
            first: (B, C, H, W), the first frame.
            first_points: (B, K, 2), its own.
        """
        b, m = points.shape[:2]
        maps = self._maps(points.flatten(0, 1)).unflatten(0, (b, m))
        change = maps - self._maps(first_points)[:, None]  # (B, m, K, side, side)
        *skips, features = (repeated(f, m) for f in self.look(first))
        x = self.join(torch.cat([change.flatten(0, 1), features], 1))
        for i, scale in enumerate(self.scales):
            x = scale(torch.cat([self.larger(x), skips[-i]], 1) if i else x)
        return first[:, None] + self.out(x).unflatten(0, (b, m))

    def _maps(self, points: Tensor) -> Tensor:
        full = torch.cat([points, torch.ones_like(points[..., :1])], -1)  # no intensity
        return keypoints_to_maps(
            full, self.config.map_side, self.config.map_side, self.config.sigma
        )

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        n, width = frames.shape[1], self.config.width
        points, _ = self.detect(frames)
        logits, _ = self.dynamics(self._grids(points), n + horizon, n)
        cells = torch.stack(logits, 1).flatten(3).argmax(-1)  # (B, m, K)
        predicted = torch.stack([cells % width, cells // width], -1) / (width - 1) * 2 - 1
        return self.draw(predicted.to(frames.dtype), frames[:, 0], points[:, 0])

    def _grids(self, points: Tensor) -> Tensor:
        side = self.config.width
        one = F.one_hot(self.places(points), side * side).to(points.dtype)
        return one.unflatten(-1, (side, side))  # (B, T, K, H, W)

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        """Redrawing, condensing (heatmaps as peaks), and the bound of the dynamics: the cross
        entropy of the places, and the divergence."""
        points, maps = self.detect(frames)
        redrawn = self.draw(points, frames[:, 0], points[:, 0])
        fixed = points.detach()
        logits, kl = self.dynamics(self._grids(fixed), frames.shape[1])
        flat = torch.stack(logits, 1).flatten(3)  # (B, T, K, H W)
        peaks = maps.flatten(2)
        condensing = -(peaks.amax(-1) - peaks.mean(-1)).amin(-1).mean()
        wrong = F.cross_entropy(flat.flatten(0, 2), self.places(fixed).flatten())
        c = self.config
        return F.mse_loss(redrawn, frames) + c.condensing * condensing + wrong + c.beta * kl


def _likeliest(logits: Tensor) -> Tensor:
    """(B, K, H, W) -> 1 at the largest of each map."""
    flat = logits.flatten(2)
    return F.one_hot(flat.argmax(-1), flat.shape[-1]).to(logits.dtype).view_as(logits)
