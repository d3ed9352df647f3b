"""What runs the network: one interface, and what the runtimes share.

A backend holds a copy of the weights as they were when it was made. It belongs to one thread.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.predictor import rollout
from tkn_ros.streaming.following_stages import following_stages
from tkn_ros.streaming.stages import Frames, all_stages, frozen_copy, next_window


class BackendError(ValueError):
    """A backend that cannot be had here; the message names it, the reason and the fix."""


@contextmanager
def as_backend_error(name: str, stage: str) -> Iterator[None]:
    """Whatever a runtime raises, since the errors of some have no base in common."""
    try:
        yield
    except Exception as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise BackendError(
            f'backend "{name}" cannot run the stage "{stage}": {reason}; use backend "eager"'
        ) from error


class Backend:
    """What runs a network, for B cameras at once: the stages of `stages.py`, by `_run`.

    Keypoints are (x, y, v) as the model's, tensors on `device`. A subclass sets the attributes.

    Attributes:
        name: 'eager', 'compile', 'onnxruntime', 'openvino' or 'cuda'.
        precision: 'float32', ..
        device: 'cpu', 'cuda' or 'cuda:N'.
        threads: CPU threads, 0 on a GPU.
        reason: how it came to be chosen, for people.
        modules: the stages.
        stages: what runs them: the modules themselves, or compiled.

    Args:
        model: the network.
        shuffle: transposed convolutions as convolutions and pixel shuffles.
        channel_norm: group norms by the means of channels.
        dtype: of the stages' weights; None: the model's.
    """

    name: str
    precision: str
    threads: int
    device = 'cpu'
    reason = 'asked for'

    def __init__(
        self,
        model: AnyNetwork,
        shuffle: bool = False,
        channel_norm: bool = False,
        dtype: torch.dtype | None = torch.float32,
    ) -> None:
        model = frozen_copy(model)
        if dtype is not None:
            model = model.to(dtype)
        self.residual = False
        self.modules: dict[str, nn.Module]
        if isinstance(model, Baseline):
            self.modules = {'frames': Frames(model)}
        elif isinstance(model, FollowingTKN):
            self.modules = following_stages(model)
        else:
            self.modules = all_stages(model, shuffle, channel_norm)
            self.residual = model.config.predictor.residual
        self.stages: dict[str, Callable[..., Any]] = {**self.modules}

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        """The outputs of one stage, which later runs leave as they are."""
        raise NotImplementedError

    @torch.inference_mode()
    def run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        """One stage of a network whose keypoints are followed (see `following_stages.py`), or that
        has none.

        Such networks use this method, all others those below.
        """
        return self._run(stage, *inputs)

    @torch.inference_mode()
    def encode(self, frames: np.ndarray) -> tuple[Tensor, list[Tensor]]:
        """(B, H, W, 3) uint8 of the network's size -> keypoints (B, K, 3), features.

        Features are in the backend's own format, but each is (B, ..), so that cameras can be
        separated and batched.
        """
        keypoints, *features = self._run('encode', torch.from_numpy(frames))
        return keypoints, features

    @torch.inference_mode()
    def predict(self, keypoints: Tensor, horizon: int) -> Tensor:
        """(B, n, K, 3) observed -> (B, horizon, K, 3) predicted."""

        def stage(window: Tensor) -> Tensor:
            return self._run('predict', window.contiguous())[0]

        return rollout(next_window(stage, self.residual), keypoints, horizon)

    @torch.inference_mode()
    def background(self, frames: np.ndarray) -> list[Tensor]:
        """The drift of networks with a background network, otherwise []: see `render_context`.

        frames: (B, n, H, W, 3) uint8, a window of the network's size.
        """
        if 'background' not in self.stages:
            return []
        return self._run('background', torch.from_numpy(frames))

    @torch.inference_mode()
    def render(
        self,
        keypoints: Tensor,
        source_keypoints: Tensor,
        features: list[Tensor],
        source: np.ndarray,
    ) -> np.ndarray:
        """(B, m, K, 3) -> frames (B, m, H, W, 3) uint8 of the size of `source`.

        Args:
            keypoints: (B, m, K, 3) to draw.
            source_keypoints: the newest frames' keypoints as `encode` gave them.
            features, source: of `render_context`, at any size.
        """
        frames = self._run(
            'draw', keypoints, source_keypoints, torch.from_numpy(source), *features
        )[0]
        return frames.cpu().numpy()


def as_list(result: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    """What a stage gives, whether it is one tensor or several."""
    return list(result) if isinstance(result, tuple) else [result]


def render_context(
    backend: Backend, features: list[Tensor], frames: np.ndarray, images: np.ndarray | None = None
) -> tuple[list[Tensor], np.ndarray]:
    """What `render` needs of the observed frames: all features, and the source.

    Args:
        backend: what runs the network.
        features: what `encode` gave for the newest frames.
        frames: (B, n, H, W, 3) uint8, the windows.
        images: the same at the size to draw at, where that is another.
    """
    images = frames if images is None else images
    newest, drift = np.ascontiguousarray(images[:, -1]), backend.background(frames)
    if not drift:
        return features, newest
    mean = np.rint(images.mean(1, dtype=np.float32)).astype(np.uint8)  # (B, H, W, 3)
    return [*features, *drift], np.concatenate([newest, mean], -1)
