"""Moving MNIST, made from the digits: two of them bounce in a frame of 64x64 (Srivastava 2015)."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tkn_ros.datasets.recording import Recording, source_hash, state_of
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.limits import check_unpacked
from tkn_ros.video.source import Source

SIDE, DIGIT = 64, 28
FRAMES = 20  # of a clip
CLIPS = 1000
_IMAGES_MAGIC = 2051


def mnist_file(path: Path) -> Path | None:
    """The file of images that `path` is, or that lies in the folder `path`; None if there is none.

    Both names that are about, 't10k-images-idx3-ubyte' and '.. images.idx3-ubyte', plain or .gz.
    """
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    return next(
        (p for p in candidates if 'images' in p.name and 'idx3-ubyte' in p.name and p.is_file()),
        None,
    )


def read_digits(path: str | Path) -> np.ndarray:
    """(N, 28, 28) uint8 of an IDX file, plain or .gz; VideoError if it is none, or not whole."""
    path = Path(path)
    try:
        opener = gzip.open if path.suffix == '.gz' else open
        with opener(path, 'rb') as file:
            magic, count, height, width = struct.unpack('>4I', file.read(16))
            check_unpacked(count * height * width, str(path))
            data = file.read(count * height * width)
        if magic != _IMAGES_MAGIC:
            raise ValueError(f'its first number is {magic}, not {_IMAGES_MAGIC}')
        return np.frombuffer(data, np.uint8, count * height * width).reshape(count, height, width)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise VideoError(
            f'{path}: no whole file of MNIST images ({error}); '
            'expected t10k-images-idx3-ubyte.gz or the like'
        ) from None


class MovingMnist(Source):
    """`clips` clips of `FRAMES` frames in sequence, two digits each; depends on the seed.

    Directions are random, and a digit bounces off the border; both move 3 to 5 pixels a frame.

    Args:
        path: of the file of digits.
        clips: how many.
        seed: of the random examples.
        digits: that move in a picture.
    """

    def __init__(
        self, path: str | Path, clips: int = CLIPS, seed: int = 0, digits: int = 2
    ) -> None:
        super().__init__(f'moving digits of {path}')
        self._images = read_digits(path)
        self._clips, self._seed, self._digits = clips, seed, digits
        self.fps, self.height, self.width = 25.0, SIDE, SIDE

    def _read(self) -> Iterator[Frame]:
        for clip in range(self._clips):
            for i, image in enumerate(self._draw(np.random.default_rng([self._seed, clip]))):
                yield Frame(round((clip * FRAMES + i) * 1e9 / self.fps), image)

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        """(FRAMES, 64, 64, 3) uint8; where digits overlap the brighter pixel shows."""
        frames = np.zeros((FRAMES, SIDE, SIDE), np.uint8)
        for _ in range(self._digits):
            image = self._images[rng.integers(len(self._images))]
            angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(3, 5)
            start = rng.uniform(0, SIDE - DIGIT, 2)
            way = start + np.outer(
                np.arange(FRAMES), speed * np.array([np.sin(angle), np.cos(angle)])
            )
            room = SIDE - DIGIT
            folded = room - np.abs(way % (2 * room) - room)  # a straight way, folded at the borders
            for frame, (y, x) in zip(frames, folded.round().astype(int)):
                part = frame[y : y + DIGIT, x : x + DIGIT]
                np.maximum(part, image, out=part)
        return np.repeat(frames[..., None], 3, -1)


def moving_mnist_recording(path: Path, clips: int = CLIPS, seed: int = 0) -> Recording:
    """All clips as one recording with a range for each.

    Args:
        path: of the file of digits.
        clips: how many.
        seed: of the random examples.
    """
    return Recording(
        f'Moving MNIST of {path.name}',
        lambda: MovingMnist(path, clips, seed),
        {
            **state_of(path),
            'moving_mnist': [clips, seed, FRAMES],
            'drawn_by': source_hash(Path(__file__)),
        },
        tuple((i * FRAMES, (i + 1) * FRAMES) for i in range(clips)),
    )
