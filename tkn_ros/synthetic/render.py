"""Synthetic camera clips: a seeded street scene for the demo and endless variety for training."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from tkn_ros.synthetic.demo_scene import demo_scene
from tkn_ros.synthetic.glyphs import GlyphScene
from tkn_ros.synthetic.painting import View
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
    clip = Clip(seed, height, width, fps, kind)
    return (clip.draw(i) for i in range(n_frames))


class Clip:
    """A scene (`scene`: a Scene, or a GlyphScene) and how its frames are drawn."""

    def __init__(self, seed: int, height: int, width: int, fps: float, kind: str):
        if kind not in KINDS:
            raise VideoError(f'kind is {kind!r}; expected one of {", ".join(KINDS)}')
        if height < 16 or width < 16:
            raise VideoError(f'size is {height}x{width}; expected at least 16x16 pixels')
        if not fps > 0:
            raise VideoError(f'fps is {fps}; expected a positive number of frames per second')
        self._seed, self._height, self._width, self._fps = int(seed), height, width, fps
        rng = np.random.default_rng([self._seed, KINDS.index(kind)])
        if kind == 'glyphs':
            self.scene = GlyphScene(rng, height, width, fps)
            self.draw = self.scene.draw
            return
        scene = random_scene(rng, 2 * width) if kind == 'random' else demo_scene(rng, 2 * width)
        grain = rng.normal(0, max(scene.sensor.noise, 1e-3), (height + 61, width + 67, 3))
        if scene.sensor.grey:
            grain[:] = grain[..., :1]
        self.scene, self._grain = scene, np.rint(grain).astype(np.int16)
        h, w = 2 * height, 2 * width
        self._big = np.zeros((h, w, 3), np.uint8)
        self._margin = int(3 * scene.camera.shake * w) + 2
        self._plate = scene.plate(h, w, self._margin) if scene.camera.planted else None

    def at(self, i: int) -> tuple[float, View]:
        """Frame i's time in the scene, in seconds, and its view, twice as large as the picture."""
        t = self.scene.start + self.scene.pace * i / self._fps
        return t, self.scene.camera.at(t, 2 * self._height, 2 * self._width)

    def draw(self, i: int) -> np.ndarray:
        """Frame i, RGB uint8 (height, width, 3)."""
        t, view = self.at(i)
        scene, big, margin = self.scene, self._big, self._margin
        height, width = self._height, self._width
        if self._plate is None:
            big[:] = 0
            scene.paint_ground(big, view)
        elif scene.camera.shake:
            dx, dy = view.cx - width - margin, view.cy - height - margin
            shift = np.float64([[1, 0, dx], [0, 1, dy]])
            cv2.warpAffine(self._plate, shift, (2 * width, 2 * height), big)
        else:
            big[:] = self._plate[margin : margin + 2 * height, margin : margin + 2 * width]
        scene.paint_figures(big, view, t)
        small = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
        return scene.sensor.expose(small, t, self._grain, np.random.default_rng([self._seed, i, 7]))


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
        self._draw = Clip(seed, self.height, self.width, self.fps, kind).draw

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
