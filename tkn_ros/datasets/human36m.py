"""Human3.6M: a folder for each subject (S1, S5, ..), in it videos or folders of frames.

Subjects 1, 5, 6, 7, 8 are for training and 9, 11 for testing, as in the paper. The data set needs
a licence of its own (vision.imar.ro/human3.6m) and is not downloaded here.
"""

from __future__ import annotations

import re
from pathlib import Path

from tkn_ros.datasets.recording import TEST, TRAIN, Recording, recording_of
from tkn_ros.video.files import image_files, natural_key
from tkn_ros.video.frame import VideoError

TRAINING_SUBJECTS, TEST_SUBJECTS = (1, 5, 6, 7, 8), (9, 11)
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv')

_SUBJECT = re.compile(r'S(\d{1,2})')


def is_human36m(folder: Path) -> bool:
    """Whether a folder holds at least one subject's folder."""
    return bool(_subjects(folder))


def human36m_recordings(folder: str | Path) -> list[Recording]:
    """All videos and folders of frames of the subjects that are there, by subject and name.

    The action is taken from the name as the data set has it: "Walking 1.54138969.mp4", or
    "s_09_act_02_.."; the number of the camera and of the trial are left out of the label. Masks
    and the like, whose paths say so, are skipped.

    Raises:
        VideoError: if no subject's folder holds any.
    """
    folder, recordings = Path(folder), []
    for number, subject in sorted(_subjects(folder).items()):
        split = TRAIN if number in TRAINING_SUBJECTS else TEST if number in TEST_SUBJECTS else ''
        for path in _clips(subject):
            name = f'S{number}/{path.relative_to(subject)}'
            recordings.append(
                recording_of(
                    path, name=name, label=_action(path.name), subject=f'S{number}', split=split
                )
            )
    if not recordings:
        raise VideoError(
            f"{folder}: the subjects' folders (S1, S5, ..) hold neither videos "
            f'({", ".join(VIDEO_SUFFIXES)}) nor folders of frames'
        )
    return recordings


def _subjects(folder: Path) -> dict[int, Path]:
    return {
        int(match[1]): p
        for p in folder.iterdir()
        if p.is_dir() and (match := _SUBJECT.fullmatch(p.name))
    }


def _clips(subject: Path) -> list[Path]:
    inside = [
        p
        for p in subject.rglob('*')
        if not re.search('mask|segm|background', str(p.relative_to(subject)), re.I)
    ]
    clips = [p for p in inside if p.suffix.lower() in VIDEO_SUFFIXES]
    clips += [p for p in inside if p.is_dir() and image_files(p)]
    return sorted(clips, key=lambda p: natural_key(str(p)))


def _action(name: str) -> str:
    """'Walking 1.54138969.mp4' -> 'Walking'; 's_09_act_02_subact_01_ca_01' -> 'act_02'."""
    match = re.search(r'act_(\d\d)', name)
    if match:
        return f'act_{match[1]}'
    return re.split(r'[\d._]', name)[0].strip()
