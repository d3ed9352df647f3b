"""What may be read: regular files, and no more of them than their kind can be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_TEXT = 1 << 20  # bytes of a settings file


class InputError(ValueError):
    """A file that cannot be read; the message names it, what was expected and the fix."""


def check_regular(path: str | Path, expected: str) -> None:
    """InputError unless the path is a regular file, by itself or through links.

    Opening a pipe would wait for ever for somebody who writes into it.

    Args:
        path: to look at.
        expected: what it should be, for the message, as 'a TOML file'.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}; give {expected}') from None
    except ValueError as error:  # such as a zero byte in the name
        raise InputError(f'{str(path)!r}: {error}; give {expected}') from None
    if stat.S_ISDIR(mode):
        raise InputError(f'{path}: is a folder; give {expected}')
    if not stat.S_ISREG(mode):
        raise InputError(f'{path}: is a pipe, socket or device; give {expected}')


def read_text(path: str | Path, expected: str) -> str:
    """A small file of UTF-8 text. Raises InputError where it is none.

    Args:
        path: of the file.
        expected: what it should be, for the message, as 'a TOML file'.
    """
    check_regular(path, expected)
    try:
        with open(path, 'rb') as file:
            data = file.read(MAX_TEXT + 1)
    except OSError as error:
        raise InputError(f'{path}: {error.strerror or error}; give {expected}') from None
    if len(data) > MAX_TEXT:
        raise InputError(f'{path}: is longer than {MAX_TEXT} bytes; give {expected}')
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: is not UTF-8 text ({error}); give {expected}') from None
