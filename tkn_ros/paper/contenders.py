"""The networks of Table I in one setting: built, counted, and as calls that can be timed.

Weights are random, which costs what trained ones cost. A call takes the window as bytes and gives
the predicted frames as bytes, on whatever runs it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import BASELINES, build_baseline
from tkn_ros.model.build import build
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.variants.frame_by_frame import FrameByFrame
from tkn_ros.model.variants.sequential_predictor import INFERRED
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.stages import to_bytes
from tkn_ros.streaming.trial import prediction_step

TKN_FORMS = ('tkn-wo-tp', 'tkn-sequential', 'tkn')
SEED = 0


@dataclass(frozen=True)
class Task:
    """What is predicted: `window` frames in, `horizon` out, of side x side pixels, batch 1.

    Attributes:
        name: of the data set whose setting in the paper it is.
        side: of the frames [pixel].
        window: n, frames observed.
        horizon: m, frames to predict.
    """

    name: str
    side: int
    window: int
    horizon: int

    def __str__(self) -> str:
        return f'{self.side}x{self.side}x3, {self.window} -> {self.horizon}'

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the network's input."""
        return 1, self.window, 3, self.side, self.side

    def clip(self) -> np.ndarray:
        """A window of noise, (1, n, H, W, 3) uint8, always the same."""
        size = (1, self.window, self.side, self.side, 3)
        return np.random.default_rng(SEED).integers(0, 256, size, np.uint8)


KTH = Task('KTH', 64, 10, 20)
HUMAN36M = Task('Human3.6M', 128, 4, 4)


def build_contender(network: str, task: Task) -> nn.Module:
    """A line of Table I for frames of this size, in evaluation mode, its weights always the same.

    Args:
        network: a key of `BASELINES`, or one of `TKN_FORMS`.
        task: the setting.
    """
    torch.manual_seed(SEED)
    size: dict[str, Any] = {'height': task.side, 'width': task.side, 'window': task.window}
    if network in BASELINES:
        return build_baseline(BASELINES[network][0](**size)).eval()
    config = TKNConfig(**size)
    if network == 'tkn-sequential':
        predictor = replace(INFERRED, layers=task.window)
        config = replace(config, predictor=predictor, process='sequential')
    model = build(config).eval()
    if network == 'tkn-wo-tp':
        assert isinstance(model, TKN)
        return FrameByFrame(model).eval()
    return model


def eager_call(model: nn.Module, task: Task) -> Callable[[], np.ndarray]:
    """A whole prediction by the network itself in eager PyTorch, on its own device."""
    clip = torch.from_numpy(task.clip())
    device = next(model.parameters()).device

    @torch.inference_mode()
    def call() -> np.ndarray:
        frames = clip.to(device).permute(0, 1, 4, 2, 3).float() / 255
        drawn = model(frames, task.horizon)
        drawn = drawn if isinstance(drawn, Tensor) else drawn[0]  # TKN gives keypoints as well
        return to_bytes(drawn).cpu().numpy()[0]

    return call


def runtime_call(model: Baseline, backend: Backend, task: Task) -> Callable[[], np.ndarray]:
    """The same of a network without keypoints, by another runtime."""
    clip, steps = torch.from_numpy(task.clip()), torch.empty(task.horizon)

    def call() -> np.ndarray:
        return backend.run('frames', clip, steps)[0][0].cpu().numpy()

    return call


def engine_call(model: nn.Module, backend: Backend, task: Task) -> Callable[[], object]:
    """What a new camera frame asks of the engine: encode it, predict, draw all frames."""
    frame = np.ascontiguousarray(task.clip()[0, -1])
    return prediction_step(cast(TKN, model), backend, frame, task.window, task.horizon)
