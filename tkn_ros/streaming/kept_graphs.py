"""Converted graphs on disk, each with the checksums of its files and of the weights it is of.

What does not agree with them, for whatever reason, is removed and made again.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tkn_ros.whole_file import whole_file

Loaded = TypeVar('Loaded')
SEAL = '.seal.json'


def load_kept(graph: Path, load: Callable[[Path], Loaded]) -> Loaded | None:
    """What `load` makes of a graph that was kept; None where there is none, or it is damaged."""
    if not graph.is_file():
        return None
    with contextlib.suppress(Exception):  # of damage there are as many errors as there is code
        if _is_sealed(graph):
            return load(graph)
    for file in _files(graph):
        with contextlib.suppress(OSError):
            file.unlink()
    return None


@contextmanager
def keeping(graph: Path) -> Iterator[Path]:
    """Where to write a graph (other files beside it); kept with checksums at the end.

    A folder that cannot be written to costs the next start its time and nothing else.
    """
    with contextlib.suppress(OSError), whole_file(graph) as part:
        yield part
        sums = {file.name: _checksum(file) for file in part.parent.iterdir()}
        seal = {'weights': graph.parent.name, 'sha256': sums}
        part.with_name(graph.name + SEAL).write_text(json.dumps(seal))


def _is_sealed(graph: Path) -> bool:
    seal = json.loads(graph.with_name(graph.name + SEAL).read_text())
    sums = seal['sha256']
    return (
        seal['weights'] == graph.parent.name  # the fingerprint of the weights, see cache.py
        and graph.name in sums
        and all(_checksum(graph.with_name(name)) == value for name, value in sums.items())
    )


def _files(graph: Path) -> list[Path]:
    return [graph, graph.with_name(graph.name + SEAL), graph.with_suffix('.bin')]


def _checksum(path: Path) -> str:
    with open(path, 'rb') as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()
