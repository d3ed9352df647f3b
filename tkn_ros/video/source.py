"""The one interface of everything frames are read from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from tkn_ros.video.frame import Frame, VideoError

DEFAULT_FPS = 25.0
BAD_FRAMES_KEPT = 20

AnySource = TypeVar('AnySource', bound='Source')


class Source:
    """Frames of one recording, read lazily and in stamp order, from the start at every iteration.

    A frame that cannot be read is passed over and counted, so that one damaged picture does not
    cost the rest of a recording.

    Attributes:
        name: what was opened, for messages to people.
        fps: nominal frames per second.
        height, width: in pixels; every frame has this size.
        bad_count: frames passed over in the latest iteration.
        bad_frames: why, one line each, the first `BAD_FRAMES_KEPT` of them.
    """

    name: str
    fps: float
    height: int
    width: int

    def __init__(self, name: str) -> None:
        self.name = name
        self.bad_count = 0
        self.bad_frames: list[str] = []

    def _read(self) -> Iterator[Frame]:
        """All good frames from the start; bad ones go to `_skip`."""
        raise NotImplementedError

    def _skip(self, reason: str) -> None:
        self.bad_count += 1
        if len(self.bad_frames) < BAD_FRAMES_KEPT:
            self.bad_frames.append(' '.join(reason.split()))  # one line each

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """The frames list(source)[start:stop], lazily.

        Raises:
            VideoError: if start is negative or stop is before start.
        """
        if start < 0 or (stop is not None and stop < start):
            raise VideoError(f'{self.name}: frames {start} to {stop}, expected 0 <= start <= stop')
        self.bad_count = 0
        self.bad_frames = []
        return islice(self._read(), start, stop)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def count(self) -> int:
        """How many frames there are, by reading them all: headers of files are often wrong."""
        return sum(1 for _ in self)

    def close(self) -> None:
        """Let go of what is held open; most sources hold nothing between iterations."""

    def __enter__(self: AnySource) -> AnySource:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def checked_fps(fps: float) -> float:
    """`fps` as a float, or VideoError if it is no usable frame rate."""
    if not 0 < fps <= 1000:
        raise VideoError(f'fps {fps} is not usable: give a number above 0 and up to 1000')
    return float(fps)
