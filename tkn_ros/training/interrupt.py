"""Ctrl-C once: finish the step, save and stop. Twice: stop at once."""

import os
import signal


class Interrupt:
    """In its `with` block `requested` is whether to stop; a second signal is a KeyboardInterrupt.

    SIGTERM, which clusters send before they take a machine away, counts as well. tell: say so
    on stderr.
    """

    def __init__(self, tell: bool = True) -> None:
        self.requested = False
        self._tell = tell
        self._before: dict[int, object] = {}

    def __enter__(self) -> 'Interrupt':
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc_info) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self._tell:  # not by print, which a signal may interrupt
            os.write(
                2,
                b'\ntkn: stopping after this step and saving; '
                b'Ctrl-C again stops at once, without saving\n',
            )
