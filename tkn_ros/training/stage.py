"""One stage of training: the loop that every stage runs, one yield a step, and its whole state.

AdamW with warm-up and cosine decay, clipped gradients, on request an exponential moving average of
the weights, mixed precision. For a GPU examples are drawn ahead in a thread of their own. What a
step does depends on the state and on the step's number alone, so that a stage resumed from a
saved state does what it would have done without the interruption, bit for bit on one CPU.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tkn_ros.training.processes import Processes

Module = TypeVar('Module', bound=nn.Module)

AHEAD = 2  # batches drawn in advance


class TrainingError(RuntimeError):
    """Training cannot continue; the message says at which step, and why."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a stage learns.

    Attributes:
        steps: at most.
        lr: largest learning rate.
        warmup: steps to the full rate, at most a tenth of all.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: share that the average of the weights keeps at each step, 0 for none; less at first.
        seconds: at most, 0 for no limit, and the cosine ends with whichever comes first.
        half: mixed precision, of every stage on CUDA and of those that say so on CPUs that multiply
            in bfloat16.
    """

    steps: int
    lr: float
    warmup: int = 200
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.0
    seconds: float = 0.0
    half: bool = True


class Stage:
    """A module that learns: iterate over it for the loss of each step, then call `finish`.

    `step` is how many are done; `clock` tells the time that it is limited by, in seconds.

    Args:
        name: for people.
        module: whose parameters learn.
        make_batch: the batch of a step by its number, tensors on the CPU.
        loss: of the module (wrapped where there are several processes) on that batch, on the
            module's device.
        schedule: steps and rates.
        seed: of the random examples.
        processes: that share a step; None: this one alone.
        net: what `loss` gets instead of the module, with the same parameters.
        half_on_cpu: whether mixed precision does the stage no harm on a CPU.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        make_batch: Callable[[int], Any],
        loss: Callable[[nn.Module, Any], Tensor],
        schedule: Schedule,
        seed: int = 0,
        processes: Processes | None = None,
        net: nn.Module | None = None,
        half_on_cpu: bool = False,
    ) -> None:
        self.net = module if net is None else net
        self.name, self.module, self.make_batch, self.loss = name, module, make_batch, loss
        self.schedule, self.seed, self.processes = schedule, seed, processes or Processes()
        self.device = next(module.parameters()).device
        self.optimiser = torch.optim.AdamW(
            module.parameters(), schedule.lr, weight_decay=schedule.weight_decay
        )
        self.step, self.elapsed, self.clock = 0, 0.0, time.monotonic
        self.recent: deque[float] = deque(maxlen=max(1, schedule.steps // 10))
        self.average = [p.detach().clone() for p in module.parameters()] if schedule.ema else []
        on_gpu = self.device.type == 'cuda'
        bf16 = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bfloat16()
        self.half = schedule.half and (on_gpu or (half_on_cpu and bf16))
        self.dtype = torch.bfloat16 if bf16 else torch.float16
        self.scaler = torch.amp.GradScaler('cuda', enabled=self.half and not bf16)

    @property
    def mean_loss(self) -> float:
        """Of the last tenth of all steps, or what there is of it."""
        return sum(self.recent) / max(1, len(self.recent))

    @property
    def progress(self) -> float:
        """From 0 to 1, by steps or by time, whichever is further."""
        by_time = self.elapsed / self.schedule.seconds if self.schedule.seconds else 0.0
        return min(1.0, max(self.step / self.schedule.steps, by_time))

    def __iter__(self) -> Iterator[float]:
        self.module.train()
        # what `net` has beside the module's parameters takes no part, nor in several processes
        others = {p for p in self.net.parameters() if p.requires_grad} - {*self.module.parameters()}
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield from self._steps()
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _steps(self) -> Iterator[float]:
        net = self.processes.wrap(self.net)
        begun = self.clock() - self.elapsed
        # on a CPU a second thread's work slows the first one's by more than it saves (a quarter)
        batches = prefetched_batches if self.device.type == 'cuda' else batches_in_turn
        for batch in batches(self.make_batch, self.step, self.schedule.steps):
            self.elapsed = self.processes.broadcast(self.clock() - begun)
            if self.progress >= 1:
                return
            value = self._learn(net, batch)
            self.step += 1
            self.recent.append(value)
            yield value

    def _learn(self, net: nn.Module, batch: Any) -> float:
        p = self.processes
        torch.manual_seed((self.seed << 32) + self.step * p.count + p.rank)  # of dropout
        schedule = self.schedule
        warmup = max(1, min(schedule.warmup, schedule.steps // 10))
        rate = min((self.step + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * self.progress))
        for group in self.optimiser.param_groups:
            group['lr'] = schedule.lr * rate
        with torch.autocast(self.device.type, self.dtype, enabled=self.half):
            loss = self.loss(net, _moved(batch, self.device))
        value = float(self.processes.mean(loss.detach()))
        self._check('loss', value)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), schedule.clip)
        if not self.scaler.is_enabled():  # the scaler passes such steps over by itself
            self._check('norm of the gradient', float(norm))
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average:
            kept = min(schedule.ema, (1 + self.step) / (10 + self.step))  # the first are worth less
            torch._foreach_lerp_(
                self.average, [p.detach() for p in self.module.parameters()], 1 - kept
            )
        return value

    def _check(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f'{self.name}: the {what} is {value} at step {self.step}; lower '
                'the learning rate or look for broken frames'
            )

    def averaged(self) -> dict[str, Tensor]:
        """The module's weights, averaged where that was asked for: what is to be used."""
        weights = self.module.state_dict()
        names = [name for name, _ in self.module.named_parameters()]
        return {**weights, **dict(zip(names, self.average))}

    def average_of(self, model: Module) -> Module:
        """A copy of `model`, of which the stage trains a part, with the averaged weights."""
        averages = dict(zip(self.module.parameters(), self.average))
        copy = deepcopy(model)
        with torch.no_grad():
            for parameter, copied in zip(model.parameters(), copy.parameters()):
                if parameter in averages:
                    copied.copy_(averages[parameter])
        return copy

    def finish(self) -> float:
        """Put the averaged weights into the module, for evaluation; returns `mean_loss`."""
        self.module.load_state_dict(self.averaged())
        self.module.eval()
        return self.mean_loss

    def state(self) -> dict[str, Any]:
        """All that `restore` needs: plain containers, numbers and tensors."""
        return {
            'step': self.step,
            'elapsed': self.elapsed,
            'recent': list(self.recent),
            'module': self.module.state_dict(),
            'optimiser': self.optimiser.state_dict(),
            'average': list(self.average),
            'scaler': self.scaler.state_dict(),
        }

    def grant(self, seconds: float) -> None:
        """So much more time, where it is limited."""
        if self.schedule.seconds:
            self.schedule = replace(self.schedule, seconds=self.schedule.seconds + seconds)

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from what `state` returned."""
        self.step, self.elapsed = state['step'], state['elapsed']
        self.recent.extend(state['recent'])
        self.module.load_state_dict(state['module'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.average = [t.to(self.device) for t in state['average']]
        self.scaler.load_state_dict(state['scaler'])


def cpu_has_bfloat16() -> bool:
    """Whether products in bfloat16 are faster than in float32 here."""
    can: dict[str, bool] = getattr(torch.cpu, 'get_capabilities', dict)()
    return bool(can.get('avx512_bf16') or can.get('amx_bf16'))


def batches_in_turn(make_batch: Callable[[int], Any], first: int, stop: int) -> Iterator[Any]:
    """make_batch(first), .., make_batch(stop - 1).

    Args:
        make_batch: the batch of a step by its number.
        first: number of the first step.
        stop: number after the last step.
    """
    return map(make_batch, range(first, stop))


def prefetched_batches(make_batch: Callable[[int], Any], first: int, stop: int) -> Iterator[Any]:
    """As `batches_in_turn`, made in another thread, at most `AHEAD` of them waiting.

    Args:
        make_batch: the batch of a step by its number.
        first: number of the first step.
        stop: number after the last step.
    """
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(
            thread.submit(make_batch, s) for s in range(first, min(first + AHEAD, stop))
        )
        for step in range(first, stop):
            batch = waiting.popleft().result()
            if step + AHEAD < stop:
                waiting.append(thread.submit(make_batch, step + AHEAD))
            yield batch


def _moved(batch: Any, device: torch.device) -> Any:
    if device.type == 'cpu':
        return batch
    if isinstance(batch, Tensor):
        return batch.pin_memory().to(device, non_blocking=True)
    return tuple(_moved(part, device) for part in batch)
