"""A thread for work that may be left out: of what waits, the newest is worth most."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress

from tkn_ros.streaming.stoppable_thread import StoppableThread

KEPT = 4  # jobs of one source that wait at most, while they are done faster than they come
MEAN_OF = 4  # jobs that the running mean of their time covers, about
NICE = 5  # of the thread, where others have 0: a third of their share of a core that is wanted


class JobThread(StoppableThread):
    """Does jobs in a thread of its own, one of each source in turn. It gives way to other threads.

    Args:
        name: of the thread.
        failed: gets what a job raised; the thread goes on.
    """

    def __init__(self, name: str, failed: Callable[[Exception], None]) -> None:
        super().__init__(name)
        self.failed = failed
        self._waiting: dict[Hashable, deque[Callable[[], None]]] = {}
        self._took: dict[Hashable, float] = {}  # [s] that a job of the source takes

    def offer(self, source: Hashable, job: Callable[[], None], period: float) -> int:
        """Have a job done, unless newer ones of its source overtake it. Returns how many older
        ones are given up for it.

        Args:
            source: whose job it is.
            job: called in the thread.
            period: how often jobs of the source come [s].
        """
        with self._wake:
            if self._stopping:
                return 1
            waiting = self._waiting.setdefault(source, deque())
            waiting.append(job)
            keeping_up = sum(self._took.values()) < period
            given_up = max(0, len(waiting) - (KEPT if keeping_up else 1))
            for _ in range(given_up):
                waiting.popleft()
            self._wake.notify()
        return given_up

    def _forget(self) -> None:
        self._waiting.clear()
        self._took.clear()

    def _run(self) -> None:
        if sys.platform.startswith('linux'):  # elsewhere all threads of a process are equal
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or any(self._waiting.values()))
                if self._stopping:
                    return
                source = next(s for s, jobs in self._waiting.items() if jobs)
                jobs = self._waiting.pop(source)
                job = jobs.popleft()
                self._waiting[source] = jobs  # behind the others
            started = time.perf_counter()
            try:
                job()
            except Exception as error:  # one job may fail, the others are done
                self.failed(error)
            took = time.perf_counter() - started
            mean = self._took.get(source, took)
            self._took[source] = mean + (took - mean) / MEAN_OF
