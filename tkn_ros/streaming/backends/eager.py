"""Eager PyTorch: the reference, to which all other backends are held."""

import torch
from torch import Tensor

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import Backend, as_list
from tkn_ros.streaming.stages import frozen_copy


class EagerBackend(Backend):
    """Eager PyTorch on the device and in the type of the model's weights: the reference."""

    name, reason = 'eager', 'the reference'

    def __init__(self, model: AnyNetwork) -> None:
        super().__init__(model, dtype=None)
        self.model = frozen_copy(model)
        weight = next(model.parameters())
        self.device, self.precision = str(weight.device), str(weight.dtype).removeprefix('torch.')
        self.threads = torch.get_num_threads() if self.device == 'cpu' else 0

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        return as_list(self.stages[stage](*(t.to(self.device) for t in inputs)))

    @torch.inference_mode()
    def predict(self, keypoints: Tensor, horizon: int) -> Tensor:
        """By the network itself: no difference is taken and added again."""
        assert isinstance(
            self.model, TKN
        )  # others' keypoints are predicted by `run`, or not at all
        return self.model.predict_keypoints(keypoints, horizon)
