"""rosbags with bounds: what a chunk, a message or a file of a bag may unpack to.

rosbags unpacks whole whatever is there, and a few kilobytes can become gigabytes. Its
decompressors are in tables of its modules, where ours take their places.
"""

from __future__ import annotations

import bz2
import shutil
import sys
import tempfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import lz4.frame
from rosbags.rosbag1 import reader as rosbag1_reader
from rosbags.rosbag2 import reader as rosbag2_reader
from rosbags.rosbag2 import storage_mcap

from tkn_ros.video.frame import VideoError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd  # rosbags brings it

MAX_PART = 1 << 28  # bytes of a chunk or message: four pictures of 4096x4096 in colour
SHARE = 2  # a bag compressed as a whole may unpack to one half of the free disk


def bound_rosbags() -> None:
    """Put bounded decompressors into rosbags' tables."""
    storage_mcap.DECOMPRESSORS['zstd'] = unpack_zstd
    storage_mcap.DECOMPRESSORS['lz4'] = lambda data, size: _unpack(
        lz4.frame.LZ4FrameDecompressor, data
    )
    rosbag1_reader.decompressors['bz2'] = lambda data: _unpack(bz2.BZ2Decompressor, data)
    rosbag1_reader.decompressors['lz4'] = lambda data: _unpack(lz4.frame.LZ4FrameDecompressor, data)
    bounded = SimpleNamespace(decompress=unpack_zstd, open=_BoundedFile)
    vars(rosbag2_reader)['zstd'] = bounded


def unpack_zstd(data: bytes, size: int = 0) -> bytes:
    """A message or chunk. VideoError where it unpacks to more than MAX_PART bytes.

    Args:
        data: compressed.
        size: that it says it has [byte], and no more: room is made for it at once, which takes
            half the time; 0 where it says nothing.
    """
    return _unpack(zstd.ZstdDecompressor, data, size)


def _unpack(make: Callable[[], Any], data: bytes, size: int = 0) -> bytes:
    """All frames of some compressed bytes, one after the other."""
    parts, total, most = [], 0, min(size or MAX_PART, MAX_PART)
    while data:
        unpacker = make()
        parts.append(unpacker.decompress(data, max_length=most + 1 - total))
        total += len(parts[-1])
        if total > most:
            raise VideoError(f'a part of the bag unpacks to more than {most} bytes')
        if not unpacker.eof:
            raise VideoError('a compressed part of the bag is cut off')
        data = unpacker.unused_data or b''
    return b''.join(parts)


class _BoundedFile:
    """A compressed file of a bag, read no further than the disk has room for what is in it."""

    def __init__(self, file: Any, mode: str = 'rb') -> None:
        self._file = zstd.ZstdFile(file)
        self._left = shutil.disk_usage(tempfile.gettempdir()).free // SHARE

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise VideoError('unpacked it needs more than half of the free disk')
        return data

    def __enter__(self) -> _BoundedFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
