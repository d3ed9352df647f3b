"""The demo's scene: a street on a bright day."""

from __future__ import annotations

from math import pi

import numpy as np

from tkn_ros.synthetic.backdrops import backdrop
from tkn_ros.synthetic.motion import Camera, Path
from tkn_ros.synthetic.painting import Light
from tkn_ros.synthetic.props import Post
from tkn_ros.synthetic.random_parts import road_tile
from tkn_ros.synthetic.scene import Actor, Scene, Strip
from tkn_ros.synthetic.sensor import Sensor
from tkn_ros.synthetic.textures import texture
from tkn_ros.synthetic.vehicles import Vehicle
from tkn_ros.synthetic.walkers import Walker


def demo_scene(rng: np.random.Generator, size: int) -> Scene:
    """A street on a bright day: lawn, pavement, road, houses; six people, a car, a van and a bus.

    Args:
        rng: NumPy generator; it varies textures and clothes.
        size: width at which the scene is painted [pixel].
    """
    camera = Camera(2.2, -0.085, 1.0, shake=0.0012)
    back = backdrop(rng, size * 5 // 4, size * 3 // 2, 'city', None, (2.2, 4.4))
    detail = max(64, size // 2)
    light = Light(1.0, 0.42, True, (0.75, -0.28), (-0.75, -0.35))
    pavers = texture(rng, detail, 'pavers', (176, 170, 160), 0.12)
    kerb = texture(rng, detail // 4, 'asphalt', (196, 194, 188), 0.1)
    road = road_tile(rng, detail, 2, 1.2, (92, 92, 96))
    strips = [
        Strip(pavers, 9.4, 2.3, 2.3, False),
        Strip(road, 14.0, 6.4, 6.4, False),
        Strip(kerb, 10.65, 0.3, 0.6, False),
        Strip(kerb, 17.3, 0.3, 0.6, False),
        Strip(pavers, 18.7, 2.6, 2.6, False),
    ]
    right, left = pi / 2, -pi / 2
    clothes = [
        ((188, 52, 44), (44, 52, 78)),
        ((46, 96, 160), (60, 58, 56)),
        ((232, 200, 70), (52, 66, 96)),
        ((70, 130, 84), (84, 76, 66)),
        ((225, 225, 220), (36, 38, 44)),
        ((120, 70, 130), (70, 74, 84)),
    ]
    rng.shuffle(clothes)
    people = (
        ('walk', Path('pace', 0.0, 4.9, right, 1.35, 8.0, 0.2)),
        ('greet', Path('still', 1.7, 7.0, pi + 0.15)),
        ('walk', Path('pace', -2.3, 8.2, 0.45, 1.15, 5.0, 0.1)),
        ('run', Path('line', 0.0, 9.7, left, 3.9, 21.0, 0.35)),
        ('walk', Path('pace', -2.0, 18.5, right, 1.4, 14.0, 0.3)),
        ('jog', Path('pace', 3.0, 18.9, left, 2.5, 24.0, 0.35)),
    )
    actors: list[Actor] = [
        Walker(rng, path, action, clothes=wear) for (action, path), wear in zip(people, clothes)
    ]
    actors += [
        Vehicle(rng, Path('line', 0, 12.6, right, 6.5, 42.0, 0.3), 'car', (176, 34, 38)),
        Vehicle(rng, Path('line', 0, 15.5, left, 7.5, 75.0, 0.12), 'bus', (222, 168, 52)),
        Vehicle(rng, Path('line', 0, 15.5, left, 7.5, 75.0, 0.72), 'van', (214, 218, 220)),
    ]
    pole = Post(rng, Path('still', -1.9, 10.35), 'pole', 6.5)
    pole.tones[0] = np.array([92, 98, 100], np.float32)
    actors.append(pole)
    trees = [
        Post(rng, Path('still', x, 20.6), 'tree', rng.uniform(5.5, 8), 220)
        for x in (-13.5, -6.0, 2.5, 9.5, 15.0)
    ]
    sensor = Sensor(1.03, 1.0, 0.01, (1.03, 1.0, 0.96), (0.015, 1.3, 0), 1.8)
    return Scene(
        camera,
        texture(rng, 2 * detail, 'grass', (92, 120, 54), 0.5),
        4.5,
        actors,
        strips,
        back,
        (30.0, 58.0, 48.0),
        light,
        sensor,
        trees,
    )
