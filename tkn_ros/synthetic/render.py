"""Synthetic camera clips: a street scene for the demo, random scenes and bouncing letters."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from tkn_ros.synthetic.demo_scene import demo_scene
from tkn_ros.synthetic.glyphs import GlyphScene
from tkn_ros.synthetic.painting import View
from tkn_ros.synthetic.random_scenes import random_scene
from tkn_ros.synthetic.scene import Scene
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
    """The frames of a clip, (height, width, 3) uint8 RGB each; frame i depends on (seed, i) only.

    Args:
        seed: of the scene.
        n_frames: how many.
        height: at least 16 [pixel].
        width: at least 16 [pixel].
        fps: frames per second.
        kind: 'demo' (a street with people and vehicles), 'random' (any scene) or 'glyphs' (letters
            that bounce over a plain background).

    Raises:
        VideoError: for an unknown kind, a size below 16 pixels or a rate that is not positive.
    """
    clip = Clip(seed, height, width, fps, kind)
    return (clip.draw(i) for i in range(n_frames))


class Clip:
    """A scene and its frames; errors as of `render_clip`.

    Attributes:
        scene: a `Scene`, or a `GlyphScene`.
        height: of the frames [pixel].
        width: of the frames [pixel].

    Args:
        seed: of the scene.
        height: of the frames [pixel].
        width: of the frames [pixel].
        fps: frames a second.
        kind: as of `render_clip`.
    """

    def __init__(
        self,
        seed: int,
        height: int = 240,
        width: int = 320,
        fps: float = 30.0,
        kind: str = 'demo',
    ) -> None:
        if kind not in KINDS:
            raise VideoError(f'kind is {kind!r}; expected one of {", ".join(KINDS)}')
        if height < 16 or width < 16:
            raise VideoError(f'size is {height}x{width}; expected at least 16x16 pixels')
        if not fps > 0:
            raise VideoError(f'fps is {fps}; expected a positive number of frames per second')
        self._seed, self.height, self.width, self._fps = int(seed), height, width, fps
        rng = np.random.default_rng([self._seed, KINDS.index(kind)])
        self.scene: Scene | GlyphScene
        if kind == 'glyphs':
            self.scene = GlyphScene(rng, height, width, fps)
            return
        scene = random_scene(rng, 2 * width) if kind == 'random' else demo_scene(rng, 2 * width)
        grain = rng.normal(0, max(scene.sensor.noise, 1e-3), (height + 61, width + 67, 3))
        if scene.sensor.grey:
            grain[:] = grain[..., :1]
        self.scene, self._grain = scene, np.rint(grain).astype(np.int16)
        h, w = 2 * height, 2 * width
        self._big = np.zeros((h, w, 3), np.uint8)
        self._margin = int(3 * scene.camera.shake * w) + 2
        self._plate = scene.plate(h, w, self._margin) if scene.camera.fixed else None

    def at(self, i: int) -> tuple[float, View]:
        """Time of frame i in the scene [s] and its view, at twice the size of the picture."""
        scene = self.scene
        assert isinstance(scene, Scene)  # glyphs have no camera
        t = scene.start + scene.pace * i / self._fps
        return t, scene.camera.at(t, 2 * self.height, 2 * self.width)

    def draw(self, i: int) -> np.ndarray:
        """Frame i, RGB uint8 (height, width, 3)."""
        scene = self.scene
        if isinstance(scene, GlyphScene):
            return scene.draw(i)
        t, view = self.at(i)
        big, margin = self._big, self._margin
        height, width = self.height, self.width
        if self._plate is None:
            big[:] = 0
            scene.paint_ground(big, view)
        elif scene.camera.shake:
            dx, dy = view.cx - width - margin, view.cy - height - margin
            shift = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
            cv2.warpAffine(self._plate, shift, (2 * width, 2 * height), big)
        else:
            big[:] = self._plate[margin : margin + 2 * height, margin : margin + 2 * width]
        scene.paint_actors(big, view, t)
        small = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
        return scene.sensor.expose(small, t, self._grain, np.random.default_rng([self._seed, i, 7]))


class SyntheticSource(Source):
    """A rendered clip as a video source, whose stamps begin at 0.

    Args:
        seed: of the scene.
        n_frames: how many.
        height: of the frames [pixel].
        width: of the frames [pixel].
        fps: frames a second.
        kind: as of `render_clip`.
        frame_id: coordinate frame of the frames.
    """

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
