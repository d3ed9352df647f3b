"""Projection of a camera, anti-aliased polygons and soft shadows.

World axes: X right, Y up, Z away from the camera, in metres; the ground is Y = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import cos, pi, sin
from typing import Any

import cv2
import numpy as np

Canvas = Any  # (H, W, 3) uint8, or a `true_motion.LabelMap`, which records what covers what

NEAR = 0.4  # metres: nothing nearer to the camera is drawn

# x, y, z [m], heading [rad], distance travelled [m]
Placement = tuple[float, float, float, float, float]


@dataclass
class View:
    """A pinhole camera at one instant.

    Attributes:
        position: (3,) in the world [m].
        yaw: from +Z towards +X [rad].
        pitch: upwards [rad].
        roll: about the optical axis [rad].
        fx: focal length [pixel].
        fy: focal length [pixel].
        cx: principal point [pixel].
        cy: principal point [pixel].
        matrix: (3, 3), camera matrix times rotation.
    """

    position: np.ndarray
    yaw: float
    pitch: float
    roll: float
    fx: float
    fy: float
    cx: float
    cy: float
    matrix: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        sy, cyw, sp, cp = sin(self.yaw), cos(self.yaw), sin(self.pitch), cos(self.pitch)
        sr, cr = sin(self.roll), cos(self.roll)
        right, ahead = np.array([cyw, 0, -sy]), np.array([sy * cp, sp, cyw * cp])
        down = np.array([sy * sp, -cp, cyw * sp])
        self.rotation = np.stack([cr * right - sr * down, sr * right + cr * down, ahead])
        k = np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])
        self.matrix = k @ self.rotation

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points (N, 3) [m] -> pixels (N, 2) and depths (N,) [m]."""
        p = (points - self.position) @ self.matrix.T
        depth = p[:, 2]
        return p[:, :2] / np.maximum(depth, 1e-3)[:, None], depth

    def plane(self, origin: Any, along_u: Any, along_v: Any) -> np.ndarray:
        """Homography (3, 3) from the pixels of a texture to those of the image.

        Args:
            origin: (3,) position of the texture's first pixel in the world [m].
            along_u: (3,) step from one column to the next [m].
            along_v: (3,) step from one row to the next [m].
        """
        return self.matrix @ np.stack([along_u, along_v, np.subtract(origin, self.position)], 1)


def to_world(local: np.ndarray, where: Placement) -> np.ndarray:
    """An object's points (.., 3) as (side, up, forward) -> points (.., 3) in the world [m]."""
    x, y, z, turn, _ = where
    sh, ch = sin(turn), cos(turn)
    side, up, ahead = local[..., 0], local[..., 1], local[..., 2]
    return np.stack([x + side * ch + ahead * sh, y + up, z - side * sh + ahead * ch], -1)


def capsules(
    a: np.ndarray, b: np.ndarray, ra: np.ndarray, rb: np.ndarray, points: int = 6
) -> np.ndarray:
    """Convex outlines of N limbs with rounded ends: (N, 2*points, 2) [pixel].

    Args:
        a: (N, 2), one end of each [pixel].
        b: (N, 2), the other end [pixel].
        ra: (N,), radius at a [pixel].
        rb: (N,), radius at b [pixel].
        points: of the outline at each end.
    """
    d = b - a
    theta = np.arctan2(d[:, 1], d[:, 0])[:, None]
    half = np.linspace(-pi / 2, pi / 2, points)[None]
    first, second = theta + half, theta + half + pi
    end = b[:, None] + rb[:, None, None] * np.stack([np.cos(first), np.sin(first)], -1)
    start = a[:, None] + ra[:, None, None] * np.stack([np.cos(second), np.sin(second)], -1)
    return np.concatenate([end, start], 1)


def part_homographies(uv: np.ndarray, depth: np.ndarray, starts: Sequence[int]) -> np.ndarray:
    """Homographies (n, 3, 3) of flat parts onto the picture.

    Each maps coordinates on the part (those of its first three vertices) to homogeneous pixels, so
    that one times the inverse of an earlier one is the motion of the part.

    Args:
        uv: (N, 2), vertices [pixel].
        depth: (N,), of the vertices [m].
        starts: index of the first vertex of each part.
    """
    points = np.column_stack([uv, np.ones(len(uv))]) * depth[:, None]
    return points[np.add.outer(starts, [0, 1, 2])].transpose(0, 2, 1)


def paint(
    frame: Canvas,
    polygons: Sequence[np.ndarray],
    colours: Any,
    tile: np.ndarray | None = None,
    place: Any = (0, 0),
    zoom: float = 1.0,
    angle: float = 0.0,
    convex: bool = True,
    parts: Any = None,
    planes: Any = None,
) -> None:
    """Render polygons back to front with sub-pixel, anti-aliased edges.

    Args:
        frame: (H, W, 3) uint8, painted in place; or a `true_motion.LabelMap`, which records which
            part covers which pixel.
        polygons: (n, 2) each [pixel].
        colours: (3,) of each polygon, in [0, 255].
        tile: (h, w, 3) uint8, periodic texture that multiplies the colours, or None.
        place: of the tile's centre [pixel]; the tile moves, turns and scales with the object.
        zoom: of the tile.
        angle: of the tile [rad].
        convex: whether all polygons are convex.
        parts: for a `LabelMap`: number of the part that each polygon belongs to; None: all are one
            part that moves as the tile does.
        planes: for a `LabelMap`: returns the homographies of all parts, see `part_homographies`.
    """
    if not isinstance(frame, np.ndarray):
        frame.record(polygons, convex, parts, planes, (*place, zoom, angle))
        return
    box = _box(frame, polygons)
    if box is None:
        return
    x0, y0, x1, y1 = box
    canvas = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
    fill(canvas, polygons, [(*c, 255.0) for c in np.clip(colours, 0, 255).tolist()], box, convex)
    rgb: np.ndarray = canvas[..., :3]
    alpha = canvas[..., 3:]
    if tile is not None:
        c, s = cos(angle) * zoom, sin(angle) * zoom
        mid = tile.shape[0] / 2
        m = np.array(
            [[c, -s, place[0] - x0 - c * mid + s * mid], [s, c, place[1] - y0 - s * mid - c * mid]],
            np.float64,
        )
        pattern = cv2.warpAffine(tile, m, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_WRAP)
        rgb = cv2.multiply(np.ascontiguousarray(rgb), pattern, scale=1 / 255)
    region = frame[y0:y1, x0:x1]
    under = (region * (255 - alpha).astype(np.uint16) + 127) // 255
    region[:] = np.minimum(rgb + under, 255)


def darken(frame: Canvas, polygons: Sequence[np.ndarray], strength: float, blur: float) -> None:
    """Draw a shadow: multiply the union of polygons by 1 - strength.

    Args:
        frame: (H, W, 3) uint8, changed in place.
        polygons: (n, 2) each, convex [pixel].
        strength: from 0 to 1.
        blur: width of the soft edge [pixel].
    """
    box = _box(frame, polygons, 2 + int(blur))
    if box is None or strength <= 0:
        return
    x0, y0, x1, y1 = box
    mask: np.ndarray = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fill(mask, polygons, [(255.0 * strength,)] * len(polygons), box, True)
    if blur >= 1:
        k = 2 * int(blur) + 1
        mask = cv2.blur(mask, (k, max(1, k // 2 | 1)))
    region = frame[y0:y1, x0:x1]
    region[:] = region * (255 - mask[..., None]).astype(np.uint16) // 255


def _box(
    frame: Canvas, polygons: Sequence[np.ndarray], pad: int = 2
) -> tuple[int, int, int, int] | None:
    points = np.concatenate(polygons)
    low, high = points.min(0) - pad, points.max(0) + pad + 1
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return None
    h, w = frame.shape[:2]
    x0, y0 = (max(0, int(v)) for v in np.clip(low, -9e3, 9e3))
    x1, y1 = min(w, int(min(high[0], 9e3))), min(h, int(min(high[1], 9e3)))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def fill(
    canvas: Canvas, polygons: Sequence[np.ndarray], colours: Any, box: Any, convex: bool
) -> None:
    """Fill polygons.

    Args:
        canvas: (h, w) or (h, w, c), changed in place.
        polygons: (n, 2) each [pixel].
        colours: of each polygon, a tuple of c numbers.
        box: x and y of the canvas's first pixel, and anything after them.
        convex: whether all polygons are convex.
    """
    points = np.clip(np.concatenate(polygons) - box[:2], -9e3, 9e3)
    sixteenths = np.rint(points * 16).astype(np.int32)
    end = 0
    for polygon, col in zip(polygons, colours):
        start, end = end, end + len(polygon)
        if convex:
            cv2.fillConvexPoly(canvas, sixteenths[start:end], col, cv2.LINE_AA, 4)
        else:
            cv2.fillPoly(canvas, [sixteenths[start:end]], col, cv2.LINE_AA, 4)


@dataclass
class Light:
    """Lighting of a scene.

    Attributes:
        level: factor of all colours.
        shadow: strength of the shadows, from 0 to 1.
        hard: whether shadows are cast; otherwise there is a soft dark patch below each figure.
        sun: length of the shadow in X and Z for each metre of height.
        glint: direction of the lit side in the picture.
    """

    level: float = 1.0
    shadow: float = 0.35
    hard: bool = True
    sun: tuple[float, float] = (0.6, 0.3)
    glint: tuple[float, float] = (-0.7, -0.4)
