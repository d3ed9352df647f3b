"""Eager PyTorch in bfloat16, and torch.compile: the rewritten stages on the CPU."""

import torch
from torch import Tensor

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.streaming.backends.base import Backend, BackendError, as_list
from tkn_ros.streaming.stages import to_half


class TorchBackend(Backend):
    """The stages in PyTorch; precision 'float32' or 'bfloat16'.

    Args:
        model: the network.
        precision: 'float32' or 'bfloat16'.
        compiled: through torch.compile, which needs a C++ compiler and some ten seconds for every
            new shape; its results are kept in the folder of TORCHINDUCTOR_CACHE_DIR.
    """

    def __init__(
        self, model: AnyNetwork, precision: str = 'float32', compiled: bool = False
    ) -> None:
        name = 'compile' if compiled else 'eager'
        if precision not in ('float32', 'bfloat16'):
            raise BackendError(
                f'precision "{precision}": backend "{name}" has float32 and bfloat16 on the CPU'
            )
        if next(model.parameters()).is_cuda:
            raise BackendError(f'backend "{name}" in {precision} is for the CPU; use "cuda"')
        super().__init__(model, shuffle=compiled)
        self.name, self.precision, self.threads = name, precision, torch.get_num_threads()
        for stage, module in self.modules.items():
            if precision != 'float32' and stage != 'encode':
                to_half(module, getattr(torch, precision))
            if compiled:
                self.stages[stage] = torch.compile(module, dynamic=False)

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        return as_list(self.stages[stage](*inputs))
