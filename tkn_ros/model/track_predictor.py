"""Where followed keypoints go: the paper's transformer encoder over time, one track a sequence.

The paper's predictor takes all K keypoints of a frame as one token (Eqs 20 and 21), which asks that
channel k means the same in every scene. Followed points come and go, so that here each keypoint is
a sequence of its own, with weights shared by all: n tokens in, n tokens out (Eqs 15 to 25), token
j of the output standing for frame t + j. Coordinates are relative to the newest position and scaled
by the track's own speed, so that neither place nor frame rate matters; the output says how the
track departs from constant velocity, and how uncertain that is. One more layer attends across the
keypoints of a frame: what moves together helps each other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tkn_ros.model.predictor import MOST, PredictorConfig, TransformerLayer, position_embedding
from tkn_ros.model.ranges import check_whole

FEATURES = 8  # of a token
VELOCITY_FRAMES = 4  # over which the constant velocity is measured
STILL = 0.15  # [pixel a frame] added to a speed: what tracking itself moves
SIGMA_FLOOR = 0.05  # [pixel]


@dataclass(frozen=True)
class TrackPredictorConfig:
    """Sizes of the encoder over time.

    Attributes:
        d_model: of a token.
        layers: over time.
        heads: of the attention.
        d_inner: of the feed-forward halves.
        across: layers across keypoints.
    """

    d_model: int = 64
    layers: int = 3
    heads: int = 4
    d_inner: int = 256
    across: int = 1

    def __post_init__(self) -> None:
        for name in ('d_model', 'layers', 'heads', 'd_inner'):
            check_whole(name, getattr(self, name), 1, MOST[name])
        check_whole('across', self.across, 0, MOST['layers'])
        if self.d_model % self.heads:
            raise ValueError(
                f'd_model is {self.d_model}, expected a multiple of heads ({self.heads})'
            )


class TrackPredictor(nn.Module):
    """Tracks in, tracks out, with a standard deviation for each step.

    Positions are in pixels of a picture 320 wide (`streaming/follower.py`).
    """

    def __init__(self, config: TrackPredictorConfig) -> None:
        super().__init__()
        self.config = c = config
        layer = PredictorConfig(
            d_model=c.d_model, heads=c.heads, d_head=c.d_model // c.heads, d_inner=c.d_inner
        )
        self.embed = nn.Linear(FEATURES, c.d_model)  # W of Eq 21
        self.layers = nn.ModuleList(TransformerLayer(layer) for _ in range(c.layers))
        self.place = nn.Linear(5, c.d_model) if c.across else None
        self.across = nn.ModuleList(TransformerLayer(layer) for _ in range(c.across))
        self.project = nn.Linear(c.d_model, 5)  # W' of Eq 25
        nn.init.zeros_(self.project.weight)  # at first velocity is constant
        nn.init.zeros_(self.project.bias)

    def forward(
        self, tracks: Tensor, known: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next n positions of tracks.

        Args:
            tracks: (B, n, K, 2) positions, oldest first; where not known, anything finite.
            known: (B, n, K) bool; the newest moment counts as known.
            present: (B, K) bool: which tracks the others may look at.

        Returns:
            mean (B, n, K, 2), scale of the errors' distribution (B, n, K) for training, and sigma
            (B, n, K): the error's length is below 1.515 sigma in 68 % of cases.
        """
        b, n, k, _ = tracks.shape
        now = tracks[:, -1:]  # (B, 1, K, 2)
        seen = known.to(tracks.dtype)[..., None]  # (B, n, K, 1)
        velocity = _velocity(tracks, known)  # (B, K, 2)
        both = torch.cat([torch.zeros_like(seen[:, :1]), seen[:, 1:] * seen[:, :-1]], 1)
        step = torch.cat([torch.zeros_like(now), tracks[:, 1:] - tracks[:, :-1]], 1) * both
        mean_square = step.square().sum(-1, keepdim=True).sum(1) / both.sum(1).clamp(min=1)
        speed = mean_square.sqrt() + STILL  # (B, K, 1)
        pace = torch.log(speed)  # (B, K, 1)
        going = velocity / speed  # (B, K, 2)

        def every(x: Tensor) -> Tensor:
            return x[:, None].expand(-1, n, -1, -1)

        tokens = torch.cat(
            [
                (tracks - now) * seen / speed[:, None] / 3,
                step / speed[:, None],
                every(going),
                every(pace),
                seen,
            ],
            -1,
        )  # (B, n, K, 8)
        x = self.embed(tokens).transpose(1, 2).flatten(0, 1)  # (B*K, n, d)   Eqs 20, 21
        x = x + position_embedding(n, x.shape[-1], x)  # Eqs 22, 23
        for layer in self.layers:
            x = layer(x)  # Eq 24
        if self.place is not None:
            x = x.unflatten(0, (b, k))  # (B, K, n, d)
            place = torch.cat([now[:, 0] / 160 - 1, going, pace], -1)  # (B, K, 5)
            z = x.mean(2) + self.place(place)  # (B, K, d)
            slot = torch.arange(k, device=x.device)  # (K,)
            mask = present[:, None] | (slot[:, None] == slot)  # (B, K, K)
            for layer in self.across:
                z = layer(z, mask[:, None])
            x = (x + z[:, :, None]).flatten(0, 1)
        y = self.project(x).unflatten(0, (b, k)).transpose(1, 2)  # (B, n, K, 5)   Eq 25
        steps = torch.arange(1, n + 1, device=x.device, dtype=x.dtype)[:, None, None]  # (n, 1, 1)
        drift = (1 + y[..., :1]) * velocity[:, None] + y[..., 1:3] * speed[:, None]
        reach = steps[..., 0] * speed[:, None, :, 0]  # (B, n, K)
        scale = reach * torch.exp(y[..., 3] - 2) + SIGMA_FLOOR
        sigma = reach * torch.exp(y[..., 4] - 1.5) + SIGMA_FLOOR
        return now + steps * drift, scale, sigma


def _velocity(tracks: Tensor, known: Tensor) -> Tensor:
    """(B, K, 2) pixels a frame over the last VELOCITY_FRAMES frames, or as many as are known."""
    n = tracks.shape[1]
    oldest = known.to(torch.int32).argmax(1)  # (B, K)
    lag = (n - 1 - oldest).clamp(max=VELOCITY_FRAMES).clamp(min=1).clamp(max=max(n - 1, 1))
    index = (n - 1 - lag).clamp(min=0)[:, None, :, None].expand(-1, 1, -1, 2)
    then = torch.gather(tracks, 1, index)[:, 0]  # (B, K, 2)
    return (tracks[:, -1] - then) / lag[..., None]
