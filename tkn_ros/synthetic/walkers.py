"""A walking, running or waving person made of tapered limbs."""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, cos, pi, sin

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
    to_world,
)
from tkn_ros.synthetic.textures import Colour, colour, texture

HAIR = ((30, 24, 22), (62, 44, 32), (96, 70, 46), (150, 118, 72), (128, 124, 120), (20, 20, 24))
SKIN = ((236, 196, 168), (205, 155, 120), (150, 103, 74), (96, 64, 47))


class Walker:
    """A person whose gait follows the speed of the path.

    Args:
        rng: NumPy generator.
        path: the motion.
        action: 'walk', 'jog', 'run', 'wave', 'clap', 'box' or 'greet'.
        height: [m]; None: drawn at random.
        clothes: colours (3,) of upper and lower body; None: drawn at random.
        grey_suit: whether all clothes are grey, as in KTH.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        path: Path,
        action: str,
        height: float | None = None,
        clothes: tuple[Colour, Colour] | None = None,
        grey_suit: bool = False,
    ) -> None:
        self.path, self.action = path, action
        self.height = rng.uniform(1.5, 1.9) if height is None else height
        speed = path.speed if path.kind != 'still' else 0.0
        leg = 0.53 * self.height
        self.rate = 0.95 * (max(speed, 0.3) / 1.4) ** 0.55 * rng.uniform(0.92, 1.08)
        self.swing = asin(min(0.72, speed / (4 * leg * self.rate)))
        self.vigour = min(1.0, max(0.0, (speed - 1.5) / 2.5))
        self.phase, self.beat = rng.uniform(0, 2 * pi), rng.uniform(0.6, 1.6)
        self.slim = rng.uniform(0.85, 1.2)
        skin = np.array(SKIN[rng.integers(4)], np.float32)
        shirt, trousers = colour(rng, 0.9, 40, 240), colour(rng, 0.4, 20, 150)
        if grey_suit:
            shirt = trousers = colour(rng, 0.1, 15, 120)
        if clothes is not None:
            shirt, trousers = np.array(clothes[0], np.float32), np.array(clothes[1], np.float32)
        shoe, hair = colour(rng, 0.2, 10, 210), np.array(HAIR[rng.integers(len(HAIR))], np.float32)
        sleeve = skin if rng.random() < 0.35 else shirt
        self.colours = np.array(
            [
                trousers,
                trousers,
                shoe,
                trousers,
                trousers,
                shoe,
                trousers,
                shirt,
                shirt,
                skin,
                hair,
                skin,
                shirt,
                sleeve,
                skin,
                shirt,
                sleeve,
                skin,
            ],
            np.float32,
        )
        self.tile = texture(rng, 64, None, (215, 215, 215), rng.uniform(0.08, 0.5))

    def limbs(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends (18, 2, 3) of the limbs as (side, up, forward) and radii (18, 2), in m, at t [s]."""
        h, a, v = self.height, self.action, self.vigour
        phase = 2 * pi * self.rate * t + self.phase
        beat = 2 * pi * self.beat * t + self.phase
        lean = 0.03 + 0.16 * v + (0.05 * sin(beat) if a == 'box' else 0)
        # Hips sink as the legs part, so that the standing foot stays down; runners leave it.
        sink = 0.48 * h * (1 - cos(self.swing)) * sin(phase) ** 2 * (1 - 0.3 * v)
        hip_y = 0.52 * h * (1 - 0.04 * v) - sink
        chest = (hip_y + 0.27 * h * cos(lean), 0.27 * h * sin(lean))
        parts = []
        for side, offset in ((-1, 0.0), (1, pi)):
            s = sin(phase + offset)
            thigh = self.swing * s + 0.12 * v
            knee = 0.08 + (0.9 * self.swing + 1.1 * v) * max(0.0, cos(phase + offset)) ** 1.3
            shin = thigh - knee
            x = side * 0.05 * h * self.slim
            k = (x, hip_y - 0.245 * h * cos(thigh), 0.245 * h * sin(thigh))
            f = (x, k[1] - 0.235 * h * cos(shin), k[2] - 0.235 * h * sin(-shin))
            toe = (x * 1.2, f[1] - 0.025 * h + 0.09 * h * sin(shin), f[2] + 0.1 * h * cos(shin))
            parts += [((x, hip_y, 0), k), (k, f), ((x, f[1] - 0.012 * h, f[2] - 0.01 * h), toe)]
        parts.append(((-0.045 * h, hip_y, 0), (0.045 * h, hip_y, 0)))
        parts.append(((0, hip_y + 0.04 * h, 0), (0, chest[0] - 0.04 * h, chest[1])))
        wide = 0.095 * h * self.slim
        parts.append(((-wide, chest[0], chest[1]), (wide, chest[0], chest[1])))
        head = (chest[0] + 0.125 * h, chest[1] + 0.02 * h)
        parts.append(((0, chest[0] + 0.035 * h, chest[1]), (0, head[0] - 0.04 * h, head[1])))
        parts.append(
            (
                (0, head[0] + 0.034 * h, head[1] - 0.004 * h),
                (0, head[0] + 0.005 * h, head[1] - 0.02 * h),
            )
        )
        parts.append(
            ((0, head[0] + 0.01 * h, head[1]), (0, head[0] - 0.025 * h, head[1] + 0.01 * h))
        )
        for side, offset in ((-1, pi), (1, 0.0)):
            reach, lift = (0.75 * self.swing + 0.25 * v) * sin(phase + offset), 0.08
            bend = 0.2 + 1.35 * v
            if a == 'wave':
                lift = 1.35 + 1.15 * sin(beat)
                bend = 0.1
                reach = 0.0
            elif a == 'clap':
                reach, bend, lift = 1.35, 0.35, 0.55 * (1 + sin(beat)) - 0.35
            elif a == 'box':
                punch = max(0.0, sin(beat * 1.5 + (0 if side > 0 else pi)))
                reach, bend, lift = 0.4 + 1.1 * punch, 2.2 * (1 - punch), 0.1
            elif a == 'greet' and side > 0:
                reach, lift, bend = 0.0, 2.1 + 0.12 * sin(2 * beat), 0.9 * sin(2 * beat)
            sx = side * 0.115 * h * self.slim
            shoulder = (sx, chest[0] - 0.005 * h, chest[1])
            elbow = _reach(shoulder, 0.17 * h, reach, side * lift)
            fold = side * (lift + (bend if a == 'greet' and side > 0 else 0))
            hand = _reach(elbow, 0.15 * h, reach + (0 if a == 'greet' else bend), fold)
            parts += [(shoulder, elbow), (elbow, hand), (hand, _reach(hand, 0.03 * h, reach, fold))]
        r = h * np.array(
            [[0.053, 0.038], [0.037, 0.024], [0.022, 0.018]] * 2
            + [
                [0.062, 0.062],
                [0.076, 0.082],
                [0.045, 0.045],
                [0.027, 0.027],
                [0.05, 0.052],
                [0.05, 0.046],
            ]
            + [[0.033, 0.026], [0.025, 0.018], [0.02, 0.018]] * 2
        )
        return np.array(parts), r * (0.7 + 0.3 * self.slim)

    def draw(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """See `Actor`."""
        ends, radii = self.limbs(t)
        p = to_world(ends, where)
        uv, depth = view.project(p.reshape(-1, 3))
        if depth.min() < NEAR:
            return
        uv, depth = uv.reshape(-1, 2, 2), depth.reshape(-1, 2)
        r = radii * view.fx / depth
        order = np.argsort(-depth.mean(1), kind='stable')
        shapes = capsules(uv[:, 0], uv[:, 1], r[:, 0], r[:, 1])
        # limbs on the far side are in the shade of the body
        far = np.clip((depth.mean(1) - depth.mean()) / (0.2 * self.height), -1, 1)
        tone = light.level * self.colours * (0.93 - 0.13 * far)[:, None]
        polygons, tones, parts = [], [], []
        shiny = r.max() > 3.5
        if shiny:
            shift = np.array(light.glint) * r.mean(1)[:, None] * 0.35
            inner = capsules(uv[:, 0] + shift, uv[:, 1] + shift, r[:, 0] * 0.55, r[:, 1] * 0.55)
        for i in order:
            polygons.append(shapes[i])
            tones.append(tone[i])
            if shiny:
                polygons.append(inner[i])
                tones.append(tone[i] * 1.13 + 6)
            parts += [i] * (1 + shiny)
        zoom = self.height * view.fx / depth.mean() / 90
        paint(
            frame,
            polygons,
            tones,
            self.tile,
            uv[7, 0],
            zoom,
            parts=parts,
            planes=lambda: _planes(uv, r),
        )

    def shadow(self, frame: Canvas, view: View, t: float, where: Placement, light: Light) -> None:
        """See `Actor`."""
        ends, radii = self.limbs(t)
        p = to_world(ends, where)
        if light.hard:
            p = p[:, :, :] + p[:, :, 1:2] * np.array([light.sun[0], 0, light.sun[1]])
            p[..., 1] = 0.0
        else:
            p = p[[2, 5]] * np.array([1, 0, 1.0])
            radii = radii[[2, 5]] * 5
        uv, depth = view.project(p.reshape(-1, 3))
        if depth.min() < NEAR:
            return
        uv, r = uv.reshape(-1, 2, 2), radii * view.fx / depth.reshape(-1, 2)
        shapes = capsules(uv[:, 0], uv[:, 1], r[:, 0], r[:, 1], 4)
        soft = (0.02 if light.hard else 0.12) * view.fx / depth.mean()
        darken(frame, list(shapes), light.shadow, soft)


def _planes(uv: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Affine maps (n, 3, 3) of limbs onto the picture; uv (n, 2, 2) and radii (n, 2) [pixel].

    A limb turns and stretches with its ends; one that points at the camera remains a disc.
    """
    d, r = uv[:, 1] - uv[:, 0], radii.mean(1)
    length, turn = np.hypot(np.hypot(*d.T), r), np.arctan2(d[:, 1], d[:, 0])
    c, s = np.cos(turn), np.sin(turn)
    planes = np.zeros((len(uv), 3, 3))
    planes[:, :2, 0] = np.column_stack([length * c, length * s])
    planes[:, :2, 1] = np.column_stack([-r * s, r * c])
    planes[:, :2, 2], planes[:, 2, 2] = uv.mean(1), 1
    return planes


def _reach(
    start: Sequence[float], length: float, forward: float, outward: float
) -> tuple[float, float, float]:
    """The end (3,) of a limb that hangs from `start`.

    Args:
        start: (3,) as (side, up, forward) [m].
        length: [m].
        forward: angle [rad].
        outward: angle [rad].
    """
    return (
        start[0] + length * sin(outward),
        start[1] - length * cos(forward) * cos(outward),
        start[2] + length * sin(forward) * cos(outward),
    )
