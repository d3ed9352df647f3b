"""Prepared clips: decoded once, resized, as uint8 on disk and mapped into memory from there.

Each recording gets two files named after what its frames depend on: KEY.npy, (T, H, W, 3) uint8,
and KEY.json, which says how many there are, their checksum and what was wrong with the recording.
Both are written under another name and renamed when they are whole, the .json last, so that what
an interrupted run leaves is never taken for whole. A changed source has another key.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from tkn_ros.cache_folder import cache_folder
from tkn_ros.datasets.recording import Recording
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import Source
from tkn_ros.whole_file import whole_file

VERSION = 1
GAP = 4.5  # times the usual distance of two frames, beyond which what follows is another clip

_HEADER = 128  # bytes before the frames
_CHUNK = 1 << 24


@dataclass
class Prepared:
    """The frames of a recording, and what is known of it.

    Attributes:
        frames: (T, H, W, 3) uint8, mapped from disk, read only.
        fps: nominal frames per second.
        cuts: numbers of the frames before which time jumps.
        bad_count, bad_frames: as `Source` has them.
    """

    frames: np.ndarray
    fps: float
    cuts: list[int] = field(default_factory=list)
    bad_count: int = 0
    bad_frames: list[str] = field(default_factory=list)


def default_folder() -> Path:
    """Where prepared clips are kept: on Linux $XDG_CACHE_HOME/tkn_ros or ~/.cache/tkn_ros."""
    return cache_folder()


def prepare(recording: Recording, height: int, width: int, folder: str | Path) -> Prepared:
    """The recording at that size, from `folder` if it is there whole, else decoded now.

    One frame is in memory at a time. Raises VideoError where no frame can be read, OSError where
    the folder cannot be written.

    Args:
        recording: what to prepare.
        height: of the frames [pixel].
        width: of the frames [pixel].
        folder: of the prepared clips.
    """
    settings = {**recording.identity, 'height': height, 'width': width, 'version': VERSION}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:20]
    path = Path(folder).expanduser() / f'{key}.npy'
    found = _open(path, height, width)
    if found is None:
        _write(path, recording, height, width, settings)
        found = _open(path, height, width)
        if found is None:
            raise OSError(f'{path}: cannot be read back as it was written; is the disk sound?')
    return found


def _open(path: Path, height: int, width: int) -> Prepared | None:
    """What is prepared under that name; None if it is not there, not whole or damaged."""
    try:
        about = json.loads(path.with_suffix('.json').read_text())
        frames = np.lib.format.open_memmap(path, mode='r')
        if frames.shape != (about['frames'], height, width, 3) or frames.dtype != np.uint8:
            return None
        if _checksum(path) != about['sha256']:
            return None
        fps, cuts = float(about['fps']), [int(cut) for cut in about['cuts']]
        bad_frames = [str(reason) for reason in about['bad_frames']]
        return Prepared(frames, fps, cuts, int(about['bad_count']), bad_frames)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        file.seek(_HEADER)
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _write(
    path: Path, recording: Recording, height: int, width: int, settings: dict[str, Any]
) -> None:
    with recording.open() as source:
        try:
            _write_both(path, recording, source, height, width, settings)
        except OSError as error:
            there = next(p for p in path.parents if p.exists())
            free = shutil.disk_usage(there).free / 1e6
            raise OSError(
                f'{path.parent}: the resized frames of {recording.name} cannot be kept '
                f'there ({error.strerror or error}; {free:.1f} MB are free); free some space '
                'or give another folder by --cache DIR'
            ) from None


def _write_both(
    path: Path,
    recording: Recording,
    source: Source,
    height: int,
    width: int,
    settings: dict[str, Any],
) -> None:
    """Both files, or after a failure none."""
    digest, stamps = hashlib.sha256(), []
    with (
        whole_file(path.with_suffix('.json')) as manifest,
        whole_file(path) as part,
        open(part, 'wb') as file,
    ):
        file.write(bytes(_HEADER))
        for frame in tqdm(
            _frames(source), desc=Path(recording.name).name, unit='frame', leave=False, disable=None
        ):
            small = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
            data = np.ascontiguousarray(small).tobytes()
            digest.update(data)
            file.write(data)
            stamps.append(frame.stamp_ns)
        if not stamps:
            why = f' ({source.bad_frames[0]})' if source.bad_frames else ''
            raise VideoError(f'{recording.name}: no frame can be read{why}; leave it out')
        file.seek(0)
        file.write(_npy_header((len(stamps), height, width, 3)))
        about = {
            'frames': len(stamps),
            'fps': source.fps,
            'cuts': _jumps(stamps),
            'bad_count': source.bad_count,
            'bad_frames': source.bad_frames,
            'sha256': digest.hexdigest(),
            'source': recording.name,
            'settings': settings,
        }
        manifest.write_text(json.dumps(about, indent=1))


def _frames(source: Source) -> Iterator[Frame]:
    """So that an OSError of reading is not taken for one of writing."""
    try:
        yield from source
    except OSError as error:
        raise VideoError(f'{source.name}: cannot be read ({error.strerror or error})') from None


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Format 1.0 of .npy, padded to `_HEADER` bytes, since the shape is only known at the end."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    room = _HEADER - 10
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', room) + f'{text:{room - 1}}\n'.encode()


def _jumps(stamps: list[int]) -> list[int]:
    steps = np.diff(np.array(stamps, np.int64))
    if not len(steps):
        return []
    return [int(i) + 1 for i in np.flatnonzero(steps > GAP * np.median(steps))]
