"""Ctrl-C beside OpenVINO.

OpenVINO's CPU plugin sets aside a stack for signal handlers that has room for the registers which
the kernel saves there and for little else. Python runs its handlers on such a stack where there is
one, so that Ctrl-C, and any other signal with a handler, could end in a segmentation fault. The
thread's own arrangement is put back here once the plugin is loaded.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):  # stack_t of Linux
    _fields_ = [('start', ctypes.c_void_p), ('flags', ctypes.c_int), ('size', ctypes.c_size_t)]


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """After the block this thread's signal handlers run where they did before; on Linux only."""
    if not sys.platform.startswith('linux'):
        yield
        return
    libc, before = ctypes.CDLL(None), _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
