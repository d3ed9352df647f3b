"""Flat objects: textured shapes that move, and fixed poles, trees and boxes."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

import numpy as np

from tkn_ros.synthetic.motion import Path
from tkn_ros.synthetic.painting import (
    NEAR,
    Canvas,
    Light,
    Placement,
    View,
    capsules,
    darken,
    paint,
    part_homographies,
)
from tkn_ros.synthetic.textures import colour, texture


class Shape:
    """A textured flat shape, or a chain of swinging bars.

    Args:
        rng: NumPy generator.
        path: its motion.
        size: diameter [m].
        kind: 'ellipse', 'polygon', 'star', 'blob' or 'chain'; None: drawn at random.
        upright: whether it stands on the ground instead of lying on it.
        tile: (h, w, 3) uint8 texture; None: drawn at random.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        path: Path,
        size: float,
        kind: str | None = None,
        upright: bool = False,
        tile: np.ndarray | None = None,
    ) -> None:
        self.path, self.size, self.upright = path, size, upright
        self.kind = kind or ('ellipse', 'polygon', 'star', 'blob', 'chain')[rng.integers(5)]
        n = {'ellipse': 24, 'polygon': int(rng.integers(3, 7)), 'star': 10, 'blob': 28}.get(
            self.kind, 4
        )
        a = np.linspace(0, 2 * pi, n, endpoint=False) + rng.uniform(0, 6)
        r = np.ones(n)
        if self.kind == 'star':
            r[::2] = rng.uniform(0.35, 0.7)
        if self.kind == 'blob':
            r += 0.25 * np.sin(3 * a + rng.uniform(0, 6)) + 0.15 * np.sin(5 * a + rng.uniform(0, 6))
        stretch = rng.uniform(0.45, 1.0)
        self.outline = np.column_stack([r * np.cos(a), stretch * r * np.sin(a)]) * size / 2
        self.spin = rng.normal(0, 1.2) * (rng.random() < 0.7) * (0 if upright else 1)
        self.swing = rng.uniform(0.2, 1.2, 4), rng.uniform(1, 7, 4), rng.uniform(0, 6, 4)
        self.links = int(rng.integers(2, 5))
        self.tile = texture(rng, 128, None, colour(rng, 0.8)) if tile is None else tile
        self.bright = rng.uniform(0.8, 1.15)

    def draw(
        self,
        frame: Canvas,
        view: View,
        t: float,
        where: Placement,
        light: Light,
        dark: bool = False,
    ) -> None:
        """See `Actor`; dark: its shadow instead."""
        x, y, z, turn, _ = where
        angle = self.spin * t + turn * (self.spin == 0) * (not self.upright)
        if self.kind == 'chain':
            local, start, bend = [], np.zeros(2), angle
            for k in range(self.links):
                amount, rate, phase = (s[k] for s in self.swing)
                bend += amount * sin(rate * t + phase)
                end = start + np.array([cos(bend), sin(bend)]) * self.size * 0.45
                bar = np.array([self.size * 0.11 * 0.85**k])
                local.append(capsules(start[None], end[None], bar, bar * 0.8)[0])
                start = end
        else:
            c, s = cos(angle), sin(angle)
            local = [self.outline @ np.array([[c, s], [-s, c]])]
        sizes = np.cumsum([len(p) for p in local])
        flat = np.concatenate(local)
        p = np.zeros((len(flat), 3))
        p[:, 0] = x + flat[:, 0]
        if self.upright:
            p[:, 1], p[:, 2] = y + self.size / 2 + flat[:, 1], z
        else:
            p[:, 1], p[:, 2] = y + 0.02, z + flat[:, 1]
        uv, depth = view.project(p)
        if depth.min() < NEAR:
            return
        polygons = np.split(uv, sizes[:-1])
        scale = view.fx / depth.mean()
        if dark:
            shift = np.array(light.sun) * 0.12 * self.size * scale
            darken(
                frame, [q + shift for q in polygons], light.shadow * 0.8, 0.05 * self.size * scale
            )
            return
        tone = np.full((len(polygons), 3), min(255, 235 * self.bright * light.level))
        mid, _ = view.project(np.array([[x, y, z]]))
        paint(
            frame,
            polygons,
            tone,
            self.tile,
            mid[0],
            scale * self.size / 90,
            -angle - view.roll,
            self.kind == 'ellipse',
        )

    def shadow(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """See `Actor`."""
        if not self.upright:
            self.draw(frame, view, t, where, light, True)


class Post:
    """A fixed pole, tree or box, which occludes what is behind it.

    Args:
        rng: NumPy generator.
        path: of kind 'still'.
        kind: 'pole', 'tree' or 'box'; None: drawn at random.
        height: [m]; None: drawn at random.
        leaves: clumps of leaves of a tree.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        path: Path,
        kind: str | None = None,
        height: float | None = None,
        leaves: int = 18,
    ) -> None:
        self.path = path
        self.kind = kind or ('pole', 'tree', 'box')[rng.integers(3)]
        self.height = height or {'pole': 5.0, 'tree': 5.5, 'box': 1.6}[self.kind] * rng.uniform(
            0.7, 1.3
        )
        self.width = {'pole': 0.14, 'tree': 0.3, 'box': rng.uniform(0.5, 2.5)}[self.kind]
        bark = np.array([104, 90, 76], np.float32) * rng.uniform(0.5, 1.3)
        if self.kind == 'box':
            bark = colour(rng, 0.7)
        elif self.kind == 'pole':
            bark = colour(rng, 0.15, 50, 170)
        self.polys = [
            np.array([[-0.5, 0], [0.5, 0], [0.42, 1.0], [-0.42, 1.0]])
            * (self.width, self.height * (0.6 if self.kind == 'tree' else 1))
        ]
        self.tones = [bark]
        leaf = np.array([62, 88, 42], np.float32) * rng.uniform(0.75, 1.3) + rng.normal(0, 6, 3)
        spread, around = np.sqrt(rng.random(leaves)), rng.uniform(0, 2 * pi, leaves)
        crown = np.column_stack([0.2 * spread * np.cos(around), 0.24 * spread * np.sin(around)])
        crown = crown[: leaves if self.kind == 'tree' else 0]
        # Low clumps lie in shade and behind; those at the top catch the light.
        for k, off in enumerate(crown[np.argsort(crown[:, 1])]):
            a = np.linspace(0, 2 * pi, 9, endpoint=False) + k
            r = rng.uniform(0.25, 0.62) / sqrt(leaves) * self.height
            middle = off * self.height + (0, 0.74 * self.height)
            self.polys.append(middle + r * np.column_stack([np.cos(a), np.sin(a)]))
            self.tones.append(leaf * (0.95 + 1.1 * off[1] + rng.normal(0, 0.09)))
        self.tile = texture(rng, 64, 'grass' if self.kind == 'tree' else None, (200, 200, 200), 0.6)

    def _points(self, where: Placement) -> np.ndarray:
        flat = np.concatenate(self.polys)
        x, _, z, _, _ = where
        return np.column_stack([x + flat[:, 0], flat[:, 1], np.full(len(flat), z)])

    def draw(
        self,
        frame: Canvas,
        view: View,
        t: float,
        where: Placement,
        light: Light,
        dark: bool = False,
    ) -> None:
        """See `Actor`; dark: its shadow instead."""
        p = self._points(where)
        if dark:
            p += p[:, 1:2] * np.array([light.sun[0], 0, light.sun[1]]) * light.hard
            p[:, 1] = 0
        uv, depth = view.project(p)
        if depth.min() < NEAR:
            return
        polygons = np.split(uv, np.cumsum([len(q) for q in self.polys])[:-1])
        scale = view.fx / depth.mean()
        if dark:
            darken(frame, polygons, light.shadow, 0.06 * scale)
        else:
            paint(
                frame,
                polygons,
                [c * light.level for c in self.tones],
                self.tile,
                uv[0],
                scale * self.height / 150,
                parts=[0] * len(polygons),
                planes=lambda: part_homographies(uv, depth, [0]),
            )

    def shadow(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """See `Actor`."""
        if light.hard:
            self.draw(frame, view, t, where, light, True)
