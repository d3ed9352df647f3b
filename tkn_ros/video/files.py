"""Frames from video files and from folders of images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer

from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.limits import allowed_pixels, check_pixels
from tkn_ros.video.pictures import decode_picture
from tkn_ros.video.source import DEFAULT_FPS, Source, checked_fps

IMAGE_SUFFIXES = frozenset(
    ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
)


class VideoFile(Source):
    """A video file of any kind that FFmpeg decodes.

    Stamps start at 0 and follow the file's presentation times where it has them, else the frame
    rate; they always increase. With `fps` given, they are the frame's number / fps instead.
    """

    def __init__(self, path: str | Path, fps: float | None = None) -> None:
        super().__init__(str(path))
        self._retimed = fps is not None
        with self._open() as container:
            stream = container.streams.video[0]
            found = float(stream.average_rate or stream.guessed_rate or 0)
            self.fps = (
                checked_fps(fps)
                if fps is not None
                else (found if 0 < found <= 1000 else DEFAULT_FPS)
            )
            picture = next(self._decode(container), None)
        if picture is None:
            reason = f' ({self.bad_frames[0]})' if self.bad_frames else ''
            raise VideoError(f'{self.name}: no frame can be decoded{reason}; record it again')
        self.height, self.width = _upright(picture).shape[:2]

    def _open(self) -> av.container.InputContainer:
        try:
            container = av.open(
                f'file:{self.name}',  # names may hold colons
                options={'max_pixels': str(allowed_pixels())},  # of the probing, too
                metadata_errors='replace',
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f'{self.name}: not a video, or one cut off before its index '
                f'({getattr(error, "strerror", None) or error}); pass a video file'
            ) from None
        # FFmpeg shows plain text as ANSI art: a mistaken path, not a video
        if not container.streams.video or container.format.name == 'tty':
            container.close()
            raise VideoError(f'{self.name}: holds no video stream; pass a video file')
        context = container.streams.video[0].codec_context
        if context is None:
            container.close()
            raise VideoError(f'{self.name}: no decoder for its video; convert it to H.264')
        context.options = {'max_pixels': str(allowed_pixels())}
        try:
            check_pixels(context.height, context.width)
        except VideoError as error:
            container.close()
            raise VideoError(f'{self.name}: {error}') from None
        return container

    def _decode(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        # without frame threading, which swallows errors and loses good frames just before them
        stream = container.streams.video[0]
        packets = container.demux(stream)
        seen = 0
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self._skip(f'the file breaks off: {error.strerror}')
                return
            if packet is None:
                break
            if packet.dts is not None:
                seen += 1
                if packet.size == 0:
                    continue  # Theora's "as before"; the stamps show the gap
            if packet.is_corrupt:  # some decoders would fill in what is missing
                self._skip(f'packet {seen}: cut off or damaged')
                continue
            try:
                pictures = packet.decode()
            except av.FFmpegError as error:
                self._skip(f'packet {seen}: {error.strerror}')
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self._skip(f'packet {seen}: damaged picture')
                else:
                    yield picture
        if seen < stream.frames:
            self._skip(f'the file ends after {seen} of the {stream.frames} frames it announces')

    def _read(self) -> Iterator[Frame]:
        with self._open() as container:
            # AVI stores no presentation times: what FFmpeg reports is in decoding order
            by_number = self._retimed or container.format.name == 'avi'
            first = None
            stamp = -1
            for number, picture in enumerate(self._decode(container)):
                if by_number or picture.pts is None or picture.time_base is None:
                    new = round(number * 1e9 / self.fps)
                else:
                    time = Fraction(picture.pts) * picture.time_base
                    first = time if first is None else first
                    new = round((time - first) * 10**9)
                stamp = max(new, stamp + 1)
                image = _upright(picture)
                if image.shape[:2] != (self.height, self.width):
                    self._skip(
                        f'frame {number} is {image.shape[1]}x{image.shape[0]}, '
                        f'not {self.width}x{self.height}'
                    )
                    continue
                yield Frame(stamp, image)


def _upright(picture: av.VideoFrame) -> np.ndarray:
    """(H, W, 3) RGB, turned as the file asks (phones store portrait video lying down)."""
    image = picture.to_ndarray(format='rgb24')
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


class ImageFolder(Source):
    """A folder of images, one per frame, in natural order: frame2 before frame10.

    Stamps are the image's number / fps. An image that cannot be decoded is passed over; one of
    another size than the first is an error, since frames of one video share one size.
    """

    def __init__(self, path: str | Path, fps: float | None = None) -> None:
        super().__init__(str(path))
        self.paths = image_files(path)
        self.fps = DEFAULT_FPS if fps is None else checked_fps(fps)
        if not self.paths:
            raise VideoError(f'{path}: no images in this folder; expected .jpg, .png or the like')
        why = ''
        for first in self.paths:
            try:
                image = _read_image(first)
                break
            except VideoError as error:
                why = why or f'{first.name}: {error}'
        else:
            raise VideoError(f'{path}: none of its {len(self.paths)} images can be decoded ({why})')
        self._first = first
        self.height, self.width = image.shape[:2]

    def _read(self) -> Iterator[Frame]:
        for number, path in enumerate(self.paths):
            try:
                image = _read_image(path)
            except VideoError as error:
                self._skip(f'{path.name} cannot be decoded: {error}')
                continue
            if image.shape[:2] != (self.height, self.width):
                raise VideoError(
                    f'{path}: {image.shape[1]}x{image.shape[0]} pixels, but {self._first.name} is '
                    f'{self.width}x{self.height}; keep images of one size in a folder'
                )
            yield Frame(round(number * 1e9 / self.fps), image)


def image_files(folder: str | Path) -> list[Path]:
    """The images of a folder in natural order, hidden files left out."""
    paths = [
        path
        for path in Path(folder).iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith('.')
        and path.is_file()
    ]
    return sorted(paths, key=lambda path: natural_key(path.name))


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key under which numbers inside names count as numbers: 'f2' before 'f10'."""
    parts = re.split(r'([0-9]+)', name.lower())
    return [(int(p), '') if p.isdecimal() else (-1, p) for p in parts] + [(-1, name)]


def _read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB. VideoError with the reason if it cannot be had."""
    try:
        return cv2.cvtColor(decode_picture(path.read_bytes(), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    except OSError as error:
        raise VideoError(f'cannot be read ({error.strerror or error})') from None
