"""Cars, vans and buses: convex prisms with windows and rolling wheels."""

from __future__ import annotations

from math import hypot, pi

import cv2
import numpy as np

from tkn_ros.synthetic.motion import Path
from tkn_ros.synthetic.painting import (
    NEAR,
    Canvas,
    Light,
    Placement,
    View,
    darken,
    paint,
    part_homographies,
    to_world,
)
from tkn_ros.synthetic.textures import Colour, colour, texture

# Convex side views, as fractions of length (forward) and height (up): lower body, cabin.
BODIES = {
    'car': (
        4.3,
        1.45,
        1.8,
        ((-0.5, 0.2), (-0.49, 0.55), (-0.44, 0.62), (0.3, 0.6), (0.48, 0.48), (0.5, 0.2)),
        ((-0.42, 0.6), (-0.3, 0.97), (0.02, 1.0), (0.27, 0.6)),
    ),
    'van': (
        4.9,
        2.1,
        1.95,
        ((-0.5, 0.15), (-0.5, 0.5), (0.38, 0.5), (0.5, 0.4), (0.5, 0.15)),
        ((-0.5, 0.5), (-0.49, 1.0), (0.22, 1.0), (0.4, 0.5)),
    ),
    'bus': (
        10.5,
        3.1,
        2.5,
        ((-0.5, 0.1), (-0.5, 0.4), (0.5, 0.4), (0.5, 0.1)),
        ((-0.5, 0.4), (-0.5, 1.0), (0.48, 1.0), (0.5, 0.4)),
    ),
}


class Vehicle:
    """A car, van or bus: two convex prisms with windows, and wheels that turn as it moves.

    Args:
        rng: NumPy generator.
        path: its motion.
        model: 'car', 'van' or 'bus'; None: drawn at random.
        paint_colour: (3,) RGB; None: drawn at random.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        path: Path,
        model: str | None = None,
        paint_colour: Colour | None = None,
    ) -> None:
        self.path = path
        model = model or ('car', 'car', 'van', 'bus')[rng.integers(4)]
        self.length, self.height, self.width, body, cabin = BODIES[model]
        self.height *= rng.uniform(0.92, 1.08)
        self.colour = colour(rng, rng.uniform(0, 1), 30, 235)
        if paint_colour is not None:
            self.colour = np.array(paint_colour, np.float32)
        scale = np.array([self.length, self.height])
        self.prisms = [
            (np.array(body) * scale, self.width),
            (np.array(cabin) * scale, self.width * 0.88),
        ]
        self.wheel = 0.31 if model == 'car' else 0.36 if model == 'van' else 0.5
        self.panes = {'car': 2, 'van': 3, 'bus': 6}[model]
        self.tile = texture(rng, 64, 'cloud', (228, 228, 228), 0.15)

    def faces(self, travelled: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Faces as (vertices (n, 3) as (side, up, forward) [m], colour (3,)), back faces included.

        travelled: distance [m], which turns the wheels.
        """
        out: list[tuple[np.ndarray, np.ndarray]] = []
        glass = np.array([38, 48, 58], np.float32)
        for k, (profile, width) in enumerate(self.prisms):
            n = len(profile)
            for s in (-1, 1):
                flat = np.column_stack([np.full(n, s * width / 2), profile[:, 1], profile[:, 0]])
                out.append((flat if s < 0 else flat[::-1], self.colour * 0.88))
                if k:
                    out += self._windows(profile, s * width / 2, glass, s)
                else:
                    out += self._seams(profile, s)
            for i in range(n):
                (f0, u0), (f1, u1) = profile[i], profile[(i + 1) % n]
                w = width / 2
                quad = np.array([[-w, u0, f0], [w, u0, f0], [w, u1, f1], [-w, u1, f1]])
                steep = abs(u1 - u0) / (hypot(u1 - u0, f1 - f0) + 1e-6)
                if u0 + u1 < 0.45 * self.height:
                    continue
                out.append((quad, self.colour * (1.12 - 0.25 * steep)))
                if k and steep > 0.35:
                    out.append((_inset(quad, 0.86), glass * 1.25))
        lamp_y, end = 0.42 * self.height if self.panes == 2 else 0.3 * self.height, self.length / 2
        for s in (-1, 1):
            for f, col in ((end + 0.01, (250, 240, 205)), (-end - 0.01, (190, 25, 25))):
                a, b = sorted((s * self.width * 0.3, s * self.width * 0.46))
                quad = np.array(
                    [[a, lamp_y, f], [b, lamp_y, f], [b, lamp_y + 0.17, f], [a, lamp_y + 0.17, f]]
                )
                out.append((quad[::-1] if f > 0 else quad, np.array(col, np.float32)))
        roll = travelled / self.wheel
        for s in (-1, 1):
            for f in (-0.31, 0.31):
                for r, grey, n in ((1.0, 22, 14), (0.62, 150, 12)):
                    out.append((self._disc(s, f, r, n), np.full(3, grey, np.float32)))
                for spoke in range(4):
                    a = -roll + spoke * pi / 2
                    dirs = np.array(
                        [[a - 0.3, 0.6], [a + 0.3, 0.6], [a + 0.15, 0.15], [a - 0.15, 0.15]]
                    )
                    disc = np.column_stack(
                        [
                            np.full(4, s * (self.width / 2 + 0.02)),
                            self.wheel * (1 + dirs[:, 1] * np.sin(dirs[:, 0])),
                            f * self.length + self.wheel * dirs[:, 1] * np.cos(dirs[:, 0]),
                        ]
                    )
                    out.append((disc[::-1] if s < 0 else disc, np.full(3, 70, np.float32)))
        return out

    def _seams(self, profile: np.ndarray, s: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Sill and door edges on one side of the lower body."""
        low, top = profile[:, 1].min(), profile[2 if len(profile) > 5 else 1, 1]
        x, n, sill = s * self.width / 2, self.length, low + 0.2 * (top - low)
        bands = [(-0.2 * n, 0.2 * n, low, sill)] + [
            (f * n, f * n + 0.035, sill, top * 0.97) for f in (-0.17, 0.02, 0.2)
        ]
        out = []
        for f0, f1, u0, u1 in bands:
            quad = np.array([[x, u0, f0], [x, u1, f0], [x, u1, f1], [x, u0, f1]])
            # Viewed from the left, forward points left: the same winding as the profile's.
            out.append((quad if s < 0 else quad[::-1], self.colour * 0.5))
        return out

    def _disc(self, s: float, f: float, r: float, n: int) -> np.ndarray:
        a = np.linspace(0, 2 * pi, n, endpoint=False) * s
        return np.column_stack(
            [
                np.full(n, s * (self.width / 2 + 0.01)),
                self.wheel * (1 + r * np.sin(a)),
                f * self.length + self.wheel * r * np.cos(a),
            ]
        )

    def _windows(
        self, profile: np.ndarray, x: float, glass: np.ndarray, s: float
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Panes along the cabin's side, between its lower and upper edge."""
        (b0, low), (t0, top), (t1, _), (b1, _) = profile
        panes = []
        for i in range(self.panes):
            lo, hi = (i + 0.06) / self.panes, (i + 0.94) / self.panes
            pts = []
            for q, level in ((lo, 0.1), (lo, 0.88), (hi, 0.88), (hi, 0.1)):
                q = 0.04 + 0.92 * q
                f = (1 - level) * (b0 + q * (b1 - b0)) + level * (t0 + q * (t1 - t0))
                pts.append([x, low + level * (top - low), f])
            panes.append((np.array(pts if s < 0 else pts[::-1]), glass))
        return panes

    def draw(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """See `Actor`."""
        faces = self.faces(where[4])
        sizes = np.cumsum([len(f) for f, _ in faces])
        uv, depth = view.project(to_world(np.concatenate([f for f, _ in faces]), where))
        if depth.min() < NEAR:
            return
        polygons, tones, shown = [], [], []
        for k, ((_, tone), poly) in enumerate(zip(faces, np.split(uv, sizes[:-1]))):
            e, g = poly[1] - poly[0], poly[2] - poly[1]
            if e[0] * g[1] - e[1] * g[0] < 0:
                polygons.append(poly)
                tones.append(tone * light.level)
                shown.append(k)
        if polygons:
            zoom = view.fx / depth.mean() * 3 / 64
            paint(
                frame,
                polygons,
                tones,
                self.tile,
                uv.mean(0),
                zoom,
                parts=shown,
                planes=lambda: part_homographies(uv, depth, [0, *sizes[:-1]]),
            )

    def shadow(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """See `Actor`."""
        h, w, f = self.height * 0.9 * light.hard, self.width / 2, self.length / 2
        local = np.array([[i, u, j] for u in (0.0, h) for i in (-w, w) for j in (-f, f)])
        p = to_world(local, where)
        p += p[:, 1:2] * np.array([light.sun[0], 0, light.sun[1]])
        p[:, 1] = 0.0
        uv, depth = view.project(p)
        if depth.min() >= NEAR:
            hull = cv2.convexHull(uv.astype(np.float32))[:, 0].astype(np.float64)
            darken(frame, [hull], min(0.75, light.shadow * 1.3), 0.08 * view.fx / depth.mean())


def _inset(quad: np.ndarray, keep: float) -> np.ndarray:
    mid = quad.mean(0)
    return mid + (quad - mid) * keep
