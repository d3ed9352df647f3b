"""A flow network after DMVFN: Hu et al., "A Dynamic Multi-Scale Voxel Flow Network for Video
Prediction", CVPR 2023.

The next frame is the two newest ones, moved by flows and joined by a mask (voxel
flow). Nine blocks refine flows and mask from coarse to fine; a router decides from the two frames
which blocks are worth their time (the routing module). Channels and scales are the authors'. Its
training loss is here the weighted L1 of all blocks, without their Laplacian pyramid and VGG term.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline, BaselineConfig
from tkn_ros.model.warp import warp


@dataclass(frozen=True)
class DMVFNConfig(BaselineConfig):
    """height and width: multiples of 4 times the largest scale.

    Attributes:
        widths: channels of each block.
        scales: by which each block shrinks its input.
        routing: channels of the router.
        chosen: share of the blocks that is taken on average.
        fading: weight of a block's error, relative to the next one's.
    """

    widths: tuple[int, ...] = (160, 160, 160, 80, 80, 80, 44, 44, 44)
    scales: tuple[int, ...] = (4, 4, 4, 2, 2, 2, 1, 1, 1)
    routing: int = 32
    chosen: float = 0.5
    fading: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) != len(self.scales):
            raise ValueError(
                f'there are {len(self.widths)} widths and {len(self.scales)} scales, expected as '
                'many'
            )
        self.check_multiple(4 * max(self.scales), 'it is shrunk that much')


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


class VoxelFlowBlock(nn.Module):
    """MVFB: a motion path at a coarse scale and a spatial path at half the size.

    Args:
        inputs: channels of images, mask and flows.
        width: channels of the motion path.
        scale: by which its input is shrunk.
    """

    def __init__(self, inputs: int, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.down = nn.Sequential(_conv(inputs, width // 2, 2), _conv(width // 2, width, 2))
        self.motion = nn.Sequential(*(_conv(width, width) for _ in range(3)))
        self.narrow = _conv(width, width // 4)
        self.spatial = nn.Sequential(_conv(inputs, 8, 2), _conv(8, 8))
        self.out = nn.ConvTranspose2d(width // 4 + 8, 5, 4, 2, 1)

    def forward(self, pictures: Tensor, flow: Tensor) -> Tensor:
        """(B, inputs - 4, H, W) and (B, 4, H, W) -> (B, 5, H, W), added to flows and mask."""
        s = self.scale
        x = torch.cat([_resized(pictures, 1 / s), _resized(flow, 1 / s) / s], 1)
        x = self.down(x)
        x = _resized(self.narrow(self.motion(x) + x), 2 * s)
        return self.out(torch.cat([x, self.spatial(torch.cat([pictures, flow], 1))], 1))


class DMVFN(Baseline):
    """See the module."""

    def __init__(self, config: DMVFNConfig) -> None:
        super().__init__(config)
        self.config: DMVFNConfig = config
        c = config
        inputs = 4 * c.channels + 5
        self.blocks = nn.ModuleList(
            VoxelFlowBlock(inputs, width, scale) for width, scale in zip(c.widths, c.scales)
        )
        self.router = nn.Sequential(
            nn.Conv2d(2 * c.channels, c.routing, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c.routing, c.routing, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(c.routing, len(c.widths)),
        )

    def route(self, pair: Tensor) -> Tensor:
        """(B, 2 C, H, W) -> (B, blocks) of 0 and 1: random in training, where the gradient passes
        as if they were the probabilities; in evaluation what is likelier."""
        share = self.router(pair).sigmoid()
        share = share / (share.sum(1, keepdim=True) + 1e-6)
        share = (share * self.config.chosen * len(self.blocks)).clamp(0, 1)
        if not self.training:
            return (share >= self.config.chosen).to(share.dtype)
        return share + (torch.bernoulli(share) - share).detach()

    def frame_ahead(self, before: Tensor, newest: Tensor) -> list[Tensor]:
        """(B, C, H, W) twice -> the next frame as each block has it; in evaluation the last one."""
        route = self.route(torch.cat([before, newest], 1))
        b, _, height, width = newest.shape
        state = newest.new_zeros(b, 5, height, width)  # both flows (x, y), and the mask
        moved, drawn = (before, newest), []
        # a graph has all blocks, whose share may be 0; meta tensors have no values to decide by
        fixed = route.is_meta or torch.jit.is_tracing()
        for i, block in enumerate(self.blocks):
            if not (self.training or fixed or bool(route[:, i].any())):
                continue
            added = block(torch.cat([before, newest, *moved, state[:, 4:]], 1), state[:, :4])
            if self.training:  # every block learns, taken or not
                drawn.append(_joined(before, newest, state + added)[0])
            state = state + added * route[:, i, None, None, None]
            last, moved = _joined(before, newest, state)
        if self.training:
            return [*drawn[:-1], last]
        return [_joined(before, newest, state)[0]]

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        seen = (
            [frames[:, -1], frames[:, -1]] if frames.shape[1] == 1 else [*frames[:, -2:].unbind(1)]
        )
        for _ in range(horizon):
            seen.append(self.frame_ahead(*seen[-2:])[-1])
        return torch.stack(seen[2:], 1)

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        """Of one step ahead at every moment: sum of fading^(N - i) |frame_i - true| over blocks."""
        pairs = frames[:, :-2].flatten(0, 1), frames[:, 1:-1].flatten(0, 1)
        truth = frames[:, 2:].flatten(0, 1)
        was_training, self.training = self.training, True
        drawn = self.frame_ahead(*pairs)
        self.training = was_training
        weights = [self.config.fading ** (len(drawn) - 1 - i) for i in range(len(drawn))]
        return torch.stack([w * F.l1_loss(d, truth) for w, d in zip(weights, drawn)]).sum()


def _joined(before: Tensor, newest: Tensor, state: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Both frames moved by `state`'s flows (in pixels) and joined by its mask, and each of them."""
    size = state.new_tensor([newest.shape[-1], newest.shape[-2]])
    scale = (2 / size)[:, None, None]
    moved = warp(before, state[:, :2] * scale), warp(newest, state[:, 2:4] * scale)
    mask = state[:, 4:].sigmoid()
    return mask * moved[0] + (1 - mask) * moved[1], moved


def _resized(x: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=False)
