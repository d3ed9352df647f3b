"""What the C library does with memory that was freed; on Linux with glibc, elsewhere nothing.

For each image some megabytes are wanted and freed again. By default such blocks come from the
system and go back to it, and every page of them is a fault: 750 for an image of 640x480, a
millisecond and a half.
"""

import ctypes
import sys

MOST = 32 * 2**20  # of a block that is kept; larger ones go back (as large as glibc allows)
KEPT = 64 * 2**20  # at the end of the heap; more goes back

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


def keep_freed() -> None:
    """Use freed blocks again from now on; at most KEPT of them in a row at the heap's end."""
    library = _library('mallopt')
    if library is not None:
        library.mallopt(_MMAP_THRESHOLD, MOST)
        library.mallopt(_TRIM_THRESHOLD, KEPT)


def give_back() -> None:
    """All that is free, now."""
    library = _library('malloc_trim')
    if library is not None:
        library.malloc_trim(0)


def _library(function: str) -> ctypes.CDLL | None:
    if not sys.platform.startswith('linux'):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, function) else None
