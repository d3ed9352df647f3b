"""A node that a launch file started ends when `ros2 launch` does, however that ends.

Ended by SIGTERM, as by a supervisor, or killed, `ros2 launch` leaves its processes behind. Linux
signals a process whose parent has gone, if it asks for that. Launch files say who the parent is; a
node that is started otherwise outlives its shell, as any program does.
"""

import ctypes
import os
import signal
import sys

PARENT = 'TKN_LAUNCHED_BY'  # environment variable: process id of `ros2 launch`
PR_SET_PDEATHSIG = 1  # of Linux's prctl


def launched() -> dict[str, str]:
    """What a launch file adds to the environment of its nodes."""
    return {PARENT: str(os.getpid())}


def end_with_parent() -> None:
    """Get SIGTERM when `ros2 launch` has gone, or now if it went already; on Linux only.

    To be called once SIGTERM is handled, in the main thread.
    """
    parent = os.environ.pop(PARENT, '')  # it is not that of processes which this one starts
    if not parent.isdecimal() or not sys.platform.startswith('linux'):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        os.kill(int(parent), 0)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGTERM)
    except PermissionError:  # it is there
        pass
