"""SLAMP: Akan et al., "SLAMP: Stochastic Latent Appearance and Motion Prediction", ICCV 2021.

Two stochastic branches, each with a learned prior. One draws the next frame from scratch, the
other moves the newest frame by a predicted flow, and a mask joins them. Encoders and
decoders are those of SVG (`vgg.py`).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline, BaselineConfig
from tkn_ros.baselines.stochastic import Gaussian, StackedLSTM, divergence
from tkn_ros.baselines.vgg import VGGDecoder, VGGEncoder, conv_norm
from tkn_ros.model.warp import warp

States = list[tuple[Tensor, Tensor]]  # of the layers of an LSTM


@dataclass(frozen=True)
class SLAMPConfig(BaselineConfig):
    """As the authors' for KTH. height and width: multiples of 16.

    Attributes:
        features: size of a frame's vector.
        first_width: channels of the first convolutions.
        latent: size of each latent variable.
        hidden: of the LSTM layers.
        layers: of the two predictors; priors and posteriors have one.
        beta: weight of the divergences.
    """

    features: int = 128
    first_width: int = 64
    latent: int = 50
    hidden: int = 256
    layers: int = 2
    beta: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_multiple(16, 'it is halved four times')


class Branch(nn.Module):
    """Prior, posterior and predictor of appearance or of motion."""

    def __init__(self, config: SLAMPConfig) -> None:
        super().__init__()
        c = config
        self.prior = StackedLSTM(c.features, c.hidden, 1, c.latent, heads=2)
        self.posterior = StackedLSTM(c.features, c.hidden, 1, c.latent, heads=2)
        self.predictor = StackedLSTM(c.features + c.latent, c.hidden, c.layers, c.features)

    def start(self, like: Tensor) -> list[States]:
        """States before the first frame."""
        return [part.start(like) for part in (self.prior, self.posterior, self.predictor)]

    def forward(
        self, past: Tensor, coming: Tensor | None, states: list[States]
    ) -> tuple[Tensor, list[States], Tensor | float]:
        """What is to come (B, features), the next states, and KL(posterior || prior).

        Args:
            past: (B, features) of what was seen.
            coming: (B, features) of what comes, None where it is not known.
            states: of `start` or of the step before.
        """
        before, after, moving = states
        heads, before = self.prior(past, before)
        chosen = prior = Gaussian(*heads)
        kl: Tensor | float = 0.0
        if coming is not None:
            heads, after = self.posterior(coming, after)
            chosen = Gaussian(*heads)
            kl = divergence(chosen, prior)
        z = chosen.draw(self.training)
        (predicted,), moving = self.predictor(torch.cat([past, z], 1), moving)
        return predicted.tanh(), [before, after, moving], kl


class Drawn(NamedTuple):
    """(B, C, H, W) each: drawn from scratch, moved, and the two joined."""

    appearance: Tensor
    moved: Tensor
    joined: Tensor


@dataclass
class Unrolled:
    """What `SLAMP.unroll` gives: frames drawn in their order, and the sum of the divergences."""

    drawn: list[Drawn] = field(default_factory=list)
    kl: Tensor | float = 0.0


class SLAMP(Baseline):
    """See the module."""

    def __init__(self, config: SLAMPConfig) -> None:
        super().__init__(config)
        self.config: SLAMPConfig = config
        c, size = config.channels, (config.height, config.width)
        self.encoder = VGGEncoder(c, config.features, *size, config.first_width)
        self.motion_encoder = VGGEncoder(2 * c, config.features, *size, config.first_width)
        self.appearance, self.motion = Branch(config), Branch(config)
        self.decoder = VGGDecoder(c, config.features, *size, config.first_width)
        self.flow_decoder = VGGDecoder(2, config.features, *size, config.first_width)
        self.mask = MaskNet(2 * c, config.first_width)

    def unroll(self, frames: Tensor, total: int, first_drawn: int) -> Unrolled:
        """Steps 1 .. total - 1; true frames are fed while there are any.

        Args:
            frames: (B, T, C, H, W), the true ones.
            total: frames in all, T or more.
            first_drawn: number of the first frame to draw.
        """
        known, out = frames.shape[1], Unrolled()
        x = frames[:, 0]
        seen, skips = self.encoder(x)
        flowing, flow_skips = self.motion_encoder(torch.cat([x, x], 1))  # at first nothing moves
        states = self.appearance.start(x), self.motion.start(x)
        for t in range(1, total):
            true = t < known
            coming = moving = None
            if true:
                coming, coming_skips = self.encoder(frames[:, t])
                moving, moving_skips = self.motion_encoder(torch.cat([x, frames[:, t]], 1))
            looks, looks_states, kl = self.appearance(seen, coming, states[0])
            moves, moves_states, more = self.motion(flowing, moving, states[1])
            states, out.kl = (looks_states, moves_states), out.kl + kl + more
            if t >= first_drawn:
                out.drawn.append(self.draw(x, looks, moves, skips, flow_skips))
            if true:
                following, seen, skips = frames[:, t], coming, coming_skips
                flowing, flow_skips = moving, moving_skips
            elif t < total - 1:  # appearance keeps the skips of the last true frame
                following = out.drawn[-1].joined
                seen, _ = self.encoder(following)
                flowing, flow_skips = self.motion_encoder(torch.cat([x, following], 1))
            x = following
        return out

    def draw(
        self,
        newest: Tensor,
        looks: Tensor,
        moves: Tensor,
        skips: list[Tensor],
        flow_skips: list[Tensor],
    ) -> Drawn:
        """Drawn anew, moved, and joined by the mask.

        Args:
            newest: (B, C, H, W), the frame that is moved.
            looks: (B, features), predicted appearance.
            moves: (B, features), predicted motion.
            skips: of the appearance encoder.
            flow_skips: of the motion encoder.
        """
        appearance = self.decoder(looks, skips).sigmoid()
        flow = self.flow_decoder(moves, flow_skips)  # (B, 2, H, W), in pixels
        size = flow.new_tensor([self.config.width, self.config.height])
        moved = warp(newest, flow * (2 / size)[:, None, None])
        mask = self.mask(torch.cat([appearance, moved], 1))
        return Drawn(appearance, moved, mask * appearance + (1 - mask) * moved)

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        n = frames.shape[1]
        drawn = self.unroll(frames, n + horizon, n).drawn
        return torch.stack([d.joined for d in drawn], 1)

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        """Errors of all three frames, and the divergences of both branches."""
        out = self.unroll(frames, frames.shape[1], 1)
        truth = frames[:, 1:]
        errors = [F.mse_loss(torch.stack(kind, 1), truth) for kind in zip(*out.drawn)]
        return torch.stack(errors).sum() + self.config.beta * out.kl / truth.shape[1]


class MaskNet(nn.Module):
    """(B, inputs, H, W) -> the mask (B, 1, H, W) in [0, 1]: four convolutions at full size, with
    channels weighted by their means after every second (squeeze and excitation)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.stack = nn.ModuleList(
            nn.Sequential(conv_norm(i, width, bias=False), conv_norm(width, width, bias=False))
            for i in (inputs, width)
        )
        self.weigh = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, width // 16, bias=False),
                nn.ReLU(),
                nn.Linear(width // 16, width, bias=False),
                nn.Sigmoid(),
            )
            for _ in self.stack
        )
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for stack, weigh in zip(self.stack, self.weigh):
            x = stack(x)
            x = x * weigh(x.mean((2, 3)))[:, :, None, None]
        return self.out(x).sigmoid()
