"""A scene and how it is painted: ground, strips, backdrop, then the actors from far to near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np

from tkn_ros.synthetic.motion import Camera, Path
from tkn_ros.synthetic.painting import Canvas, Light, Placement, View
from tkn_ros.synthetic.sensor import Sensor
from tkn_ros.synthetic.textures import pyramid

NEAREST = 1.0  # metres ahead of a driving camera where actors leave the picture


class Actor(Protocol):
    """An object that moves along its path."""

    path: Path

    def draw(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """Paint it.

        Args:
            frame: (H, W, 3) uint8, painted into.
            view: of the camera.
            t: [s].
            where: `path.at(t)`, unless the scene repeats.
            light: of the scene.
        """

    def shadow(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """Paint its shadow on the ground; arguments as of `draw`."""


@dataclass
class Strip:
    """A band on the ground: a road, a pavement.

    Attributes:
        tile: (h, w, 3) uint8, rows along the band and columns across it.
        across: position of its centre [m].
        width: [m].
        period: after which the tile repeats [m].
        along_z: whether it runs along Z; otherwise along X.
    """

    tile: np.ndarray
    across: float
    width: float
    period: float
    along_z: bool = True


@dataclass
class Scene:
    """What a camera sees.

    Attributes:
        camera: that sees it.
        ground: (h, w, 3) uint8, one tile of the ground.
        ground_size: side of that tile [m].
        actors: what moves, and what may occlude it.
        strips: bands on the ground.
        back: (h, w, 3) uint8, the backdrop, or None.
        back_size: its distance, width and height [m].
        light: of the scene.
        sensor: of the camera.
        fixtures: fixed objects behind all actors.
        loop: distance ahead at which actors that the camera has passed re-enter [m]; 0: never.
        start: time of the first frame [s].
        pace: factor of the clip's time.
    """

    camera: Camera
    ground: np.ndarray
    ground_size: float
    actors: Sequence[Actor] = ()
    strips: list[Strip] = field(default_factory=list)
    back: np.ndarray | None = None
    back_size: tuple[float, float, float] = (40.0, 200.0, 60.0)
    light: Light = field(default_factory=Light)
    sensor: Sensor = field(default_factory=Sensor)
    fixtures: Sequence[Actor] = ()
    loop: float = 0.0
    start: float = 0.0
    pace: float = 1.0

    def __post_init__(self) -> None:
        self.levels = pyramid(self.ground)
        self.strip_levels = [
            pyramid(np.tile(s.tile, (max(1, int(160 / s.period)), 1, 1))) for s in self.strips
        ]

    def paint_ground(self, frame: np.ndarray, view: View) -> None:
        """Paint ground, strips, backdrop and fixtures: everything behind the actors."""
        step = self.ground_size / self.ground.shape[0]
        _ground(
            frame,
            view,
            self.levels,
            step,
            step,
            np.zeros(3),
            (1, 0, 0),
            (0, 0, -1),
            cv2.BORDER_WRAP,
        )
        for strip, levels in zip(self.strips, self.strip_levels):
            rows = strip.period / strip.tile.shape[0]
            cols = strip.width / strip.tile.shape[1]
            near = view.position[2 if strip.along_z else 0]
            # the band reaches 20 m behind and 140 m ahead of the camera, in whole periods
            end = (
                np.floor(near / strip.period) * strip.period
                + (140 if strip.along_z else 80) // strip.period * strip.period
            )
            side = strip.across - strip.width / 2
            if strip.along_z:
                place = np.array([side, 0, end]), (1, 0, 0), (0, 0, -1)
            else:
                place = np.array([end, 0, side]), (0, 0, 1), (-1, 0, 0)
            _ground(frame, view, levels, cols, rows, *place, cv2.BORDER_TRANSPARENT)
        if self.back is not None:
            cv2.warpPerspective(
                self.back,
                self.back_plane(view),
                frame.shape[1::-1],
                frame,
                cv2.INTER_LINEAR,
                cv2.BORDER_TRANSPARENT,
            )
        for pass_ in ('shadow', 'draw'):
            for post in self.fixtures:
                getattr(post, pass_)(frame, view, 0.0, post.path.at(0.0), self.light)

    def back_plane(self, view: View) -> np.ndarray:
        """Homography (3, 3) from the backdrop's pixels to the picture; there must be a backdrop."""
        assert self.back is not None
        distance, width, tall = self.back_size
        h, w = self.back.shape[:2]
        x, z = view.position[0], view.position[2]
        if not self.loop:
            x = z = 0.0
        return view.plane((x - width / 2, tall, z + distance), (width / w, 0, 0), (0, -tall / h, 0))

    def plate(self, height: int, width: int, margin: int) -> np.ndarray:
        """The background of a fixed camera, (height + 2 margin, width + 2 margin, 3) uint8.

        Args:
            height: of the picture [pixel].
            width: of the picture [pixel].
            margin: beyond each edge [pixel].
        """
        view = self.camera.at(0.0, height, width)
        big = View(
            view.position,
            view.yaw,
            view.pitch,
            view.roll,
            2 * view.fx,
            2 * view.fy,
            width + 2 * margin,
            height + 2 * margin,
        )
        frame = np.zeros((2 * height + 4 * margin, 2 * width + 4 * margin, 3), np.uint8)
        self.paint_ground(frame, big)
        return cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def paint_actors(self, frame: Canvas, view: View, t: float) -> None:
        """Paint all shadows, then the actors from far to near.

        Args:
            frame: (H, W, 3) uint8, painted into.
            view: of the camera.
            t: [s].
        """
        placed = self.placed(view, t)
        for actor, where, _ in placed:
            actor.shadow(frame, view, t, where, self.light)
        for actor, where, _ in placed:
            actor.draw(frame, view, t, where, self.light)

    def placed(self, view: View, t: float) -> list[tuple[Actor, Placement, Any]]:
        """Actors from far to near: actor, `Placement` and how often it re-entered, at t [s]."""
        placed = []
        for actor in self.actors:
            x, y, z, turn, run = actor.path.at(t)
            laps: Any = actor.path.laps(t)
            if self.loop:
                back = view.position[2] + NEAREST
                laps = (laps, (z - back) // self.loop)
                z = back + (z - back) % self.loop
            placed.append((actor, (x, y, z, turn, run), laps))
        ahead = view.rotation[2]
        placed.sort(key=lambda a: -float(np.dot(ahead, a[1][:3])))
        return placed


def _ground(
    frame: Canvas,
    view: View,
    levels: list[np.ndarray],
    step_u: float,
    step_v: float,
    origin: Any,
    along_u: Any,
    along_v: Any,
    border: int,
) -> None:
    """Paint a texture onto the ground, each row from the mip level that its distance needs.

    Args:
        frame: (H, W, 3) uint8, changed in place.
        view: of the camera.
        levels: of `pyramid`.
        step_u: distance between two columns of the texture [m].
        step_v: distance between two rows [m].
        origin: position of its first pixel in the world (3,) [m].
        along_u: direction of the rows (3,).
        along_v: direction of the columns (3,).
        border: OpenCV's mode outside the texture.
    """
    h, w = frame.shape[:2]
    rows = np.arange(h) + 0.5
    ray = np.stack([np.zeros(h), (rows - view.cy) / view.fy, np.ones(h)], 1) @ view.rotation
    depth = view.position[1] / np.maximum(-ray[:, 1], 1e-4)
    slant = np.sqrt(np.maximum(1.0, depth / view.position[1]))
    texels = depth / view.fx * slant / max(step_u, step_v)
    level = np.clip(np.log2(np.maximum(texels, 1e-6)) + 0.2, 0, len(levels) - 1).astype(int)
    level[-ray[:, 1] < 1e-3] = -1
    matrix = view.plane(origin, np.multiply(along_u, step_u), np.multiply(along_v, step_v))
    edges = np.flatnonzero(np.diff(level)) + 1
    for y0, y1 in zip([0, *edges], [*edges, h]):
        k = level[y0]
        if k >= 0:
            s = 2.0**k
            grow = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
            lower = np.array([[1, 0, 0], [0, 1, -float(y0)], [0, 0, 1]])
            cv2.warpPerspective(
                levels[k],
                lower @ matrix @ grow,
                (w, int(y1 - y0)),
                frame[y0:y1],
                cv2.INTER_LINEAR,
                border,
            )
