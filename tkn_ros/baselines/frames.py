"""What the networks of this package share: frames in, frames out, and how recurrent ones unroll."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.ranges import (
    MAX_MAP,
    MAX_SIDE,
    MAX_WINDOW,
    check_number,
    check_product,
    check_whole,
    whole_numbers,
)

MAX_NUMBER = 4096  # of channels, of layers' sides, ..
LIMITS = {'channels': (1, 16), 'height': (8, MAX_SIDE), 'width': (8, MAX_SIDE)}
LIMITS |= {'window': (1, MAX_WINDOW), 'recalled': (0, MAX_WINDOW)}
LIMITS |= dict.fromkeys(('layers', 'spatial_layers', 'temporal_layers'), (1, 64))


@dataclass(frozen=True)
class BaselineConfig:
    """The setting that every network here has.

    Raises ValueError for an entry that is not of its default's type, or out of range.

    Attributes:
        channels: of a frame.
        height: of the frames [pixel].
        width: of the frames [pixel].
        window: n, frames observed.
    """

    channels: int = 3
    height: int = 64
    width: int = 64
    window: int = 10

    following: ClassVar[None] = None  # a TKN's configuration may have both of them
    background: ClassVar[None] = None

    def __post_init__(self) -> None:
        largest = 1
        for field in fields(self):
            name, value, default = field.name, getattr(self, field.name), field.default
            if isinstance(default, tuple):
                value = whole_numbers(name, value, 1, MAX_NUMBER)
                object.__setattr__(self, name, value)  # JSON has lists
                largest = max(largest, *value)
            elif isinstance(default, int):
                check_whole(name, value, *LIMITS.get(name, (1, MAX_NUMBER)))
                largest = max(largest, value if name not in ('height', 'width') else 1)
            else:
                check_number(name, value, 1e-3 if name == 'sigma' else 0, 1e3)
        # the largest feature map of one frame must fit into memory many times
        size = self.height * self.width * largest
        check_product('height, width and the largest other number', size, MAX_MAP)

    def check_multiple(self, of: int, why: str) -> None:
        """ValueError where height or width is no multiple of `of`, which `why` explains."""
        if self.height % of or self.width % of:
            raise ValueError(
                f'height is {self.height} and width {self.width}, expected multiples of {of}: {why}'
            )


def check_odd(name: str, value: int) -> None:
    """ValueError for the even side of a kernel, which would shift the picture."""
    if value % 2 == 0:
        raise ValueError(f'{name} is {value}, expected an odd number')


@dataclass(frozen=True)
class PatchedConfig(BaselineConfig):
    """Of networks whose convolutions look at squares of pixels as channels.

    Attributes:
        kernel: side of the convolutions [pixel].
        patch: side of the squares of pixels that become channels [pixel].
    """

    kernel: int = 5
    patch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd('kernel', self.kernel)
        self.check_multiple(self.patch, 'the patch')


class Baseline(nn.Module):
    """A network that predicts frames from frames. It has no keypoints."""

    config: BaselineConfig

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        """(B, n, C, H, W) in [0, 1] -> (B, horizon, C, H, W), about [0, 1], not clipped."""
        raise NotImplementedError

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        """The published training loss, a scalar.

        Args:
            frames: (B, n + m, C, H, W) in [0, 1].
            window: n, frames observed.
            progress: of the training, from 0 to 1; what changes on the way depends on it.
        """
        raise NotImplementedError


class RecurrentBaseline(Baseline):
    """Takes one frame at a time and gives the next one, its own where there is no true one.

    A subclass has `start` and `step`.
    """

    def start(self, frames: Tensor) -> Any:
        """The state before the first frame; frames: (B, n, C, H, W)."""
        raise NotImplementedError

    def step(self, frame: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, C, H, W) and the state -> the next frame (B, C, H, W) and the next state."""
        raise NotImplementedError

    def true_share(self, t: int, window: int, progress: float) -> float:
        """Scheduled sampling (Bengio et al. 2015): how probably a step gets a true frame.

        All steps of the window get it; later ones less and less until half of the training.

        Args:
            t: number of the step, from 0.
            window: n, frames observed.
            progress: of the training, from 0 to 1.
        """
        return 1.0 if t < window else max(0.0, 1.0 - 2.0 * progress)

    def unroll(
        self, frames: Tensor, steps: int, true_share: Callable[[int], float]
    ) -> tuple[Tensor, Any]:
        """`steps` steps: predictions of frames 1 .. steps, (B, steps, C, H, W), and the last state.

        Args:
            frames: (B, T, C, H, W), the true ones.
            steps: how many.
            true_share: probability that step t is fed frames[:, t] and not its own prediction.
        """
        state = self.start(frames)
        predicted: list[Tensor] = []
        for t in range(steps):
            share = 1.0 if t == 0 else true_share(t)
            if share >= 1:
                fed = frames[:, t]
            elif share <= 0:
                fed = predicted[-1]
            else:
                true = torch.rand(len(frames), device=frames.device) < share
                fed = torch.where(true[:, None, None, None], frames[:, t], predicted[-1])
            frame, state = self.step(fed, state)
            predicted.append(frame)
        return torch.stack(predicted, 1), state

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        n = frames.shape[1]
        predicted, _ = self.unroll(frames, n + horizon - 1, lambda t: float(t < n))
        return predicted[:, n - 1 :]

    def loss(self, frames: Tensor, window: int, progress: float = 1.0) -> Tensor:
        predicted, state = self.unroll(
            frames, frames.shape[1] - 1, lambda t: self.true_share(t, window, progress)
        )
        return F.mse_loss(predicted, frames[:, 1:]) + self.penalty(state)

    def penalty(self, state: Any) -> Tensor | float:
        """What the loss has beside the frames' error; `state` is the last one."""
        return 0.0
