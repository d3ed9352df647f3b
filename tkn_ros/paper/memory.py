"""How much memory a piece of work takes at most, of this process or of the GPU."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import torch

MB = 2**20
STATUS = Path('/proc/self/status')


class MemoryMeter:
    """From its making on: `peak` tells how much more was held at most while something ran.

    On a CPU that is the process's resident memory, of which Linux alone keeps the peak.

    Args:
        device: 'cpu', 'cuda' or 'cuda:N'.
    """

    def __init__(self, device: str = 'cpu') -> None:
        self.device = device
        gc.collect()
        if device == 'cpu':
            if sys.platform.startswith('linux'):
                ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back and is not used again
            self.before: int | None = _status('VmRSS')
        else:
            torch.cuda.empty_cache()
            self.before = torch.cuda.memory_allocated(device)

    def peak(self, work: Callable[[], object]) -> float | None:
        """Run `work`. Returns the memory held at most, less what was held at first [MB]; None where
        it cannot be known."""
        if self.device != 'cpu':
            torch.cuda.reset_peak_memory_stats(self.device)
            work()
            torch.cuda.synchronize(self.device)
            return (torch.cuda.max_memory_allocated(self.device) - (self.before or 0)) / MB
        with contextlib.suppress(OSError):
            Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew
        work()
        after = _status('VmHWM')
        return None if after is None or self.before is None else (after - self.before) / MB


def _status(name: str) -> int | None:
    """An entry of Linux's account of this process, in bytes."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith(f'{name}:'))
    return next((int(kilobytes) * 1024 for kilobytes in found), None)
