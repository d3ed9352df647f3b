"""The pictures behind prepared clips, as they were recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import numpy as np

from tkn_ros.datasets.clips import Clip
from tkn_ros.video.frame import Frame, VideoError


def originals(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Iterator[np.ndarray]]]:
    """Each clip with its frames at their own size, (H, W, 3) uint8 RGB, one at a time.

    A recording with several clips is read once; frames of a clip that were not read are skipped
    when the next one is asked for. Clips without a recording give the frames that they hold.

    Raises VideoError where a recording has fewer frames than when its clips were prepared.
    """
    for _, same in groupby(clips, key=lambda clip: id(clip.recording)):
        group = list(same)
        if group[0].recording is None:
            yield from ((clip, iter(clip.frames)) for clip in group)
        else:
            yield from _of_one_recording(group)


def _of_one_recording(clips: list[Clip]) -> Iterator[tuple[Clip, Iterator[np.ndarray]]]:
    recording = clips[0].recording
    assert recording is not None
    with recording.open() as source:
        at = clips[0].first
        frames = source.frames(at)
        for clip in clips:
            deque(islice(frames, clip.first - at), maxlen=0)
            part = _exactly(frames, clip)
            yield clip, part
            deque(part, maxlen=0)
            at = clip.first + len(clip)


def _exactly(frames: Iterator[Frame], clip: Clip) -> Iterator[np.ndarray]:
    count = 0
    for frame in islice(frames, len(clip)):
        count += 1
        yield frame.image
    if count < len(clip):
        raise VideoError(
            f'{clip.name}: only {count} of {len(clip)} frames can be read again; has the '
            'recording changed? Try once more'
        )
