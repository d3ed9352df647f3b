"""Where every point of a synthetic clip is in every other frame: the truth for trackers.

What counts is what is painted. A vehicle's faces and a post are planes of the scene, a walker's
limbs turn and stretch with their ends, a shape moves as its texture does. Ground, strips and
backdrop stand still under the camera; shadows, exposure and noise do not move anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, sin

import numpy as np

from tkn_ros.synthetic.glyphs import GlyphScene
from tkn_ros.synthetic.painting import fill
from tkn_ros.synthetic.props import Post
from tkn_ros.synthetic.render import Clip

PARTS = 128  # numbers kept for the parts of each figure; figure 0 is all that stands still
BACK, VOID = 1, 2  # parts of figure 0 beside the ground: the backdrop, what is left black
KEPT = 48  # frames whose layers are kept
SLACK = 1.5  # pixels: as near as this, content under another part is still the same content

# From the coordinates of the large picture that is painted to those of its half.
HALVE = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])


class Sketch:
    """Stands in for the image when figures are painted: which part of which figure covers what.

    labels: (h, w) int16, figure * PARTS + part. planes: each part's homography onto the picture by
    label, (labels, 3, 3) float64, NaN for parts that are not there.
    """

    def __init__(self, height: int, width: int, figures: int):
        self.labels = np.zeros((height, width), np.int16)
        self.planes = np.full(((figures + 1) * PARTS, 3, 3), np.nan)
        self.figure = 0  # whose turn it is

    def keep(self, polygons, convex, parts, planes, pose):
        """Called by paint()."""
        if planes is None:
            x, y, zoom, angle = pose
            c, s = zoom * cos(angle), zoom * sin(angle)
            parts, planes = [0] * len(polygons), np.array([[[c, -s, x], [s, c, y], [0, 0, 1]]])
        else:
            planes = planes()
        first = self.figure * PARTS
        self.planes[first : first + len(planes)] = planes
        # Half a pixel off: every second pixel from the first on is then a small one's centre.
        fill(self.labels, polygons, [(first + int(p),) for p in parts], (0.5, 0.5), convex)


@dataclass
class _Layer:
    """One frame: labels (H, W) int16, planes (labels, 3, 3) in pixels of the picture.

    laps: by figure, how often it came in again: who did is not followed from before.
    """

    labels: np.ndarray
    planes: np.ndarray
    laps: list


class TrueMotion:
    """Exact motion of one synthetic clip: that of render_clip for the same arguments.

    Positions are x (to the right) and y (down) in pixels, 0 at the first pixel's centre.

    Example::

        motion = TrueMotion(seed=3, kind='random')
        where, seen = motion.follow([[100.0, 80.0]], 0, range(20))
    """

    def __init__(
        self,
        seed: int,
        n_frames: int = 300,
        height: int = 240,
        width: int = 320,
        fps: float = 30.0,
        kind: str = 'demo',
    ):
        self._clip = Clip(seed, height, width, fps, kind)
        self.n_frames, self.height, self.width = n_frames, height, width
        scene = self._clip.scene
        if isinstance(scene, GlyphScene):
            moves, make = [True] * len(scene.glyphs), self._glyphs
        else:
            moves, make = [not isinstance(a, Post) for a in scene.actors], self._figures
        self._ids = np.concatenate([[0], np.cumsum(moves) * moves]).astype(np.int16)
        self._layer = lru_cache(KEPT)(make)
        self._x = np.arange(width, dtype=np.float64)[None]
        self._y = np.arange(height, dtype=np.float64)[:, None]

    def __len__(self) -> int:
        return self.n_frames

    def picture(self, i: int) -> np.ndarray:
        """Frame i, RGB uint8 (H, W, 3)."""
        return self._clip.draw(i)

    def objects(self, i: int) -> np.ndarray:
        """Which figure is on top at each pixel's centre, (H, W) int16.

        From 1 on, the same number in all frames; 0 is what does not move by itself: ground, strips,
        backdrop, poles, trees and boxes.
        """
        return self._ids[self._layer(i).labels // PARTS]

    def flow(self, i: int, j: int) -> np.ndarray:
        """Where what each pixel of frame i shows is in frame j, less its place: (H, W, 2) float32.

        Hidden or outside the picture in j, it has its place all the same; NaN where there is none:
        behind the camera, a figure not drawn in j, or one that left and came in again.
        """
        layer = self._layer(i)
        moved = self._moved(layer.labels, i, j, self._x, self._y)
        return np.stack([moved[0] - self._x, moved[1] - self._y], -1).astype(np.float32)

    def follow(
        self,
        points: np.ndarray,
        start: int,
        frames: Sequence[int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the points of frame `start` are in other frames, before it or after.

        Args:
            points: (N, 2) x, y inside the picture; each belongs to what its nearest pixel shows.
            start: the frame they are in.
            frames: numbers of the frames asked for.

        Returns:
            positions (len(frames), N, 2) float32, NaN as in flow(); visible (len(frames), N) bool:
            inside the picture with nothing nearer before it.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2)
        labels = self._look_up(start, points)
        positions = np.full((len(frames), len(points), 2), np.nan)
        visible = np.zeros(positions.shape[:2], bool)
        for there, seen, j in zip(positions, visible, frames):
            there[:] = self._moved(labels, start, j, *points.T).T
            inside = np.all((there > -0.5) & (there < (self.width - 0.5, self.height - 0.5)), 1)
            on_top = self._look_up(j, there[inside])
            # Limbs overlap at their joints and windows lie on doors: seen is what moved alike.
            back = self._moved(on_top, j, start, *there[inside].T).T
            near = np.linalg.norm(back - points[inside], axis=1) < SLACK
            seen[inside] = (on_top // PARTS == labels[inside] // PARTS) & (
                near | (on_top == labels[inside])
            )
        return positions.astype(np.float32), visible

    def _look_up(self, i, points):
        """The labels (N,) of frame i's pixels nearest to the points (N, 2)."""
        x, y = np.rint(points).astype(int).T
        return self._layer(i).labels[np.clip(y, 0, self.height - 1), np.clip(x, 0, self.width - 1)]

    def _moved(self, labels, i, j, x, y):
        """Where points (x, y) of frame i on the parts `labels` are in frame j: (2, ...) float64."""
        before, after = self._layer(i), self._layer(j)
        present = np.flatnonzero(np.bincount(labels.ravel()))
        maps = np.full((int(present.max(initial=0)) + 1, 9), np.nan)
        maps[present] = (after.planes[present] @ np.linalg.inv(before.planes[present])).reshape(
            -1, 9
        )
        for figure, (one, other) in enumerate(zip(before.laps, after.laps), 1):
            if one != other:
                maps[figure * PARTS : (figure + 1) * PARTS] = np.nan
        a, b, c, d, e, f, g, h, k = (m[labels] for m in maps.T)
        depth = g * x + h * y + k  # as a share of that in frame i
        depth[~(depth > 1e-9)] = np.nan
        return np.stack([(a * x + b * y + c) / depth, (d * x + e * y + f) / depth])

    def _figures(self, i) -> _Layer:
        """The layer of a frame of a scene."""
        scene = self._clip.scene
        t, view = self._clip.at(i)
        sketch = Sketch(2 * self.height, 2 * self.width, len(scene.actors))
        laps = [None] * len(scene.actors)
        numbers = {id(actor): n for n, actor in enumerate(scene.actors, 1)}
        for actor, where, lap in scene.placed(view, t):
            sketch.figure = numbers[id(actor)]
            laps[sketch.figure - 1] = lap
            actor.draw(sketch, view, t, where, scene.light)
        labels, planes = sketch.labels[::2, ::2].copy(), HALVE @ sketch.planes
        if scene.camera.planted:
            # Background, fixtures and all: one picture that shakes.
            planes[:PARTS] = HALVE @ [[1, 0, view.cx], [0, 1, view.cy], [0, 0, 1]]
            return _Layer(labels, planes, laps)
        planes[0] = HALVE @ view.plane((0, 0, 0), (1, 0, 0), (0, 0, 1))
        planes[VOID] = HALVE @ view.matrix
        up = np.linalg.inv(planes[VOID])[1]  # how far up in the world a pixel's ray goes
        level = up[0] * self.width / 2 + up[1] * self._y + up[2]
        still = np.where(level < 0, 0, VOID)  # rows, as the ground is painted
        if scene.back is not None:
            planes[BACK], (tall, wide) = HALVE @ scene.back_plane(view), scene.back.shape[:2]
            u, v, w = (a * self._x + b * self._y + c for a, b, c in np.linalg.inv(planes[BACK]))
            u, v = u / w, v / w
            inside = (u > -0.5) & (u < wide - 0.5) & (v > -0.5) & (v < tall - 0.5)
            still = np.where(inside, BACK, still)
        return _Layer(np.where(labels, labels, still).astype(np.int16), planes, laps)

    def _glyphs(self, i) -> _Layer:
        """The layer of a frame of glyphs, where the brightest is on top."""
        scene = self._clip.scene
        labels = np.zeros((self.height, self.width), np.int16)
        planes = np.full(((len(scene.glyphs) + 1) * PARTS, 3, 3), np.nan)
        planes[0] = np.eye(3)
        best = np.full(labels.shape, 64.0)
        for number, (glyph, (y, x)) in enumerate(zip(scene.glyphs, scene.places(i)), 1):
            tone, place = glyph.max(2), np.s_[y : y + len(glyph), x : x + len(glyph)]
            labels[place][tone > best[place]] = number * PARTS
            np.maximum(best[place], tone, out=best[place])
            planes[number * PARTS] = [[1, 0, x], [0, 1, y], [0, 0, 1]]
        return _Layer(labels, planes, [0] * len(scene.glyphs))
