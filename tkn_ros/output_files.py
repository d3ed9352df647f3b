"""Where results may be written: never over an input, and over what is there only by --force."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class OutputError(ValueError):
    """A place where nothing may be written; the message names it, the reason and the fix."""


def check_output_file(
    out: str | Path, inputs: Iterable[str | Path] = (), force: bool = False
) -> None:
    """Before anything is read: may a file be written there?

    Whether a file that is there is worth keeping nobody can tell, so that all are kept.

    Raises OutputError where it is one of the inputs (also by links, or as a part of a folder),
    where another file is there and `force` was not given, and where it is no place for a file.

    Args:
        out: the file to write.
        inputs: what is read: files and folders; names of nothing on disk are passed over.
        force: replace a file that is there, unless it is an input.
    """
    out = Path(out)
    if not os.path.lexists(out):
        return
    if out.is_dir():
        raise OutputError(f'{out}: is a folder; remove it or choose another name')
    for given in inputs:
        if _is_part(out, Path(given)):
            raise OutputError(f'{out}: is read from, as {given}; choose another name to write to')
    if out.exists() and not out.is_file():
        raise OutputError(f'{out}: is no regular file; choose another name')
    if not force:
        raise OutputError(f'{out}: is there already; choose another name, or replace it by --force')


def check_output_folder(
    out: str | Path,
    inputs: Iterable[str | Path] = (),
    force: bool = False,
    marks: Iterable[str] = (),
) -> None:
    """The same for a folder: new, empty, an earlier result's, or `force` was given.

    Args:
        out: the folder to write into.
        inputs: as above; none of them may be that folder.
        force: write into a folder that holds other things.
        marks: names of files by which an earlier result is known.
    """
    out = Path(out)
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise OutputError(f'{out}: is a file; results go into a folder: choose another name')
    for given in inputs:
        if _same(out, Path(given)):
            raise OutputError(f'{out}: is read from, as {given}; choose another folder')
    ours = any((out / mark).is_file() for mark in marks)
    if not (force or ours) and any(out.iterdir()):
        raise OutputError(
            f'{out}: this folder is not empty, and no earlier result is in it; choose another one, '
            'or write into it by --force'
        )


@contextmanager
def made_folder(folder: str | Path) -> Iterator[Path]:
    """Make a folder and its parents; after an exception those that were made and are empty go."""
    folder = Path(folder)
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        for made in missing:  # the innermost first
            try:
                made.rmdir()
            except OSError:
                break
        raise


def check_parent(out: str | Path) -> None:
    """OutputError where an absolute path's folder is missing, which may be a typo.

    Below the working folder what is missing is made.
    """
    out = Path(out)
    if out.is_absolute() and not out.parent.is_dir():
        raise OutputError(
            f'{out}: there is no folder {out.parent}; make it, or choose another place'
        )


def _is_part(file: Path, given: Path) -> bool:
    """Whether a file is an input, or lies in a folder that is one, under whatever name."""
    if _same(file, given):
        return True
    if not given.is_dir():
        return False
    if any(_same(parent, given) for parent in file.resolve().parents):
        return True
    inside = (Path(at) / name for at, _, names in os.walk(given) for name in names)
    return any(_same(file, other) for other in inside)


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there, as "synthetic:5"
        return False
