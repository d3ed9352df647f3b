"""The KTH action data set: its original AVI files and the frame ranges of 00sequences.txt.

Persons 1 to 16 are for training and 17 to 25 for testing, as in the paper (the data set's own page
divides otherwise).
"""

from __future__ import annotations

import re
from pathlib import Path

from tkn_ros.datasets.recording import TEST, TRAIN, Recording, recording_of
from tkn_ros.video.frame import VideoError

CLASSES = ('boxing', 'handclapping', 'handwaving', 'jogging', 'running', 'walking')
LAST_TRAINING_PERSON = 16
SEQUENCES = '00sequences.txt'

_FILE = re.compile(r'person(\d\d)_([a-z]+)_d(\d)_uncomp\.avi')


def is_kth(folder: Path) -> bool:
    """Whether a folder holds files of the data set, directly or in one folder for each class."""
    return bool(_files(folder))


def kth_recordings(folder: str | Path) -> list[Recording]:
    """The files that are there, in order of their names.

    A file that 00sequences.txt (beside them or one folder up) does not name, or all where it is
    missing, counts as one sequence: the one file that the data set lacks is named there too.

    Raises:
        VideoError: if there is none, or 00sequences.txt cannot be read.
    """
    folder = Path(folder)
    files = _files(folder)
    if not files:
        raise VideoError(f'{folder}: no KTH file; expected names as person01_boxing_d1_uncomp.avi')
    ranges = _ranges(folder)
    recordings = []
    for path in files:
        found = _FILE.fullmatch(path.name)
        assert found is not None  # `_files` has looked
        person, action, _ = found.groups()
        split = TRAIN if int(person) <= LAST_TRAINING_PERSON else TEST
        recordings.append(
            recording_of(
                path,
                name=path.stem,
                label=action,
                subject=f'person{person}',
                split=split,
                ranges=ranges.get(path.name.removesuffix('_uncomp.avi'), ((0, None),)),
            )
        )
    return recordings


def _files(folder: Path) -> list[Path]:
    found = [*folder.glob('person*.avi'), *folder.glob('*/person*.avi')]
    return sorted((p for p in found if _FILE.fullmatch(p.name)), key=lambda p: p.name)


def _ranges(folder: Path) -> dict[str, tuple[tuple[int, int], ...]]:
    """'person01_boxing_d1' -> ((0, 95), ..): the file counts from 1 and names the last frame."""
    path = next((p for p in (folder / SEQUENCES, folder.parent / SEQUENCES) if p.is_file()), None)
    if path is None:
        return {}
    ranges = {}
    for line in path.read_text(errors='replace').splitlines():
        match = re.match(r'(person\d\d_[a-z]+_d\d)\s+frames\s+([-\d,\s]+)', line)
        if not match:
            continue
        pairs = re.findall(r'(\d+)\s*-\s*(\d+)', match[2])
        ranges[match[1]] = tuple((int(a) - 1, int(b)) for a, b in pairs if int(a) <= int(b))
    if not ranges:
        raise VideoError(f'{path}: no line as "person01_boxing_d1 frames 1-95, .."; copy it again')
    return ranges
