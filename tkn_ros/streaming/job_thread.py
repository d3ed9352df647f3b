"""A thread for work that may be left out: of what waits, the newest is worth most."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress

KEPT = 4  # jobs of one source that wait at most, while they are done faster than they come
MEAN_OF = 4  # jobs that the running mean of their time covers, about
NICE = 5  # of the thread, where others have 0: a third of their share of a core that is wanted


class JobThread:
    """Does jobs in a thread of its own, one of each source in turn. It gives way to other threads.

    Args:
        name: of the thread.
        failed: gets what a job raised; the thread goes on.
    """

    def __init__(self, name: str, failed: Callable[[Exception], None]) -> None:
        self.name, self.failed = name, failed
        self._waiting: dict[Hashable, deque[Callable[[], None]]] = {}
        self._took: dict[Hashable, float] = {}  # [s] that a job of the source takes
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

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

    def start(self) -> None:
        """Start the thread."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self, patience: float = 10.0) -> bool:
        """End the thread after the job that it is at, and forget what waits.

        Returns whether it has ended within `patience` seconds.
        """
        with self._wake:
            self._stopping = True
            self._waiting.clear()
            self._took.clear()
            self._wake.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout=patience)
        return not self._thread.is_alive()

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
