"""Frames to video files, GIFs and images; a file appears only when it is whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image

from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import checked_fps
from tkn_ros.whole_file import whole_file


class VideoWriter:
    """An H.264 .mp4, written frame by frame in a `with` block.

    >>> with VideoWriter('out.mp4', fps=25) as writer:
    ...     writer.write(image)  # (H, W, 3) uint8 RGB, every frame of the first one's size

    H.264 in yuv420p, which every player shows, has even sides only: an odd side grows by a copy
    of its last row or column. Leaving the block by an exception, or without a frame (VideoError),
    leaves no file.
    """

    def __init__(self, path: str | Path, fps: float) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != '.mp4':
            raise VideoError(f'{path}: videos are written as .mp4; give a name that ends so')
        self._fps = Fraction(checked_fps(fps)).limit_denominator(1001)
        self._file = whole_file(self.path)
        self._container: OutputContainer  # within the block
        self._stream: VideoStream | None = None
        self._shape: tuple[int, ...] | None = None

    def __enter__(self) -> VideoWriter:
        self._container = av.open(
            f'file:{self._file.__enter__()}', 'w', format='mp4', options={'movflags': '+faststart'}
        )
        return self

    def write(self, image: np.ndarray) -> None:
        """Append one (H, W, 3) uint8 RGB picture."""
        _check(image, self._shape)
        if self._stream is None:
            self._shape = image.shape
            self._stream = self._container.add_stream('libx264', rate=self._fps)
            self._stream.height = image.shape[0] + image.shape[0] % 2
            self._stream.width = image.shape[1] + image.shape[1] % 2
            self._stream.pix_fmt = 'yuv420p'
            self._stream.options = {'crf': '18', 'preset': 'veryfast'}
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format='rgb24')
        self._container.mux(self._stream.encode(picture))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if self._stream is not None and kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if self._stream is None and kind is None:
                raise VideoError(f'{self.path}: no frames to write')
        except BaseException as failure:
            self._file.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._file.__exit__(kind, error, trace)


def write_video(path: str | Path, frames: Iterable[Frame | np.ndarray], fps: float) -> int:
    """Write frames or (H, W, 3) uint8 RGB pictures as an .mp4, one at a time; see `VideoWriter`.

    Returns:
        How many frames were written.

    Args:
        path: an .mp4.
        frames: pictures of one size.
        fps: frames per second.
    """
    count = 0
    with VideoWriter(path, fps) as writer:
        for image in _images(frames):
            writer.write(image)
            count += 1
    return count


def write_gif(
    path: str | Path, frames: Iterable[Frame | np.ndarray], fps: float, max_width: int = 480
) -> int:
    """Write an endlessly repeated GIF, shrunk to at most `max_width` pixels wide.

    A GIF counts time in hundredths of a second, and players slow down below two of them, so the
    rate is the nearest one possible and at most 50 per second.

    Returns:
        How many frames were written.

    Args:
        path: a .gif.
        frames: pictures of one size.
        fps: frames per second, at most 50.
        max_width: [pixel] of the GIF.
    """

    def small() -> Iterator[np.ndarray]:
        shape = None
        for image in _images(frames):
            _check(image, shape)
            shape = image.shape
            height, width = shape[:2]
            if width > max_width:
                size = (max_width, max(1, round(height * max_width / width)))
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            yield image

    duration = max(2, round(100 / checked_fps(fps))) * 10  # in ms
    count = 0

    def pictures() -> Iterator[Image.Image]:
        nonlocal count
        images = small()
        # One palette for 32 frames, so that what stands still costs nothing: a third of the size.
        # Maximum coverage keeps the few bright pixels of marks that the default averages away.
        while some := list(islice(images, 32)):
            palette = Image.fromarray(np.concatenate(some[::4])).quantize(
                256, method=Image.Quantize.MAXCOVERAGE
            )
            for image in some:
                count += 1
                yield Image.fromarray(image).quantize(palette=palette, dither=Image.Dither.NONE)

    rest = pictures()
    first = next(rest, None)
    if first is None:
        raise VideoError(f'{path}: no frames to write')
    with whole_file(path) as part:
        first.save(part, format='GIF', save_all=True, append_images=rest, duration=duration, loop=0)
    return count


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write one (H, W, 3) uint8 RGB picture, as the name's suffix says (.png, .jpg, ...)."""
    _check(image, None)
    path = Path(path)
    try:
        encoded, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error:
        encoded = False
    if not encoded:
        raise VideoError(f'{path}: no image format for {path.suffix!r}; use .png or .jpg')
    with whole_file(path) as part:
        part.write_bytes(data.tobytes())


def _images(frames: Iterable[Frame | np.ndarray]) -> Iterator[np.ndarray]:
    return (frame.image if isinstance(frame, Frame) else frame for frame in frames)


def _check(image: np.ndarray, shape: tuple[int, ...] | None) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise VideoError(f'picture is {image.dtype} {image.shape}; expected uint8 (H, W, 3) RGB')
    if shape is not None and image.shape != shape:
        raise VideoError(f'picture is {image.shape}, those before {shape}; give all one size')
