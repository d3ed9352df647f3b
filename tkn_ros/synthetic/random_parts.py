"""Random parts of scenes: light, sensor, walkers, backdrop, road."""

from __future__ import annotations

from math import exp, log, pi
from typing import Any

import numpy as np

from tkn_ros.synthetic.backdrops import backdrop
from tkn_ros.synthetic.motion import Camera, Path
from tkn_ros.synthetic.painting import Light
from tkn_ros.synthetic.sensor import Sensor
from tkn_ros.synthetic.textures import Colour, colour, texture
from tkn_ros.synthetic.walkers import Walker


def some(rng: np.random.Generator, *choices: Any) -> Any:
    """One of the choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def random_swings(
    rng: np.random.Generator, chance: float, **limits: Any
) -> dict[str, tuple[float, float, float]]:
    """Oscillations of a camera, see `Camera.swings`; periods of 1 to 12 s.

    Args:
        rng: NumPy generator.
        chance: probability of each.
        limits: largest amplitude of each, by name.
    """
    return {
        name: (
            limit * rng.uniform(0.2, 1),
            2 * pi / exp(rng.uniform(0, log(12))),
            rng.uniform(0, 2 * pi),
        )
        for name, limit in limits.items()
        if rng.random() < chance
    }


def random_light(rng: np.random.Generator) -> Light:
    """A `Light` of random strength and direction."""
    return Light(
        rng.uniform(0.6, 1.15),
        rng.uniform(0.1, 0.55),
        bool(rng.random() < 0.6),
        (rng.normal(0, 0.7), rng.normal(0, 0.6)),
        (some(rng, -0.7, 0.7), -0.4),
    )


def random_sensor(rng: np.random.Generator, grey_chance: float) -> Sensor:
    """A `Sensor` of random settings; grey_chance: probability of grey pictures."""
    grey = bool(rng.random() < grey_chance)
    drift = rng.uniform(0.02, 0.3) if rng.random() < 0.25 else 0.0
    return Sensor(
        exp(rng.normal(0, 0.22)),
        exp(rng.normal(0, 0.25)),
        max(0.0, rng.normal(0, 0.06)),
        tuple(np.exp(rng.normal(0, 0.08, 3))),
        (drift, 2 * pi / rng.uniform(0.7, 8), rng.uniform(0, 6)),
        rng.uniform(0.3, 6) if rng.random() < 0.7 else 0.0,
        rng.uniform(0.2, 0.9) if rng.random() < 0.3 else 0.0,
        int(rng.integers(45, 95)) if rng.random() < 0.3 else 0,
        grey,
    )


def random_gait(rng: np.random.Generator) -> tuple[str, float]:
    """An action of `Walker` and its speed [m/s]."""
    return some(
        rng,
        ('walk', rng.uniform(0.7, 1.8)),
        ('walk', rng.uniform(1.0, 1.6)),
        ('jog', rng.uniform(2, 3)),
        ('run', rng.uniform(3, 6)),
        (some(rng, 'wave', 'clap', 'box', 'greet'), 0.0),
    )


def random_walker(
    rng: np.random.Generator,
    x: float,
    z: float,
    span: float,
    heading: float | None = None,
    **kind: Any,
) -> Walker:
    """A `Walker` with random action.

    Args:
        rng: NumPy generator.
        x: centre of the path [m].
        z: centre of the path [m].
        span: of the path [m].
        heading: [rad]; None: random, mostly across the view.
        kind: further arguments of `Walker`.
    """
    action, speed = random_gait(rng)
    path = Path(
        some(rng, 'line', 'pace') if speed else 'still',
        x,
        z,
        some(rng, pi / 2, -pi / 2, pi / 2, -pi / 2, rng.uniform(0, 2 * pi))
        if heading is None
        else heading,
        speed,
        span,
        rng.uniform(0.2, 0.8),
    )
    if not speed:
        path.heading, path.x = some(rng, pi, pi, pi + rng.normal(0, 1)), x + rng.normal(0, 0.2)
    return Walker(rng, path, action, **kind)


def random_back(
    rng: np.random.Generator, size: int, style: str, camera: Camera, distance: float
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """A backdrop wide enough for the camera's swings, with about one texel for each painted pixel.

    Args:
        rng: NumPy generator.
        size: width of the painted picture [pixel].
        style: of `backdrop`.
        camera: that sees it.
        distance: from the camera [m].

    Returns:
        Its picture and its (distance, width, height) [m].
    """
    half = np.tan(camera.field_of_view / 2) * distance
    wide, tall = 6 * half, 4.5 * half + camera.height
    return (
        backdrop(rng, int(tall / half * size / 2), int(wide / half * size / 2), style),
        (distance, wide, tall),
    )


def road_tile(
    rng: np.random.Generator,
    size: int,
    lanes: int | None = None,
    mark: float = 1.0,
    base: Colour | None = None,
) -> np.ndarray:
    """One period of a road with lane marks, (size, size, 3) uint8; rows run along the road.

    Args:
        rng: NumPy generator.
        size: [pixel].
        lanes: how many; None: two or three.
        mark: relative width of the marks.
        base: colour (3,) of the road; None: drawn at random.
    """
    base = colour(rng, 0.08, 60, 130) if base is None else base
    tile = texture(rng, size, 'asphalt', base, rng.uniform(0.1, 0.5))
    paint_ = np.array(some(rng, (225, 225, 220), (225, 225, 220), (220, 190, 70)), np.float32)
    lanes, n = lanes or int(rng.integers(2, 4)), max(1, int(mark * size / 48))
    for k in range(lanes + 1):
        c = int(np.clip(k * size / lanes, 2 * n, size - 3 * n))
        rows = slice(0, size if k in (0, lanes) else size * 2 // 5)
        tile[rows, c : c + n] = 0.25 * tile[rows, c : c + n] + 0.75 * paint_
    return tile
