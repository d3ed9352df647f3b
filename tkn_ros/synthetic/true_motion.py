"""Exact motion of every point of a synthetic clip: ground truth for trackers.

The faces of a vehicle and a post are planes of the scene, the limbs of a walker turn and stretch
with their ends, a shape moves as its texture does. Ground, strips and backdrop are fixed in the
world; shadows, exposure and noise do not count as motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, sin
from typing import Any

import numpy as np

from tkn_ros.synthetic.glyphs import GlyphScene
from tkn_ros.synthetic.painting import fill
from tkn_ros.synthetic.props import Post
from tkn_ros.synthetic.render import Clip
from tkn_ros.synthetic.scene import Scene

PARTS = 128  # labels reserved for the parts of each figure; figure 0 is everything fixed
BACK, VOID = 1, 2  # parts of figure 0 beside the ground: backdrop, black background
KEPT = 48  # frames whose layers are kept
SLACK = 1.5  # pixels: within this distance content under another part counts as the same

# from the coordinates of the picture that is painted to those of one half as large
HALVE = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])


class LabelMap:
    """Takes the place of the image in `paint`: records which part of which figure covers a pixel.

    Attributes:
        labels: (h, w) int16, figure * PARTS + part.
        planes: (labels, 3, 3) float64, homography of each part onto the picture; NaN for parts that
            were not painted.
        figure: number of the figure that is painted now.

    Args:
        height: [pixel].
        width: [pixel].
        figures: how many there are.
    """

    def __init__(self, height: int, width: int, figures: int) -> None:
        self.labels = np.zeros((height, width), np.int16)
        self.planes = np.full(((figures + 1) * PARTS, 3, 3), np.nan)
        self.figure = 0

    def record(
        self, polygons: Sequence[np.ndarray], convex: bool, parts: Any, planes: Any, pose: Any
    ) -> None:
        """Called by `paint` in place of painting, with its arguments.

        Args:
            polygons: as of `paint`.
            convex: as of `paint`.
            parts: as of `paint`.
            planes: as of `paint`.
            pose: (x, y, zoom, angle) of a figure without planes.
        """
        if planes is None:
            x, y, zoom, angle = pose
            c, s = zoom * cos(angle), zoom * sin(angle)
            parts, planes = [0] * len(polygons), np.array([[[c, -s, x], [s, c, y], [0, 0, 1]]])
        else:
            planes = planes()
        first = self.figure * PARTS
        self.planes[first : first + len(planes)] = planes
        # half a pixel off: every second pixel from the first on is then the centre of a small one
        fill(self.labels, polygons, [(first + int(p),) for p in parts], (0.5, 0.5), convex)


@dataclass
class _Layer:
    """One frame.

    Attributes:
        labels: (H, W) int16, see `LabelMap`.
        planes: (labels, 3, 3) in pixels of the picture.
        laps: of each figure, how often it re-entered; points are not followed across that.
    """

    labels: np.ndarray
    planes: np.ndarray
    laps: list[Any]


class TrueMotion:
    """Exact motion of one synthetic clip.

    Positions are x (to the right) and y (down) in pixels, 0 at the centre of the first pixel.

    Args:
        clip: whose motion it is.
        n_frames: its length.

    Example::

        motion = TrueMotion(Clip(3, kind='random'))
        positions, visible = motion.follow([[100.0, 80.0]], 0, range(20))
    """

    def __init__(self, clip: Clip, n_frames: int = 300) -> None:
        self._clip = clip
        self.n_frames, self.height, self.width = n_frames, clip.height, clip.width
        scene = clip.scene
        if isinstance(scene, GlyphScene):
            moves, make = [True] * len(scene.glyphs), self._glyphs
        else:
            moves, make = [not isinstance(a, Post) for a in scene.actors], self._figures
        self._ids = np.concatenate([[0], np.cumsum(moves) * moves]).astype(np.int16)
        self._layer = lru_cache(KEPT)(make)
        self._x = np.arange(self.width, dtype=np.float64)[None]
        self._y = np.arange(self.height, dtype=np.float64)[:, None]

    def __len__(self) -> int:
        return self.n_frames

    def picture(self, i: int) -> np.ndarray:
        """Frame i, RGB uint8 (H, W, 3)."""
        return self._clip.draw(i)

    def objects(self, i: int) -> np.ndarray:
        """The topmost figure at the centre of each pixel, (H, W) int16.

        Numbers from 1 are the same in all frames; 0 is what does not move by itself: ground,
        strips, backdrop, poles, trees and boxes.
        """
        return self._ids[self._layer(i).labels // PARTS]

    def flow(self, i: int, j: int) -> np.ndarray:
        """Displacement of each pixel of frame i to frame j, (H, W, 2) float32 [pixel].

        Points that are hidden or outside the picture in j have one too; NaN where there is none:
        behind the camera, a figure that is not drawn in j, or one that left and re-entered.
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
        """Positions of points of frame `start` in other frames, earlier or later.

        Args:
            points: (N, 2) x, y inside the picture; each belongs to what its nearest pixel shows.
            start: number of their frame.
            frames: numbers of the frames asked for.

        Returns:
            positions (len(frames), N, 2) float32, NaN as of `flow`; visible (len(frames), N) bool:
            inside the picture and not occluded.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2)
        labels = self._look_up(start, points)
        positions = np.full((len(frames), len(points), 2), np.nan)
        visible = np.zeros(positions.shape[:2], bool)
        for there, seen, j in zip(positions, visible, frames):
            there[:] = self._moved(labels, start, j, *points.T).T
            inside = np.all((there > -0.5) & (there < (self.width - 0.5, self.height - 0.5)), 1)
            on_top = self._look_up(j, there[inside])
            # limbs overlap at joints, windows lie on doors: visible is what moved in the same way
            back = self._moved(on_top, j, start, *there[inside].T).T
            near = np.linalg.norm(back - points[inside], axis=1) < SLACK
            seen[inside] = (on_top // PARTS == labels[inside] // PARTS) & (
                near | (on_top == labels[inside])
            )
        return positions.astype(np.float32), visible

    def _look_up(self, i: int, points: np.ndarray) -> np.ndarray:
        """The labels (N,) of the pixels of frame i nearest to the points (N, 2)."""
        x, y = np.rint(points).astype(int).T
        return self._layer(i).labels[np.clip(y, 0, self.height - 1), np.clip(x, 0, self.width - 1)]

    def _moved(
        self, labels: np.ndarray, i: int, j: int, x: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Positions (2, ..) float64 in frame j of points (x, y) of frame i on parts `labels`."""
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

    def _figures(self, i: int) -> _Layer:
        """The layer of a frame of a scene."""
        scene = self._clip.scene
        assert isinstance(scene, Scene)
        t, view = self._clip.at(i)
        painted = LabelMap(2 * self.height, 2 * self.width, len(scene.actors))
        laps = [None] * len(scene.actors)
        numbers = {id(actor): n for n, actor in enumerate(scene.actors, 1)}
        for actor, where, lap in scene.placed(view, t):
            painted.figure = numbers[id(actor)]
            laps[painted.figure - 1] = lap
            actor.draw(painted, view, t, where, scene.light)
        labels, planes = painted.labels[::2, ::2].copy(), HALVE @ painted.planes
        if scene.camera.fixed:
            # background and fixtures are one picture that shakes
            planes[:PARTS] = HALVE @ [[1, 0, view.cx], [0, 1, view.cy], [0, 0, 1]]
            return _Layer(labels, planes, laps)
        planes[0] = HALVE @ view.plane((0, 0, 0), (1, 0, 0), (0, 0, 1))
        planes[VOID] = HALVE @ view.matrix
        up = np.linalg.inv(planes[VOID])[1]  # upward component of the ray of a pixel
        level = up[0] * self.width / 2 + up[1] * self._y + up[2]
        still = np.where(level < 0, 0, VOID)  # rows, as the ground is painted
        if scene.back is not None:
            planes[BACK], (tall, wide) = HALVE @ scene.back_plane(view), scene.back.shape[:2]
            u, v, w = (a * self._x + b * self._y + c for a, b, c in np.linalg.inv(planes[BACK]))
            u, v = u / w, v / w
            inside = (u > -0.5) & (u < wide - 0.5) & (v > -0.5) & (v < tall - 0.5)
            still = np.where(inside, BACK, still)
        return _Layer(np.where(labels, labels, still).astype(np.int16), planes, laps)

    def _glyphs(self, i: int) -> _Layer:
        """The layer of a frame of glyphs, where the brightest is on top."""
        scene = self._clip.scene
        assert isinstance(scene, GlyphScene)
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
