"""SIGINT and SIGTERM end a node in order, whatever its main thread is doing.

Python handles signals in the main thread, between two steps of it, and rclpy in its executor. Both
may be seconds away: in an import, in the loading of weights, in the making of a graph. So the
interpreter writes each signal into a pipe at once, and a thread waits at its other end.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable

GRACE = 1.0  # [s] to end in order


class SignalWatch:
    """One for the process.

    Attributes:
        asked: set once the process was asked to end.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._shut_down: Callable[[], object] | None = None
        self._grace = GRACE
        self._began = False

    def begin(self) -> None:
        """Take over both signals; called in the main thread, as early as can be."""
        if self._began:
            return
        self._began = True
        out, into = os.pipe()
        os.set_blocking(into, False)
        signal.set_wakeup_fd(into, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the thread acts
        usual = threading.excepthook
        # what other threads find closed while the process ends is no error
        threading.excepthook = lambda args: None if self.asked.is_set() else usual(args)
        os.register_at_fork(after_in_child=_as_any_process)
        threading.Thread(target=self._wait, args=(out,), name='signals', daemon=True).start()

    def node_runs(self, shut_down: Callable[[], object], grace: float = GRACE) -> None:
        """From now on there is something to end in order.

        Args:
            shut_down: makes the main thread's `spin` return; called in another thread.
            grace: how long the rest may take [s], after which the process is ended.
        """
        self._grace, self._shut_down = grace, shut_down
        if self.asked.is_set():
            shut_down()

    def end(self) -> None:
        """The node has ended: a signal that comes once more changes nothing."""
        if self._began:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # else the interpreter's end resets them

    def _wait(self, pipe: int) -> None:
        os.read(pipe, 1)
        self.asked.set()
        if self._shut_down is not None:
            self._shut_down()
            threading.Event().wait(self._grace)
        sys.stdout.flush()
        os._exit(0)


def _as_any_process() -> None:
    """In a child that a library forks: signals to it are not this process's."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


watch = SignalWatch()
