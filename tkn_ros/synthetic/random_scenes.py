"""Random scenes for training: people, streets, drives, views from above, shapes."""

from __future__ import annotations

from math import exp, log, pi, sin

import numpy as np

from tkn_ros.synthetic.motion import Camera, Path
from tkn_ros.synthetic.props import Post, Shape
from tkn_ros.synthetic.random_parts import (
    random_back,
    random_light,
    random_sensor,
    random_swings,
    random_walker,
    road_tile,
    some,
)
from tkn_ros.synthetic.scene import Actor, Scene, Strip
from tkn_ros.synthetic.textures import colour, texture
from tkn_ros.synthetic.vehicles import Vehicle


def random_scene(rng: np.random.Generator, size: int) -> Scene:
    """A scene of a random kind.

    Args:
        rng: NumPy generator.
        size: width at which the scene is painted [pixel].
    """
    make = rng.choice(5, p=(0.2, 0.24, 0.16, 0.16, 0.24))
    scene = (_plain, _street, _drive, _above, _shapes)[make](rng, size)
    scene.start = rng.uniform(0, 20) * (make != 0)
    scene.pace = exp(rng.normal(0, 0.3))
    if rng.random() < 0.03:
        scene.pace = 0.0
    return scene


def _plain(rng: np.random.Generator, size: int) -> Scene:
    """One person in grey clothes on plain ground in front of a plain wall, as in KTH."""
    far = rng.uniform(2.6, 7.5)
    fov = rng.uniform(0.45, 0.8)
    camera = Camera(
        rng.uniform(0.9, 1.7),
        rng.normal(-0.02, 0.03),
        fov,
        swings=random_swings(rng, 0.15, zoom=0.25, yaw=0.04),
        aspect=some(rng, 1.0, 1.33),
    )
    tone = colour(rng, 0.15, 70, 220)
    back, back_size = random_back(
        rng, size, some(rng, 'plain', 'plain', 'wall'), camera, far + rng.uniform(1, 9)
    )
    ground = texture(
        rng,
        128,
        some(rng, 'cloud', 'grass', 'gradient', 'asphalt'),
        tone * rng.uniform(0.6, 1.2),
        rng.uniform(0.03, 0.35),
    )
    span = 2.4 * far * np.tan(fov / 2) + 1.0
    people = [random_walker(rng, 0.0, far, span, grey_suit=rng.random() < 0.7)]
    return Scene(
        camera,
        ground,
        rng.uniform(1, 6),
        people,
        back=back,
        back_size=back_size,
        light=random_light(rng),
        sensor=random_sensor(rng, 0.6),
    )


def _street(rng: np.random.Generator, size: int) -> Scene:
    """People and vehicles in front of houses or trees; the camera may pan, zoom or shake."""
    near, fov = rng.uniform(3, 8), rng.uniform(0.6, 1.15)
    camera = Camera(
        rng.uniform(1.2, 3.5),
        rng.normal(-0.08, 0.05),
        fov,
        roll=rng.normal(0, 0.02),
        swings=random_swings(rng, 0.2, zoom=0.3, yaw=0.25, pitch=0.04, roll=0.05, x=0.8),
        shake=rng.uniform(0.002, 0.012) * (rng.random() < 0.3),
        aspect=some(rng, 1.0, 1.0, 1.33),
    )
    road = near + rng.uniform(3, 6)
    back, back_size = random_back(
        rng, size, some(rng, 'city', 'city', 'trees', 'wall'), camera, road + rng.uniform(5, 20)
    )
    actors: list[Actor] = []
    for _ in range(int(rng.integers(1, 5))):
        z = rng.uniform(near, road + 3)
        actors.append(random_walker(rng, rng.normal(0, 0.3 * z * fov), z, z * fov * 1.4 + 2))
    for _ in range(int(rng.integers(0, 3))):
        z = road + rng.uniform(-1, 2)
        way = Path(
            some(rng, 'line', 'accel'),
            0,
            z,
            some(rng, 1, -1) * pi / 2,
            rng.uniform(2, 14),
            z * fov * 1.5 + 8,
            rng.uniform(0.2, 0.8),
        )
        actors.append(Vehicle(rng, way))
    for _ in range(int(rng.integers(0, 4))):
        z = rng.uniform(2.5, road + 4)
        actors.append(Post(rng, Path('still', rng.normal(0, 0.4 * z * fov), z)))
    strips = [Strip(road_tile(rng, 64), road + 0.5, rng.uniform(4, 7), 6.0, False)]
    return Scene(
        camera,
        texture(rng, 128, some(rng, 'grass', 'pavers', 'asphalt', None)),
        rng.uniform(2, 8),
        actors,
        strips if rng.random() < 0.7 else [],
        back,
        back_size,
        random_light(rng),
        random_sensor(rng, 0.16),
    )


def _drive(rng: np.random.Generator, size: int) -> Scene:
    """A drive along a road, forwards or backwards, with other vehicles and roadside objects."""
    fov, speed = rng.uniform(0.8, 1.3), rng.uniform(2, 16) * some(rng, 1, 1, 1, -0.4)
    sway = random_swings(rng, 0.4, yaw=0.12, pitch=0.015, x=0.7, roll=0.02)
    camera = Camera(
        rng.uniform(1.1, 2.4),
        rng.normal(-0.05, 0.03),
        fov,
        velocity=(0, speed),
        swings=sway,
        shake=rng.uniform(0, 0.006) * (rng.random() < 0.4),
    )
    back, back_size = random_back(rng, size, some(rng, 'city', 'trees', 'trees'), camera, 90.0)
    width, loop = rng.uniform(6, 10), 60.0
    lane, middle = width / 4, rng.uniform(-1, 1) * width / 5
    actors: list[Actor] = []
    for _ in range(int(rng.integers(1, 4))):
        way = some(rng, 1, 1, -1)
        actors.append(
            Vehicle(
                rng,
                Path(
                    'line',
                    middle + way * lane,
                    0,
                    0 if way > 0 else pi,
                    rng.uniform(0.5, 1.3) * abs(speed),
                    1e4,
                    0.5 + rng.uniform(0, loop) / 1e4,
                ),
            )
        )
    kind = some(rng, 'pole', 'tree', None)
    for k in range(int(rng.integers(4, 12))):
        side = some(rng, -1, 1)
        actors.append(
            Post(
                rng,
                Path(
                    'still',
                    middle + side * (width / 2 + rng.uniform(0.5, 6)),
                    k * 6.0 + rng.uniform(0, 3),
                ),
                kind,
            )
        )
    if rng.random() < 0.5:
        actors.append(
            random_walker(
                rng, middle + width * 0.6, rng.uniform(3, 20), 8, some(rng, 0, pi, pi / 2)
            )
        )
    strip = Strip(road_tile(rng, 128), middle, width, rng.uniform(5, 10))
    return Scene(
        camera,
        texture(rng, 256, some(rng, 'grass', 'cloud', 'pavers', 'speckle')),
        rng.uniform(4, 12),
        actors,
        [strip],
        back,
        back_size,
        random_light(rng),
        random_sensor(rng, 0.16),
        loop=loop,
    )


def _above(rng: np.random.Generator, size: int) -> Scene:
    """A square or a road seen from a mast or from vertically above."""
    steep = some(rng, -pi / 2, rng.uniform(-1.4, -0.5))
    high, fov = rng.uniform(5, 16), rng.uniform(0.5, 0.9)
    camera = Camera(
        high,
        steep,
        fov,
        yaw=rng.uniform(-0.4, 0.4),
        roll=rng.normal(0, 0.1),
        swings=random_swings(rng, 0.15, zoom=0.2, roll=0.3, x=1.5, z=1.5, height=0.15),
        shake=rng.uniform(0, 0.008) * (rng.random() < 0.25),
    )
    mid, wide = (0.0 if steep < -1.5 else high / np.tan(-steep)), 2 * high * np.tan(fov / 2)
    wide /= sin(-steep)
    actors: list[Actor] = []
    strips: list[Strip] = []
    for _ in range(int(rng.integers(2, 8)) if rng.random() < 0.7 else 0):
        person = random_walker(
            rng,
            rng.normal(0, wide / 4),
            mid + rng.normal(0, wide / 4),
            wide * 1.2,
            rng.uniform(0, 2 * pi),
        )
        if person.path.speed and rng.random() < 0.25:
            person.path.kind, person.path.span = 'circle', rng.uniform(3, 9)
        actors.append(person)
    if rng.random() < 0.6 or not actors:
        strips = [Strip(road_tile(rng, 128), rng.normal(0, 1), 8.0, 8.0, bool(rng.random() < 0.5))]
        for lane in (-2, 2):
            for k in range(int(rng.integers(1, 3))):
                turn = (0 if strips[0].along_z else pi / 2) + (pi if lane < 0 else 0)
                at = (strips[0].across + lane, mid)
                at = at if strips[0].along_z else (0.0, mid + lane + strips[0].across)
                actors.append(
                    Vehicle(
                        rng,
                        Path(
                            some(rng, 'line', 'line', 'accel'),
                            *at,
                            turn,
                            rng.uniform(2, 12),
                            wide * 1.3 + 12,
                            k * 0.5 + rng.uniform(0.2, 0.5),
                        ),
                    )
                )
        if not strips[0].along_z:
            strips[0].across += mid
    back, back_size = None, (1.0, 1.0, 1.0)
    if steep > -1.0:
        back, back_size = random_back(rng, size, some(rng, 'city', 'trees'), camera, high * 6)
    return Scene(
        camera,
        texture(rng, 256, some(rng, 'pavers', 'asphalt', 'grass', 'checks', None)),
        rng.uniform(4, 10),
        actors,
        strips,
        back,
        back_size,
        random_light(rng),
        random_sensor(rng, 0.16),
    )


def _shapes(rng: np.random.Generator, size: int) -> Scene:
    """Textured shapes over a texture; the camera may translate, turn, zoom and shake."""
    moving, wide = rng.random() < 0.55, 4.0
    camera = Camera(
        5.0,
        -pi / 2,
        2 * np.arctan(wide / 10),
        velocity=tuple(rng.normal(0, 0.8, 2) * (moving and rng.random() < 0.4)),
        swings=random_swings(
            rng, 0.3 * moving, zoom=0.3, roll=0.6, x=1.2, z=1.2, yaw=0.3, height=0.3
        ),
        shake=rng.uniform(0.003, 0.015) * (moving and rng.random() < 0.3),
    )
    actors: list[Shape] = []
    alive = camera.swings or camera.shake or camera.velocity != (0, 0)
    for _ in range(int(rng.integers(0 if alive and rng.random() < 0.35 else 1, 6))):
        kind = some(rng, 'line', 'pace', 'circle', 'sway', 'bounce', 'bounce', 'accel', 'still')
        path = Path(
            kind,
            rng.normal(0, 0.7),
            rng.normal(0, 0.7),
            rng.uniform(0, 2 * pi),
            exp(rng.uniform(-1.2, 1.8)),
            rng.uniform(1, 5),
            rng.uniform(0.3, 0.7),
        )
        shape = Shape(rng, path, exp(rng.uniform(log(0.4), log(2.2))))
        if kind == 'still' and shape.kind != 'chain':
            path.kind = 'sway'
        actors.append(shape)
    if rng.random() < 0.3:
        path = Path('still', rng.normal(0, 1), rng.normal(0, 1))
        actors.append(Shape(rng, path, rng.uniform(0.8, 2.5)))
        actors[-1].spin = 0.0
    return Scene(
        camera,
        texture(rng, 256),
        rng.uniform(1.5, 9),
        actors,
        light=random_light(rng),
        sensor=random_sensor(rng, 0.16),
    )
