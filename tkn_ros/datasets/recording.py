"""One recording of a data set: where its frames come from, and which of them belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tkn_ros.video.open import open_source
from tkn_ros.video.source import Source

TRAIN, TEST = 'train', 'test'


@dataclass(frozen=True)
class Recording:
    """A source that is not open yet.

    Attributes:
        name: for people.
        open: makes the source.
        identity: what its frames depend on, as JSON can hold it; a cache is keyed on that.
        ranges: (first, stop) frame numbers of the sequences in it, stop None for the end.
        label: class of what is shown ('walking'), if the data set has classes.
        subject: who is shown ('person01'), if the data set says.
        split: 'train' or 'test' by the data set's own rule, else ''.
        origin: 'recorded', or what was rendered: 'scenes' or 'glyphs'.
    """

    name: str
    open: Callable[[], Source]
    identity: dict[str, Any]
    ranges: tuple[tuple[int, int | None], ...] = ((0, None),)
    label: str = ''
    subject: str = ''
    split: str = ''
    origin: str = 'recorded'


def recording_of(path: Path, topic: str | None = None, **about: Any) -> Recording:
    """The recording that a file or folder is; `about` are further attributes of it."""
    return Recording(
        about.pop('name', str(path)),
        lambda: open_source(path, topic),
        {**state_of(path), 'topic': topic or ''},
        **about,
    )


def state_of(path: Path) -> dict[str, Any]:
    """Where a file or folder is, and all that changes when somebody changes its content."""
    files = [p for p in sorted(path.rglob('*')) if p.is_file()] if path.is_dir() else [path]
    states = [file.stat() for file in files]
    return {
        'path': str(path.resolve()),
        'files': len(files),
        'mtime_ns': max((s.st_mtime_ns for s in states), default=0),
        'bytes': sum(s.st_size for s in states),
    }


def source_hash(*paths: Path) -> str:
    """Of source files, or all modules of folders: other code may draw other pictures by a seed."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.glob('*.py')) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
