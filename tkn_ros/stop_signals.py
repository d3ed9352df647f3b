"""SIGINT and SIGTERM end a command within two seconds, without a traceback, at any moment.

The first one raises KeyboardInterrupt, so that half-written files are removed on the way out.
Native code (a conversion, an import) may keep Python from raising it: then a thread, which the
signal wakes without the main one, ends the process.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

STOPPED = 130  # exit status
GRACE = 1.5  # [s] to end by itself

_inside = threading.Event()  # set within `stopping_within`
_patient = threading.Event()  # set while somebody else decides when to end


def end_at_once(status: int = STOPPED) -> NoReturn:
    """End the process without waiting for native threads, which may abort while Python goes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


@contextmanager
def patience() -> Iterator[None]:
    """While in it a signal has no deadline: whoever handles it saves what there is and ends."""
    _patient.set()
    try:
        yield
    finally:
        _patient.clear()


@contextmanager
def stopping_within(seconds: float = GRACE) -> Iterator[None]:
    """KeyboardInterrupt for SIGINT and SIGTERM; `seconds` later the process ends in any case.

    Does nothing outside of the main thread, where Python has no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    listening, woken = socket.socketpair()
    woken.setblocking(False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hook, sys.unraisablehook = sys.unraisablehook, _quiet(sys.unraisablehook)
    wakeup = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    _inside.set()
    over = threading.Event()
    threading.Thread(target=_watch, args=(listening, over, seconds), daemon=True).start()
    for number in before:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        over.set()
        _inside.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        sys.unraisablehook = hook
        woken.close()


def _leave_child_alone() -> None:
    """In a child that a library forks: what is sent to end it is not for this process."""
    if _inside.is_set():
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_leave_child_alone)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once: the way out is not to be disturbed
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _watch(listening: socket.socket, over: threading.Event, seconds: float) -> None:
    """Wait for a signal's number, then for the command to end."""
    with listening:
        while data := listening.recv(16):
            if {signal.SIGINT, signal.SIGTERM}.isdisjoint(data) or _patient.is_set():
                continue
            if not over.wait(seconds):
                os.write(2, b'\ntkn: stopped\n')
                end_at_once()
            return


def _quiet(hook: Callable[[Any], None]) -> Callable[[Any], None]:
    """An interrupt may come in a destructor, which cannot pass it on: it is no news."""

    def report(what: Any) -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            hook(what)

    return report
