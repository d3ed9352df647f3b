"""A thread that works until it is stopped; the base of what works beside its callers."""

import threading


class StoppableThread:
    """Runs `_run` in a thread. A subclass waits on `_wake`, and returns once `_stopping` is set.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self, patience: float = 10.0) -> bool:
        """End the thread after what it is at.

        Returns whether it has ended within `patience` seconds.
        """
        with self._wake:
            self._stopping = True
            self._forget()
            self._wake.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout=patience)
        return not self._thread.is_alive()

    def _forget(self) -> None:
        """Drop what waits, if it is not to be done after a new start."""

    def _run(self) -> None:
        raise NotImplementedError
