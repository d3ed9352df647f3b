"""What a path given to `--data` holds: one recording or many, of a known data set or not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import tkn_ros.synthetic
from tkn_ros.datasets.human36m import human36m_recordings, is_human36m
from tkn_ros.datasets.kth import is_kth, kth_recordings
from tkn_ros.datasets.moving_mnist import mnist_file, moving_mnist_recording
from tkn_ros.datasets.recording import Recording, recording_of, source_hash, state_of
from tkn_ros.video.arrays import load_arrays, open_array
from tkn_ros.video.files import image_files, natural_key
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.limits import check_pixels
from tkn_ros.video.open import check_recording
from tkn_ros.video.source import DEFAULT_FPS, Source

VIDEO_SUFFIXES = frozenset(
    (
        '.avi',
        '.mp4',
        '.mkv',
        '.mov',
        '.webm',
        '.m4v',
        '.ogg',
        '.ogv',
        '.mpg',
        '.mpeg',
        '.wmv',
        '.flv',
        '.ts',
    )
)
BAG_SUFFIXES = frozenset(('.mcap', '.db3', '.bag'))
ARRAY_SUFFIXES = frozenset(('.npz', '.npy'))
SYNTHETIC_CLIPS, SYNTHETIC_FRAMES, SYNTHETIC_SIDE = 200, 40, 128
SYNTHETIC_RATES = (30, 30, 20, 12, 10, 60, 25)  # frames per second of larger scenes, in turn

_SYNTHETIC = re.compile(r'(synthetic|glyphs)(?::(\d+))?(?::(\d+))?')
_ORIGINS = {'synthetic': 'scenes', 'glyphs': 'glyphs'}


def find_recordings(
    spec: str | Path, topic: str | None = None, size: tuple[int, int] = (0, 0)
) -> list[Recording]:
    """The recordings of a path, in a fixed order.

    Args:
        spec: anything that `open_source` opens but a live camera; a folder of such things, at any
            depth; the folder of KTH or Human3.6M; a file of MNIST digits, or its folder, for Moving
            MNIST; an .npy, or an .npz whose first array it is, with (T, H, W, 3) uint8; or
            "synthetic", "synthetic:COUNT" or "synthetic:COUNT:SEED" for rendered scenes, "glyphs.."
            likewise for letters that bounce over a plain ground.
        topic: of rosbags with several image topics, which one.
        size: (height, width) that the frames are wanted in, for what is rendered [pixel].

    Raises:
        VideoError: if there is no such thing, or nothing in it.
    """
    match = _SYNTHETIC.fullmatch(str(spec))
    if match:
        return [_synthetic(match[1], int(match[2] or SYNTHETIC_CLIPS), int(match[3] or 0), size)]
    path = Path(spec).expanduser()
    if str(spec).startswith('/dev/video') or (str(spec).isdecimal() and not path.exists()):
        raise VideoError(
            f'{spec}: a live camera has no end; record it first, then give the recording'
        )
    if not path.exists():
        raise VideoError(
            f'{path}: no such file or folder; give a video, a folder, a rosbag, or "synthetic"'
        )
    if not path.is_dir():
        check_recording(path)
    digits = mnist_file(path)
    if digits:
        return [moving_mnist_recording(digits)]
    if path.suffix in ARRAY_SUFFIXES:
        return [Recording(str(path), lambda: ArrayFile(path), state_of(path))]
    if not path.is_dir() or _is_one(path):
        return [recording_of(path, topic)]
    if is_kth(path):
        return kth_recordings(path)
    if is_human36m(path):
        return human36m_recordings(path)
    found = list(_inside(path, topic))
    if not found:
        raise VideoError(
            f'{path}: nothing in this folder is a video, a folder of images or a '
            'rosbag; give another one'
        )
    return found


def absolute(spec: str | Path) -> str:
    """The same for `find_recordings`, in any working directory; links are not followed."""
    path = Path(spec).expanduser()
    if _SYNTHETIC.fullmatch(str(spec)) or not path.exists():
        return str(spec)
    return os.path.abspath(path)


def _is_one(folder: Path) -> bool:
    """Whether a folder is one recording: a rosbag2 or a clip as images."""
    return (folder / 'metadata.yaml').exists() or bool(image_files(folder))


def _inside(folder: Path, topic: str | None) -> Iterator[Recording]:
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if path.name.startswith('.'):
            continue
        if path.is_dir():
            if _is_one(path):
                yield recording_of(path, topic)
            else:
                yield from _inside(path, topic)
        elif path.suffix.lower() in VIDEO_SUFFIXES | BAG_SUFFIXES:
            yield recording_of(path, topic)
        elif path.suffix in ARRAY_SUFFIXES:
            yield Recording(str(path), partial(ArrayFile, path), state_of(path))


class ArrayFile(Source):
    """Frames kept as one NumPy array, (T, H, W, 3) uint8, in an .npy or as the first of an .npz."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        if path.suffix == '.npy':
            self._frames = open_array(path)
        else:
            arrays = load_arrays(path)
            if not arrays:
                raise VideoError(f'{path}: holds no array; save it again by numpy.savez')
            self._frames = next(iter(arrays.values()))
        shape = self._frames.shape
        if self._frames.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
            raise VideoError(
                f'{path}: holds {self._frames.dtype} {shape}; expected uint8 (T, H, W, 3), RGB'
            )
        try:
            check_pixels(shape[1], shape[2])
        except VideoError as error:
            raise VideoError(f'{path}: {error}') from None
        self.fps, self.height, self.width = DEFAULT_FPS, shape[1], shape[2]

    def _read(self) -> Iterator[Frame]:
        for i, image in enumerate(self._frames):
            yield Frame(round(i * 1e9 / self.fps), np.ascontiguousarray(image))


class SyntheticClips(Source):
    """Rendered clips of 40 frames in sequence, a different one for each seed.

    Args:
        kind: 'random' (scenes) or 'glyphs', see `render_clip`.
        clips: how many.
        first_seed: of the first clip; those of the others count up from it.
        size: (height, width) of the frames [pixel].
        rates: frames per second of the clips, in turn.
    """

    def __init__(
        self,
        kind: str,
        clips: int,
        first_seed: int,
        size: tuple[int, int],
        rates: Sequence[float],
    ) -> None:
        super().__init__(f'{clips} synthetic clips')
        self._kind, self._clips, self._first = kind, clips, first_seed
        self._rates = rates
        self.fps, self.height, self.width = 30.0, *size

    def _read(self) -> Iterator[Frame]:
        from tkn_ros.synthetic.render import render_clip  # only where it is asked for

        for clip in range(self._clips):
            images = render_clip(
                self._first + clip,
                SYNTHETIC_FRAMES,
                self.height,
                self.width,
                self._rates[clip % len(self._rates)],
                self._kind,
            )
            for i, image in enumerate(images):
                yield Frame(round((clip * SYNTHETIC_FRAMES + i) * 1e9 / self.fps), image)


def _synthetic(name: str, clips: int, seed: int, size: tuple[int, int]) -> Recording:
    """Scenes of SYNTHETIC_SIDE squared, unless larger ones are wanted."""
    if not clips:
        raise VideoError(f'{name}:0 has no clip; give at least one')
    kind, n = 'random' if name == 'synthetic' else name, SYNTHETIC_FRAMES
    rates: Sequence[float] = (30.0,)
    drawn: tuple[int, ...] = (SYNTHETIC_SIDE,)
    if max(size) > SYNTHETIC_SIDE:
        drawn, rates = size, SYNTHETIC_RATES
    return Recording(
        f'{clips} {name} clips',
        lambda: SyntheticClips(kind, clips, seed, (drawn[0], drawn[-1]), rates),
        {name: [clips, seed, n, *drawn], 'drawn_by': renderer_hash()},
        tuple((i * n, (i + 1) * n) for i in range(clips)),
        origin=_ORIGINS[name],
    )


def knows_split(spec: str | Path, topic: str | None = None) -> bool:
    """Whether the data at a path defines a training and a test split."""
    return any(recording.split for recording in find_recordings(spec, topic))


def renderer_hash() -> str:
    """Of the code that draws synthetic scenes, as a cache of them is keyed by."""
    return source_hash(Path(tkn_ros.synthetic.__file__).parent)
