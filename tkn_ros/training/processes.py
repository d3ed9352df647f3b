"""One process, or several that torchrun started: rank, broadcast, mean."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

PATIENCE = timedelta(hours=12)  # the others wait while one prepares the data


@dataclass(frozen=True)
class Processes:
    """The place of this process among `count`; `local` is its number on its own machine.

    Attributes:
        rank: number of this process.
        count: how many there are.
        local: number of this process on its machine.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def is_main(self) -> bool:
        """True in the one process that writes and reports."""
        return self.rank == 0

    def broadcast(self, value: float) -> float:
        """The first process's `value`, so that all take the same decisions."""
        if self.count == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64, device=_device())
        dist.broadcast(box, 0)
        return float(box)

    def mean(self, value: Tensor) -> Tensor:
        """Mean over the processes of a detached number."""
        if self.count > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.count
        return value

    def wait(self) -> None:
        """Block until all processes have called this."""
        if self.count > 1:
            dist.barrier()

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the processes at each backward pass (DDP)."""
        if self.count == 1:
            return module
        on_gpu = next(module.parameters()).is_cuda
        return nn.parallel.DistributedDataParallel(module, [self.local] if on_gpu else None)


@contextmanager
def init_processes(device: str) -> Iterator[Processes]:
    """The `Processes` in the environment variables of torchrun; the group is left at the end.

    device: of this run; CUDA communicates by NCCL, all else by gloo.
    """
    count = int(os.environ.get('WORLD_SIZE', '1'))
    if count == 1:
        yield Processes()
        return
    local = int(os.environ.get('LOCAL_RANK', '0'))
    if device.startswith('cuda'):
        torch.cuda.set_device(local)
    dist.init_process_group('nccl' if device.startswith('cuda') else 'gloo', timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), local)
    finally:
        dist.destroy_process_group()


def _device() -> str:
    return 'cuda' if dist.get_backend() == 'nccl' else 'cpu'
