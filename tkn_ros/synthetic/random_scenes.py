"""Scenes drawn by chance, for training: people, streets, drives, views from above, shapes."""

from __future__ import annotations

from math import exp, log, pi, sin

import numpy as np

from tkn_ros.synthetic.motion import Camera, Path
from tkn_ros.synthetic.painting import Light
from tkn_ros.synthetic.props import Post, Shape
from tkn_ros.synthetic.scene import Scene, Strip
from tkn_ros.synthetic.sensor import Sensor
from tkn_ros.synthetic.textures import backdrop, colour, texture
from tkn_ros.synthetic.vehicles import Vehicle
from tkn_ros.synthetic.walkers import Walker


def random_scene(rng, size: int) -> Scene:
    """Any scene, for pictures about `size` pixels wide; rng is a numpy Generator."""
    make = rng.choice(5, p=(0.2, 0.24, 0.16, 0.16, 0.24))
    scene = (_plain, _street, _drive, _above, _shapes)[make](rng, size)
    scene.start = rng.uniform(0, 20) * (make != 0)
    scene.pace = exp(rng.normal(0, 0.3))
    if rng.random() < 0.03:
        scene.pace = 0.0
    return scene


def _some(rng, *choices):
    return choices[int(rng.integers(len(choices)))]


def _swings(rng, chance, **limits):
    """Each named swing with the given chance: amplitude up to its limit, periods of 1 to 12 s."""
    return {
        name: (
            limit * rng.uniform(0.2, 1),
            2 * pi / exp(rng.uniform(0, log(12))),
            rng.uniform(0, 2 * pi),
        )
        for name, limit in limits.items()
        if rng.random() < chance
    }


def _light(rng):
    return Light(
        rng.uniform(0.6, 1.15),
        rng.uniform(0.1, 0.55),
        bool(rng.random() < 0.6),
        (rng.normal(0, 0.7), rng.normal(0, 0.6)),
        (_some(rng, -0.7, 0.7), -0.4),
    )


def _sensor(rng, grey_chance):
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


def _gait(rng):
    return _some(
        rng,
        ('walk', rng.uniform(0.7, 1.8)),
        ('walk', rng.uniform(1.0, 1.6)),
        ('jog', rng.uniform(2, 3)),
        ('run', rng.uniform(3, 6)),
        (_some(rng, 'wave', 'clap', 'box', 'greet'), 0.0),
    )


def _walker(rng, x, z, span, heading=None, **kind):
    action, speed = _gait(rng)
    path = Path(
        _some(rng, 'line', 'pace') if speed else 'still',
        x,
        z,
        _some(rng, pi / 2, -pi / 2, pi / 2, -pi / 2, rng.uniform(0, 2 * pi))
        if heading is None
        else heading,
        speed,
        span,
        rng.uniform(0.2, 0.8),
    )
    if not speed:
        path.heading, path.x = _some(rng, pi, pi, pi + rng.normal(0, 1)), x + rng.normal(0, 0.2)
    return Walker(rng, path, action, **kind)


def _back(rng, size, style, camera, distance):
    """A backdrop wide enough for the camera's swings, about one texel for a drawn pixel."""
    half = np.tan(camera.field_of_view / 2) * distance
    wide, tall = 6 * half, 4.5 * half + camera.height
    return (
        backdrop(rng, int(tall / half * size / 2), int(wide / half * size / 2), style),
        (distance, wide, tall),
    )


def _plain(rng, size):
    """One grey-clad person on a bare ground before a bare wall, as in KTH."""
    far = rng.uniform(2.6, 7.5)
    fov = rng.uniform(0.45, 0.8)
    camera = Camera(
        rng.uniform(0.9, 1.7),
        rng.normal(-0.02, 0.03),
        fov,
        swings=_swings(rng, 0.15, zoom=0.25, yaw=0.04),
        aspect=_some(rng, 1.0, 1.33),
    )
    tone = colour(rng, 0.15, 70, 220)
    back, room = _back(
        rng, size, _some(rng, 'plain', 'plain', 'wall'), camera, far + rng.uniform(1, 9)
    )
    ground = texture(
        rng,
        128,
        _some(rng, 'cloud', 'grass', 'gradient', 'asphalt'),
        tone * rng.uniform(0.6, 1.2),
        rng.uniform(0.03, 0.35),
    )
    span = 2.4 * far * np.tan(fov / 2) + 1.0
    people = [_walker(rng, 0.0, far, span, grey_suit=rng.random() < 0.7)]
    return Scene(
        camera,
        ground,
        rng.uniform(1, 6),
        people,
        back=back,
        back_size=room,
        light=_light(rng),
        sensor=_sensor(rng, 0.6),
    )


def _street(rng, size):
    """People and vehicles before houses or trees; the camera stands, pans, zooms or shakes."""
    near, fov = rng.uniform(3, 8), rng.uniform(0.6, 1.15)
    camera = Camera(
        rng.uniform(1.2, 3.5),
        rng.normal(-0.08, 0.05),
        fov,
        roll=rng.normal(0, 0.02),
        swings=_swings(rng, 0.2, zoom=0.3, yaw=0.25, pitch=0.04, roll=0.05, x=0.8),
        shake=rng.uniform(0.002, 0.012) * (rng.random() < 0.3),
        aspect=_some(rng, 1.0, 1.0, 1.33),
    )
    road = near + rng.uniform(3, 6)
    back, room = _back(
        rng, size, _some(rng, 'city', 'city', 'trees', 'wall'), camera, road + rng.uniform(5, 20)
    )
    actors = []
    for _ in range(int(rng.integers(1, 5))):
        z = rng.uniform(near, road + 3)
        actors.append(_walker(rng, rng.normal(0, 0.3 * z * fov), z, z * fov * 1.4 + 2))
    for _ in range(int(rng.integers(0, 3))):
        z = road + rng.uniform(-1, 2)
        way = Path(
            _some(rng, 'line', 'accel'),
            0,
            z,
            _some(rng, 1, -1) * pi / 2,
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
        texture(rng, 128, _some(rng, 'grass', 'pavers', 'asphalt', None)),
        rng.uniform(2, 8),
        actors,
        strips if rng.random() < 0.7 else [],
        back,
        room,
        _light(rng),
        _sensor(rng, 0.16),
    )


def road_tile(rng, size, lanes=None, mark=1.0, base=None):
    """One period of a road: rows run along it, the marks down its middle and sides."""
    base = colour(rng, 0.08, 60, 130) if base is None else base
    tile = texture(rng, size, 'asphalt', base, rng.uniform(0.1, 0.5))
    paint_ = np.float32(_some(rng, (225, 225, 220), (225, 225, 220), (220, 190, 70)))
    lanes, n = lanes or int(rng.integers(2, 4)), max(1, int(mark * size / 48))
    for k in range(lanes + 1):
        c = int(np.clip(k * size / lanes, 2 * n, size - 3 * n))
        rows = slice(0, size if k in (0, lanes) else size * 2 // 5)
        tile[rows, c : c + n] = 0.25 * tile[rows, c : c + n] + 0.75 * paint_
    return tile


def _drive(rng, size):
    """Forward (or backward) along a road with others on it and things passing by."""
    fov, speed = rng.uniform(0.8, 1.3), rng.uniform(2, 16) * _some(rng, 1, 1, 1, -0.4)
    sway = _swings(rng, 0.4, yaw=0.12, pitch=0.015, x=0.7, roll=0.02)
    camera = Camera(
        rng.uniform(1.1, 2.4),
        rng.normal(-0.05, 0.03),
        fov,
        velocity=(0, speed),
        swings=sway,
        shake=rng.uniform(0, 0.006) * (rng.random() < 0.4),
    )
    back, room = _back(rng, size, _some(rng, 'city', 'trees', 'trees'), camera, 90.0)
    width, loop = rng.uniform(6, 10), 60.0
    lane, middle = width / 4, rng.uniform(-1, 1) * width / 5
    actors = []
    for _ in range(int(rng.integers(1, 4))):
        way = _some(rng, 1, 1, -1)
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
    kind = _some(rng, 'pole', 'tree', None)
    for k in range(int(rng.integers(4, 12))):
        side = _some(rng, -1, 1)
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
            _walker(rng, middle + width * 0.6, rng.uniform(3, 20), 8, _some(rng, 0, pi, pi / 2))
        )
    strip = Strip(road_tile(rng, 128), middle, width, rng.uniform(5, 10))
    return Scene(
        camera,
        texture(rng, 256, _some(rng, 'grass', 'cloud', 'pavers', 'speckle')),
        rng.uniform(4, 12),
        actors,
        [strip],
        back,
        room,
        _light(rng),
        _sensor(rng, 0.16),
        loop=loop,
    )


def _above(rng, size):
    """A plaza or a road seen from a mast or from straight above."""
    steep = _some(rng, -pi / 2, rng.uniform(-1.4, -0.5))
    high, fov = rng.uniform(5, 16), rng.uniform(0.5, 0.9)
    camera = Camera(
        high,
        steep,
        fov,
        yaw=rng.uniform(-0.4, 0.4),
        roll=rng.normal(0, 0.1),
        swings=_swings(rng, 0.15, zoom=0.2, roll=0.3, x=1.5, z=1.5, height=0.15),
        shake=rng.uniform(0, 0.008) * (rng.random() < 0.25),
    )
    mid, wide = (0.0 if steep < -1.5 else high / np.tan(-steep)), 2 * high * np.tan(fov / 2)
    wide /= sin(-steep)
    actors, strips = [], []
    for _ in range(int(rng.integers(2, 8)) if rng.random() < 0.7 else 0):
        person = _walker(
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
                            _some(rng, 'line', 'line', 'accel'),
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
    back, room = None, (1.0, 1.0, 1.0)
    if steep > -1.0:
        back, room = _back(rng, size, _some(rng, 'city', 'trees'), camera, high * 6)
    ground = texture(rng, 256, _some(rng, 'pavers', 'asphalt', 'grass', 'checks', None))
    return Scene(
        camera,
        ground,
        rng.uniform(4, 10),
        actors,
        strips,
        back,
        room,
        _light(rng),
        _sensor(rng, 0.16),
    )


def _shapes(rng, size):
    """Textured bodies over a texture; the camera may drift, turn, zoom and shake."""
    moving = rng.random() < 0.55
    wide = 4.0
    camera = Camera(
        5.0,
        -pi / 2,
        2 * np.arctan(wide / 10),
        velocity=tuple(rng.normal(0, 0.8, 2) * (moving and rng.random() < 0.4)),
        swings=_swings(rng, 0.3 * moving, zoom=0.3, roll=0.6, x=1.2, z=1.2, yaw=0.3, height=0.3),
        shake=rng.uniform(0.003, 0.015) * (moving and rng.random() < 0.3),
    )
    actors = []
    alive = camera.swings or camera.shake or camera.velocity != (0, 0)
    for _ in range(int(rng.integers(0 if alive and rng.random() < 0.35 else 1, 6))):
        kind = _some(rng, 'line', 'pace', 'circle', 'sway', 'bounce', 'bounce', 'accel', 'still')
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
        cover = Path('still', rng.normal(0, 1), rng.normal(0, 1))
        actors.append(Shape(rng, cover, rng.uniform(0.8, 2.5)))
        actors[-1].spin = 0.0
    return Scene(
        camera,
        texture(rng, 256),
        rng.uniform(1.5, 9),
        actors,
        light=_light(rng),
        sensor=_sensor(rng, 0.16),
    )
