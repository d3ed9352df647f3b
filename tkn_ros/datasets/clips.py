"""From the paths given to a command to clips in memory (mapped from the prepared cache)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from tkn_ros.datasets.find import find_recordings
from tkn_ros.datasets.prepared import Prepared, prepare
from tkn_ros.datasets.recording import TEST, TRAIN, Recording
from tkn_ros.video.frame import VideoError

NAMED = 3  # recordings or clips that a message names at most
HELD_OUT = (
    '{0}: no recording of its test split is there; the last sequence of each file is held '
    'out for testing instead. The figures are of people seen in training, not on the '
    "data set's own split"
)


@dataclass(frozen=True)
class Clip:
    """Frames that follow one another: (T, H, W, 3) uint8, and what is known of them.

    Attributes:
        name: for people.
        frames: (T, H, W, 3) uint8.
        fps: frames per second.
        label: class of what is shown, or empty.
        subject: who is shown, or empty.
        origin: 'recorded', 'scenes' or 'glyphs'.
        recording: what the frames were resized from, or None.
        first: number of the first frame in it.
    """

    name: str
    frames: np.ndarray
    fps: float
    label: str = ''
    subject: str = ''
    origin: str = 'recorded'
    recording: Recording | None = None
    first: int = 0

    def __len__(self) -> int:
        return len(self.frames)


def warn(message: str) -> None:
    """One line to the person at the terminal."""
    print(f'tkn: {message}', file=sys.stderr, flush=True)


def load_clips(
    paths: Sequence[str],
    height: int,
    width: int,
    cache: str | Path,
    split: str = '',
    part: tuple[float, float] = (0.0, 1.0),
    topic: str | None = None,
    say: Callable[[str], None] = warn,
) -> list[Clip]:
    """All clips of the paths (see `find_recordings`), each resized to height x width.

    Raises:
        VideoError: where nothing can be used; a recording among several that cannot be read is
            only reported.

    Args:
        paths: what `find_recordings` knows.
        height: of the frames [pixel].
        width: of the frames [pixel].
        cache: folder of the prepared clips.
        split: of data sets that know one, 'train' or 'test'; '' for all.
        part: which share of each recording, (0, 0.6) being its first 60 %.
        topic: of rosbags with several image topics; None: their only one.
        say: gets one line for each recording that is damaged or left out.
    """
    if not 0 <= part[0] < part[1] <= 1:
        raise VideoError(
            f'part is {part[0]:g}:{part[1]:g}, expected two shares with '
            '0 <= first < last <= 1, as 0:0.6'
        )
    clips, reasons, has_split = [], set(), False
    for path in paths:
        found = find_recordings(path, topic, (height, width))
        has_split |= any(recording.split for recording in found)
        recordings = _of_split(str(path), found, split, say)
        for recording in recordings:
            try:
                prepared = prepare(recording, height, width, cache)
            except VideoError as error:
                message = str(error).replace('TOPIC=<one of them>', '--topic with one of them')
                if len(recordings) == 1:
                    raise VideoError(message) from None
                say(f'left out: {message}')
                reasons.add(message.removeprefix(f'{recording.name}: '))
                continue
            if prepared.bad_count:
                say(
                    f'{recording.name}: {prepared.bad_count} damaged places were skipped '
                    f'(first: {prepared.bad_frames[0]}); {len(prepared.frames)} frames are good'
                )
            clips += _cut(recording, prepared, part)
    if not clips:
        raise VideoError(
            f'no clip to use in {", ".join(map(str, paths))}'
            + (f' (split "{split}")' if split and has_split else '')
            + (f': {reasons.pop()}' if len(reasons) == 1 else '; give other data')
        )
    return clips


def _of_split(
    path: str, recordings: list[Recording], split: str, say: Callable[[str], None]
) -> list[Recording]:
    """Those of the split, or where a data set has none for testing, a part of each of them."""
    if not split:
        return recordings
    splits = {r.split for r in recordings}
    if TRAIN in splits and TEST not in splits:
        if any(len(r.ranges) > 1 for r in recordings):
            say(HELD_OUT.format(path))
        kept = [
            replace(r, ranges=r.ranges[-1:] if split == TEST else r.ranges[:-1])
            for r in recordings
            if len(r.ranges) > 1
        ]
        whole = [r for r in recordings if len(r.ranges) == 1 and split == TRAIN]
        return kept + whole
    return [r for r in recordings if r.split in ('', split)]


def _cut(recording: Recording, prepared: Prepared, part: tuple[float, float]) -> list[Clip]:
    """The sequences of a recording, within `part` of it, divided where time jumps."""
    total = len(prepared.frames)
    low, high = round(part[0] * total), round(part[1] * total)
    clips = []
    for first, stop in recording.ranges:
        first, stop = max(first, low), min(high, total if stop is None else stop)
        ends = [c for c in prepared.cuts if first < c < stop] + [stop]
        for end in ends:
            if end > first:
                whole = (first, end) == (0, total)
                name = recording.name if whole else f'{recording.name} [{first}:{end}]'
                clips.append(
                    Clip(
                        name,
                        prepared.frames[first:end],
                        prepared.fps,
                        recording.label,
                        recording.subject,
                        recording.origin,
                        recording,
                        first,
                    )
                )
            first = end
    return clips


def long_enough(
    clips: Sequence[Clip], frames: int, why: str, say: Callable[[str], None] = warn
) -> list[Clip]:
    """Those of at least so many frames; the others are reported, or an error where none is left.

    Args:
        clips: to choose from.
        frames: that a clip must have.
        why: what the number is made of, as 'window 10 + horizon 10'.
        say: gets one line for each thing worth reporting.
    """
    good = [clip for clip in clips if len(clip) >= frames]
    short = [clip for clip in clips if len(clip) < frames]
    named = ', '.join(f'{c.name} ({len(c)} frames)' for c in short[:NAMED])
    named += f' and {len(short) - NAMED} more' if len(short) > NAMED else ''
    if not good:
        raise VideoError(
            f'too short: {named}; at least {frames} frames are needed ({why}): give '
            'longer clips, or a smaller window or horizon'
        )
    if short:
        say(f'left out as too short: {named}; {frames} frames are needed ({why})')
    return good


def resize_clip(frames: Iterable[np.ndarray], height: int, width: int) -> np.ndarray:
    """RGB uint8 frames of any size -> (T, height, width, 3) uint8, by area averaging.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        height: of the frames [pixel].
        width: of the frames [pixel].
    """
    return np.stack([cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in frames])


def start_of_most_motion(clip: np.ndarray, length: int, tries: int = 50) -> int:
    """Where the `length` frames begin between whose first and last most changes.

    Args:
        clip: (T, H, W, 3) uint8.
        length: frames of a run.
        tries: how many starts are compared.
    """
    starts = np.unique(np.linspace(0, len(clip) - length, tries).astype(int))
    change = [np.abs(clip[s].astype(np.int16) - clip[s + length - 1]).mean() for s in starts]
    return int(starts[int(np.argmax(change))])


def run_with_most_motion(clip: np.ndarray, length: int, tries: int = 50) -> np.ndarray:
    """The frames of the run that `start_of_most_motion` finds: (length, H, W, 3).

    Args:
        clip: (T, H, W, 3) uint8.
        length: frames of a run.
        tries: how many starts are compared.
    """
    start = start_of_most_motion(clip, length, tries)
    return clip[start : start + length]
