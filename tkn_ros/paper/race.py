"""Timing several calls against each other in turns, so that a busy machine slows all alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

TURN = 5  # calls in a turn that count ..
TURN_SECONDS = 0.3  # .. unless they take longer together
SLOW = 1.0  # [s]: from here on a turn's first call, with caches of the others', counts as well


@dataclass
class Racer:
    """One call.

    Attributes:
        call: what is timed.
        times: of every call that counts [ms].
    """

    call: Callable[[], object]
    times: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """Some calls in a row."""
        begun = time.perf_counter()
        for i in range(TURN + 1):
            started = time.perf_counter()
            self.call()
            ended = time.perf_counter()
            if i or ended - started > SLOW:
                self.times.append((ended - started) * 1e3)
            if self.times and ended - begun > TURN_SECONDS:
                return

    @property
    def ms(self) -> float:
        """Median [ms]."""
        return float(np.median(self.times))


def race(racers: Sequence[Racer], seconds: float, least: int = 2, name: str = '') -> None:
    """Everybody's turn, again and again for so long, but at least so many times.

    Args:
        racers: whose times are filled in.
        seconds: how long it lasts; the last round is finished.
        least: rounds at least.
        name: for the bar of progress.
    """
    begun, rounds = time.perf_counter(), 0
    with tqdm(total=round(seconds), desc=name, unit='s', disable=None) as bar:
        while rounds < least or time.perf_counter() - begun < seconds:
            for racer in racers:
                racer.turn()
                bar.update(min(bar.total, int(time.perf_counter() - begun)) - bar.n)
            rounds += 1
