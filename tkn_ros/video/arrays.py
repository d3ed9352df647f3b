"""NumPy files of strangers: no pickles, and the size is known before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from tkn_ros.input_files import InputError, check_regular
from tkn_ros.video.frame import VideoError
from tkn_ros.video.limits import check_unpacked


def open_array(path: str | Path) -> np.ndarray:
    """The array of an .npy, mapped from disk, read only. VideoError for what is none."""
    _check(path)
    try:
        return np.lib.format.open_memmap(path, mode='r')
    except Exception as error:  # damaged headers raise whatever their reader trips over
        raise _not_whole(path, error) from None


def load_arrays(path: str | Path, names: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Arrays of an .npz: those of these names that it has, or without names the first one.

    Raises VideoError for a file that is none, is damaged, or unpacks to too much.
    """
    _check(path)
    try:
        with zipfile.ZipFile(path) as file:
            members = {info.filename.removesuffix('.npy'): info for info in file.infolist()}
            wanted = [name for name in names if name in members] if names else list(members)[:1]
            check_unpacked(sum(members[name].file_size for name in wanted), str(path))
            return {name: _read(file, members[name]) for name in wanted}
    except VideoError:
        raise
    except Exception as error:  # damaged bytes raise whatever the layer that trips over them raises
        raise _not_whole(path, error) from None


def _read(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array, whose header must agree with what the archive says of its size."""
    with file.open(info) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(member)
        count = 1
        for side in shape:
            if side < 0:
                raise ValueError(f'a shape of {shape}')
            count *= side
        if dtype.hasobject:
            raise ValueError('it holds Python objects')
        size = count * dtype.itemsize
        if size > info.file_size:
            raise ValueError(f'{shape} {dtype} need {size} bytes, it has {info.file_size}')
        data = member.read(size)
        flat = np.frombuffer(data, dtype, count)
        return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _check(path: str | Path) -> None:
    try:
        check_regular(path, 'a NumPy file')
    except InputError as error:
        raise VideoError(str(error)) from None


def _not_whole(path: str | Path, error: Exception) -> VideoError:
    reason = ' '.join(str(error).split())[:200] or type(error).__name__
    return VideoError(f'{path}: not a whole NumPy file ({reason}); save it again by numpy.save')
