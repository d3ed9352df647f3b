"""Ctrl-C once: finish the step, save and stop. Twice: stop at once."""

import os
import signal
from contextlib import ExitStack
from types import FrameType
from typing import Any

from tkn_ros.stop_signals import patience


class Interrupt:
    """In its `with` block `requested` is whether to stop; a second signal is a KeyboardInterrupt.

    SIGTERM, which clusters send before they take a machine away, counts as well. report: say so
    on stderr.
    """

    def __init__(self, report: bool = True) -> None:
        self.requested = False
        self._report = report
        self._before: dict[int, Any] = {}  # handlers
        self._stack = ExitStack()

    def __enter__(self) -> 'Interrupt':
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        self._stack.enter_context(patience())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self._report:  # not by print, which a signal may interrupt
            os.write(
                2,
                b'\ntkn: stopping after this step and saving; '
                b'Ctrl-C again stops at once, without saving\n',
            )
