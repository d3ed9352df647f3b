"""Synthetic camera clips: a seeded street scene for the demo and endless variety for training."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from tkn_ros.synthetic.demo_scene import demo_scene
from tkn_ros.synthetic.glyphs import glyph_scene
from tkn_ros.synthetic.random_scenes import random_scene
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import Source, checked_fps

KINDS = ('demo', 'random', 'glyphs')


def render_clip(
    seed: int,
    n_frames: int = 300,
    height: int = 240,
    width: int = 320,
    fps: float = 30.0,
    kind: str = 'demo',
) -> Iterator[np.ndarray]:
    """Yield `n_frames` RGB uint8 pictures (height, width, 3); frame i depends on (seed, i) alone.

    kind: 'demo' (a street with walkers and a vehicle), 'random' (any scene, drawn by the seed) or
    'glyphs' (letters that bounce over a plain ground).
    Raises VideoError (a ValueError) for an unknown kind, a size below 16 pixels or a
    rate that is not positive.
    """
    draw = _clip(seed, height, width, fps, kind)
    return (draw(i) for i in range(n_frames))


def _clip(seed, height, width, fps, kind):
    """The function from a frame's number to its picture."""
    if kind not in KINDS:
        raise VideoError(f'kind is {kind!r}; expected one of {", ".join(KINDS)}')
    if height < 16 or width < 16:
        raise VideoError(f'size is {height}x{width}; expected at least 16x16 pixels')
    if not fps > 0:
        raise VideoError(f'fps is {fps}; expected a positive number of frames per second')
    rng = np.random.default_rng([int(seed), KINDS.index(kind)])
    if kind == 'glyphs':
        return glyph_scene(rng, height, width, fps)
    scene = random_scene(rng, 2 * width) if kind == 'random' else demo_scene(rng, 2 * width)
    grain = rng.normal(0, max(scene.sensor.noise, 1e-3), (height + 61, width + 67, 3))
    if scene.sensor.grey:
        grain[:] = grain[..., :1]
    grain = np.rint(grain).astype(np.int16)
    h, w = 2 * height, 2 * width
    big = np.zeros((h, w, 3), np.uint8)
    margin = int(3 * scene.camera.shake * w) + 2
    plate = scene.plate(h, w, margin) if scene.camera.planted else None

    def draw(i: int) -> np.ndarray:
        t = scene.start + scene.pace * i / fps
        view = scene.camera.at(t, h, w)
        if plate is None:
            big[:] = 0
            scene.paint_ground(big, view)
        elif scene.camera.shake:
            dx, dy = view.cx - width - margin, view.cy - height - margin
            shift = np.float64([[1, 0, dx], [0, 1, dy]])
            cv2.warpAffine(plate, shift, (w, h), big)
        else:
            big[:] = plate[margin : margin + h, margin : margin + w]
        scene.paint_figures(big, view, t)
        small = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
        return scene.sensor.expose(small, t, grain, np.random.default_rng([int(seed), i, 7]))

    return draw


class SyntheticSource(Source):
    """A rendered clip as a video source: its `Frame`s are stamped from zero."""

    def __init__(
        self,
        seed: int = 0,
        n_frames: int = 300,
        height: int = 240,
        width: int = 320,
        fps: float = 30.0,
        kind: str = 'demo',
        frame_id: str = '',
    ) -> None:
        super().__init__(f'synthetic {kind} clip {seed}')
        self.fps, self.height, self.width = checked_fps(fps), int(height), int(width)
        self.frame_id, self._count = frame_id, int(n_frames)
        self._draw = _clip(seed, self.height, self.width, self.fps, kind)

    def __len__(self) -> int:
        return self._count

    def count(self) -> int:
        """How many frames there are."""
        return self._count

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """The frames list(source)[start:stop], lazily; those before `start` are not drawn.

        Raises:
            VideoError: if start is negative or stop is before start.
        """
        if start < 0 or (stop is not None and stop < start):
            raise VideoError(f'{self.name}: frames {start} to {stop}, expected 0 <= start <= stop')
        stop = self._count if stop is None else min(stop, self._count)
        return (
            Frame(round(i * 1e9 / self.fps), self._draw(i), self.frame_id)
            for i in range(start, stop)
        )
