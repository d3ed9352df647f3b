"""Eager PyTorch: the reference, to which all other backends are held."""

import numpy as np
import torch
from torch import Tensor

from tkn_ros.model.build import Network
from tkn_ros.model.following import FollowingTKN
from tkn_ros.streaming.backends.base import as_list
from tkn_ros.streaming.following_stages import following_stages
from tkn_ros.streaming.stages import Background, frozen_copy, render_stage, to_float


class EagerBackend:
    """Eager PyTorch on the device and in the type of the model's weights: the reference."""

    name, reason = 'eager', 'the reference'

    def __init__(self, model: Network) -> None:
        self.model = frozen_copy(model)
        weight = next(model.parameters())
        self.device, self.dtype = str(weight.device), weight.dtype
        self.precision = str(weight.dtype).removeprefix('torch.')
        self.threads = torch.get_num_threads() if self.device == 'cpu' else 0
        if isinstance(model, FollowingTKN):
            self.stages = following_stages(model)
            return
        self._render = render_stage(model, shuffle=False)
        self._background = Background(model) if model.background else None

    @torch.inference_mode()
    def run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        """One of the stages of `following_stages.py`."""
        return as_list(self.stages[stage](*(t.to(self.device) for t in inputs)))

    @torch.inference_mode()
    def encode(self, frames: np.ndarray) -> tuple[Tensor, list[Tensor]]:
        """Features are those of `KeypointDetector.encode`, h_0 included."""
        batch = to_float(torch.from_numpy(frames).to(self.device), self.dtype)
        return self.model.detector.encode(batch)

    @torch.inference_mode()
    def predict(self, keypoints: Tensor, horizon: int) -> Tensor:
        return self.model.predict_keypoints(keypoints, horizon)

    @torch.inference_mode()
    def background(self, frames: np.ndarray) -> list[Tensor]:
        if self._background is None:
            return []
        return [self._background(torch.from_numpy(frames).to(self.device))]

    @torch.inference_mode()
    def render(
        self,
        keypoints: Tensor,
        source_keypoints: Tensor,
        features: list[Tensor],
        source: np.ndarray,
    ) -> np.ndarray:
        frame = torch.from_numpy(source).to(self.device)
        return self._render(keypoints, source_keypoints, frame, *features[1:]).cpu().numpy()
