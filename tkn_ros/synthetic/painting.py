"""From metres to pixels: a camera's projection, anti-aliased bodies and soft shadows.

World axes: X right, Y up, Z away from the camera, in metres; the ground is Y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, pi, sin

import cv2
import numpy as np

NEAR = 0.4  # metres: nothing nearer to the camera is drawn


@dataclass
class View:
    """A pinhole camera at one instant; focal lengths and centre in pixels, angles in radians."""

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

    def project(self, points) -> tuple[np.ndarray, np.ndarray]:
        """World points (N, 3) to pixels (N, 2) and depths in metres (N,)."""
        p = (points - self.position) @ self.matrix.T
        depth = p[:, 2]
        return p[:, :2] / np.maximum(depth, 1e-3)[:, None], depth

    def plane(self, origin, along_u, along_v) -> np.ndarray:
        """Homography (3, 3) from texture pixels to image pixels; the vectors are one texel long."""
        return self.matrix @ np.stack([along_u, along_v, np.subtract(origin, self.position)], 1)


def capsules(a, b, ra, rb, points: int = 6) -> np.ndarray:
    """Convex outlines (N, 2*points, 2) of N limbs from a to b (N, 2) with end radii ra, rb (N,)."""
    d = b - a
    theta = np.arctan2(d[:, 1], d[:, 0])[:, None]
    half = np.linspace(-pi / 2, pi / 2, points)[None]
    first, second = theta + half, theta + half + pi
    end = b[:, None] + rb[:, None, None] * np.stack([np.cos(first), np.sin(first)], -1)
    start = a[:, None] + ra[:, None, None] * np.stack([np.cos(second), np.sin(second)], -1)
    return np.concatenate([end, start], 1)


def corners(uv, depth, starts) -> np.ndarray:
    """Of the flat parts whose vertices begin at `starts`: homographies (n, 3, 3) onto the picture.

    Each takes coordinates on the part (those of its first three vertices) to homogeneous pixels, so
    that one times another's inverse is how the part has moved. uv: (N, 2) pixels; depth: (N,).
    """
    points = np.column_stack([uv, np.ones(len(uv))]) * depth[:, None]
    return points[np.add.outer(starts, [0, 1, 2])].transpose(0, 2, 1)


def paint(
    frame,
    polygons,
    colours,
    tile=None,
    place=(0, 0),
    zoom=1.0,
    angle=0.0,
    convex=True,
    parts=None,
    planes=None,
):
    """Render polygons (list of (n, 2) pixels) back to front with sub-pixel, anti-aliased edges.

    A `tile` (uint8, periodic) multiplies the colours; it is pinned at `place` and turns and grows
    with the object, so that it moves with it.

    Instead of an image, `frame` may be a true_motion.Sketch. `parts` and `planes` are for it alone:
    the number of the part that each polygon belongs to, and a function that gives the homographies
    of all parts onto the picture, as from corners(). Without them all is one part that moves as the
    tile does.
    """
    if not isinstance(frame, np.ndarray):
        frame.keep(polygons, convex, parts, planes, (*place, zoom, angle))
        return
    box = _box(frame, polygons)
    if box is None:
        return
    x0, y0, x1, y1 = box
    canvas = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
    fill(canvas, polygons, [(*c, 255.0) for c in np.clip(colours, 0, 255).tolist()], box, convex)
    rgb, alpha = canvas[..., :3], canvas[..., 3:]
    if tile is not None:
        c, s = cos(angle) * zoom, sin(angle) * zoom
        mid = tile.shape[0] / 2
        m = np.float64(
            [[c, -s, place[0] - x0 - c * mid + s * mid], [s, c, place[1] - y0 - s * mid - c * mid]]
        )
        pattern = cv2.warpAffine(tile, m, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_WRAP)
        rgb = cv2.multiply(np.ascontiguousarray(rgb), pattern, scale=1 / 255)
    region = frame[y0:y1, x0:x1]
    under = (region * (255 - alpha).astype(np.uint16) + 127) // 255
    region[:] = np.minimum(rgb + under, 255)


def darken(frame, polygons, strength: float, blur: float):
    """Multiply the union of polygons by 1 - strength, edges softened by `blur` pixels: a shadow."""
    box = _box(frame, polygons, 2 + int(blur))
    if box is None or strength <= 0:
        return
    x0, y0, x1, y1 = box
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fill(mask, polygons, [(255.0 * strength,)] * len(polygons), box, True)
    if blur >= 1:
        k = 2 * int(blur) + 1
        mask = cv2.blur(mask, (k, max(1, k // 2 | 1)))
    region = frame[y0:y1, x0:x1]
    region[:] = region * (255 - mask[..., None]).astype(np.uint16) // 255


def _box(frame, polygons, pad=2):
    points = np.concatenate(polygons)
    low, high = points.min(0) - pad, points.max(0) + pad + 1
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return None
    h, w = frame.shape[:2]
    x0, y0 = (max(0, int(v)) for v in np.clip(low, -9e3, 9e3))
    x1, y1 = min(w, int(min(high[0], 9e3))), min(h, int(min(high[1], 9e3)))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def fill(canvas, polygons, colours, box, convex):
    """Fill polygons (list of (n, 2) pixels) of a canvas whose first pixel is at box[:2]."""
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
    """Where the sun stands and how strongly: what every figure's tones and shadow share."""

    level: float = 1.0
    shadow: float = 0.35
    hard: bool = True  # cast shadows; False: a soft dark patch underfoot
    sun: tuple[float, float] = (0.6, 0.3)  # metres of shadow in X, Z for each metre of height
    glint: tuple[float, float] = (-0.7, -0.4)  # screen direction of the lit side
