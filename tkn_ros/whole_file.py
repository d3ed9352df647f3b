"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tkn_ros.output_files import made_folder


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A path of the same name in a temporary folder beside `path`, moved to `path` on success.

    Other files that appear in the folder are moved beside `path` before it: where `path` exists
    all of them are complete. After an exception nothing has changed.

    Raises:
        OSError: if nothing can be written there.
    """
    path = Path(path)
    with (
        made_folder(path.parent),
        tempfile.TemporaryDirectory(
            dir=path.parent, prefix=f'.{path.name}.', suffix='.part', ignore_cleanup_errors=True
        ) as folder,
    ):
        part = Path(folder) / path.name
        yield part
        others = [file for file in Path(folder).iterdir() if file.name != path.name]
        for file in (*others, part):
            os.replace(file, path.parent / file.name)
