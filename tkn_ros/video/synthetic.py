"""Synthetic camera clips: a seeded street scene for the demo and endless variety for training."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import cos, exp, log, pi, sin

import cv2
import numpy as np

from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.textures import (Light, Post, Shape, Vehicle, View, Walker, backdrop, colour,
                                    pyramid, texture)

KINDS = ('demo', 'random')


# ---------------------------------------------------------------- motions, closed forms of time
@dataclass
class Path:
    """Where a thing is at time t: so any frame can be drawn without the ones before it."""
    kind: str  # line, pace, circle, sway, bounce, accel, still
    x: float = 0.0
    z: float = 0.0
    heading: float = 0.0  # radians from +Z towards +X
    speed: float = 0.0
    span: float = 10.0  # metres travelled before it turns back or comes in again
    phase: float = 0.5  # place along the span at t = 0, in [0, 1)
    hop: float = 0.0

    def at(self, t: float) -> tuple[float, float, float, float, float]:
        """(x, y, z, heading, metres travelled) at t seconds."""
        sh, ch, run, turn = sin(self.heading), cos(self.heading), self.speed * t, self.heading
        side = 0.0
        if self.kind == 'accel':
            run = self.span * 0.4 * sin(run / self.span * 2.5)
        if self.kind in ('line', 'accel'):
            s = ((self.phase * self.span + run) % self.span) - self.span / 2
        elif self.kind == 'pace':
            lap = (2 * self.phase * self.span + run) % (2 * self.span)
            s = min(lap, 2 * self.span - lap) - self.span / 2
            turn += pi if lap > self.span else 0.0
        elif self.kind == 'sway':
            s = 0.5 * self.span * sin(run * 2 / self.span + 2 * pi * self.phase)
        elif self.kind == 'circle':
            radius = self.span / 3
            turn = self.heading + run / radius + 2 * pi * self.phase
            return (self.x - radius * cos(turn), 0.0, self.z + radius * sin(turn), turn, run)
        elif self.kind == 'bounce':
            s = _triangle(self.phase + run / self.span) * self.span / 2
            side = _triangle(0.37 + self.phase * 3 + run / self.span * 0.73) * self.span / 3
        else:
            s = 0.0
        y = self.hop * abs(sin(2.5 * t + 6 * self.phase)) if self.hop else 0.0
        return self.x + s * sh + side * ch, y, self.z + s * ch - side * sh, turn, run


def _triangle(u: float) -> float:
    return 4 * abs(u % 1 - 0.5) - 1


# ---------------------------------------------------------------- camera, scene, sensor
@dataclass
class Camera:
    """A camera on a closed-form journey; lengths in metres, angles in radians."""
    height: float
    pitch: float
    field_of_view: float  # horizontal
    yaw: float = 0.0
    roll: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)  # metres per second in X and Z
    swings: dict = field(default_factory=dict)  # name: (amplitude, radians per second, phase)
    shake: float = 0.0  # fraction of the picture's width
    aspect: float = 1.0  # fy / fx

    @property
    def planted(self) -> bool:
        """True where only shaking moves the picture: its background can be drawn once."""
        return not self.swings and self.velocity == (0.0, 0.0)

    def at(self, t: float, height: int, width: int) -> View:
        """The view at t seconds onto a picture of height x width pixels."""
        def swing(name):
            amount, rate, phase = self.swings.get(name, (0.0, 0.0, 0.0))
            return amount * sin(rate * t + phase)

        fx = width / 2 / np.tan(self.field_of_view / 2) * exp(swing('zoom'))
        jitter = [self.shake * width * sum(sin(r * t + p) for r, p in ((9.1, k), (17.3, 2 * k + 1),
                                                                       (31.7, 5 * k))) / 2
                  for k in (1.0, 2.7)]
        where = np.array([self.velocity[0] * t + swing('x'), self.height * exp(swing('height')),
                          self.velocity[1] * t + swing('z')])
        return View(where, self.yaw + swing('yaw'), self.pitch + swing('pitch'),
                    self.roll + swing('roll'), fx, fx * self.aspect,
                    width / 2 + jitter[0], height / 2 + jitter[1])


@dataclass
class Strip:
    """A band of ground along Z or X that repeats every `period` metres: a road, a pavement."""
    tile: np.ndarray  # uint8, rows along the band, columns across
    across: float  # centre, metres
    width: float
    period: float
    along_z: bool = True


@dataclass
class Sensor:
    """What turns light into pixel values: exposure, colour, noise, blur, compression."""
    gain: float = 1.0
    gamma: float = 1.0
    lift: float = 0.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # amplitude, radians per second, phase
    noise: float = 0.0  # standard deviation, grey levels
    blur: float = 0.0  # pixels
    jpeg: int = 0  # quality, 0 for none
    grey: bool = False

    def expose(self, image, t, grain, rng):
        """The sensor's picture of `image` (RGB uint8) at time t; rng is this frame's own."""
        if self.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if self.blur > 0.2:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        level = self.gain * (1 + self.drift[0] * sin(self.drift[1] * t + self.drift[2]))
        x = np.linspace(0, 1, 256)[:, None] ** self.gamma
        curve = self.lift + x * level * np.array((1.0,) * 3 if self.grey else self.balance)
        image = cv2.LUT(image, np.clip(curve * 255 + 0.5, 0, 255).astype(np.uint8)[None])
        if self.noise > 0:
            h, w = image.shape[:2]
            y, x = (int(rng.integers(n)) for n in (grain.shape[0] - h, grain.shape[1] - w))
            image = cv2.add(image, grain[y:y + h, x:x + w], dtype=cv2.CV_8U)
        if self.jpeg:
            _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return image


@dataclass
class Scene:
    """Ground, strips, backdrop and figures before a camera."""
    camera: Camera
    ground: np.ndarray
    ground_size: float  # metres that one ground tile covers
    actors: list = field(default_factory=list)
    strips: list[Strip] = field(default_factory=list)
    back: np.ndarray | None = None
    back_size: tuple[float, float, float] = (40.0, 200.0, 60.0)  # distance, width, height
    light: Light = field(default_factory=Light)
    sensor: Sensor = field(default_factory=Sensor)
    fixtures: list = field(default_factory=list)  # what stands behind every figure
    loop: float = 0.0  # metres: figures left behind come in again this far ahead
    start: float = 0.0  # seconds
    pace: float = 1.0

    def __post_init__(self):
        self.levels = pyramid(self.ground)
        self.strip_levels = [pyramid(np.tile(s.tile, (max(1, int(160 / s.period)), 1, 1)))
                             for s in self.strips]

    def paint_ground(self, frame, view):
        """Ground, strips and backdrop: everything behind the figures."""
        step = self.ground_size / self.ground.shape[0]
        _ground(frame, view, self.levels, step, step, np.zeros(3), (1, 0, 0), (0, 0, -1),
                cv2.BORDER_WRAP)
        for strip, levels in zip(self.strips, self.strip_levels):
            rows = strip.period / strip.tile.shape[0]
            cols = strip.width / strip.tile.shape[1]
            near = view.position[2 if strip.along_z else 0]
            # The band reaches 20 m behind and 140 m ahead of the camera, in whole periods.
            end = (np.floor(near / strip.period) * strip.period
                   + (140 if strip.along_z else 80) // strip.period * strip.period)
            side = strip.across - strip.width / 2
            if strip.along_z:
                _ground(frame, view, levels, cols, rows, np.array([side, 0, end]), (1, 0, 0),
                        (0, 0, -1), cv2.BORDER_TRANSPARENT)
            else:
                _ground(frame, view, levels, cols, rows, np.array([end, 0, side]), (0, 0, 1),
                        (-1, 0, 0), cv2.BORDER_TRANSPARENT)
        if self.back is not None:
            distance, width, tall = self.back_size
            h, w = self.back.shape[:2]
            x, z = view.position[0], view.position[2]
            if not self.loop:
                x = z = 0.0
            matrix = view.plane((x - width / 2, tall, z + distance), (width / w, 0, 0),
                                (0, -tall / h, 0))
            cv2.warpPerspective(self.back, matrix, frame.shape[1::-1], frame, cv2.INTER_LINEAR,
                                cv2.BORDER_TRANSPARENT)
        for pass_ in ('shadow', 'draw'):
            for post in self.fixtures:
                getattr(post, pass_)(frame, view, 0.0, post.path.at(0.0), self.light)

    def plate(self, height, width, margin) -> np.ndarray:
        """The background of a planted camera with `margin` pixels more on each side."""
        view = self.camera.at(0.0, height, width)
        big = View(view.position, view.yaw, view.pitch, view.roll, 2 * view.fx, 2 * view.fy,
                   width + 2 * margin, height + 2 * margin)
        frame = np.zeros((2 * height + 4 * margin, 2 * width + 4 * margin, 3), np.uint8)
        self.paint_ground(frame, big)
        return cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def paint_figures(self, frame, view, t):
        """Shadows first, then the figures from far to near."""
        placed = []
        for actor in self.actors:
            x, y, z, turn, run = actor.path.at(t)
            if self.loop:
                back = view.position[2] + NEAREST
                z = back + (z - back) % self.loop
            placed.append((actor, (x, y, z, turn, run)))
        ahead = view.rotation[2]
        placed.sort(key=lambda a: -float(np.dot(ahead, a[1][:3])))
        for actor, where in placed:
            actor.shadow(frame, view, t, where, self.light)
        for actor, where in placed:
            actor.draw(frame, view, t, where, self.light)

NEAREST = 1.0  # metres ahead of a driving camera where figures go out of sight


def _ground(frame, view, levels, step_u, step_v, origin, along_u, along_v, border):
    """Warp a ground texture row band by row band, each from the level its distance calls for."""
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
            s = 2.0 ** k
            grow = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
            lower = np.array([[1, 0, 0], [0, 1, -float(y0)], [0, 0, 1]])
            cv2.warpPerspective(levels[k], lower @ matrix @ grow, (w, int(y1 - y0)),
                                frame[y0:y1], cv2.INTER_LINEAR, border)


# ---------------------------------------------------------------- scenes drawn by chance
def _some(rng, *choices):
    return choices[int(rng.integers(len(choices)))]


def _swings(rng, chance, **limits):
    """Each named swing with the given chance: amplitude up to its limit, periods of 1 to 12 s."""
    return {name: (limit * rng.uniform(0.2, 1), 2 * pi / exp(rng.uniform(0, log(12))),
                   rng.uniform(0, 2 * pi))
            for name, limit in limits.items() if rng.random() < chance}


def _light(rng):
    return Light(rng.uniform(0.6, 1.15), rng.uniform(0.1, 0.55), bool(rng.random() < 0.6),
                 (rng.normal(0, 0.7), rng.normal(0, 0.6)), (_some(rng, -.7, .7), -.4))


def _sensor(rng, grey_chance):
    grey = bool(rng.random() < grey_chance)
    drift = rng.uniform(0.02, 0.3) if rng.random() < 0.25 else 0.0
    return Sensor(exp(rng.normal(0, 0.22)), exp(rng.normal(0, 0.25)),
                  max(0.0, rng.normal(0, 0.06)), tuple(np.exp(rng.normal(0, 0.08, 3))),
                  (drift, 2 * pi / rng.uniform(0.7, 8), rng.uniform(0, 6)),
                  rng.uniform(0.3, 6) if rng.random() < 0.7 else 0.0,
                  rng.uniform(0.2, 0.9) if rng.random() < 0.3 else 0.0,
                  int(rng.integers(45, 95)) if rng.random() < 0.3 else 0, grey)


def _gait(rng):
    return _some(rng, ('walk', rng.uniform(0.7, 1.8)), ('walk', rng.uniform(1.0, 1.6)),
                 ('jog', rng.uniform(2, 3)), ('run', rng.uniform(3, 6)),
                 (_some(rng, 'wave', 'clap', 'box', 'greet'), 0.0))


def _walker(rng, x, z, span, heading=None, **kind):
    action, speed = _gait(rng)
    path = Path(_some(rng, 'line', 'pace') if speed else 'still', x, z,
                _some(rng, pi / 2, -pi / 2, pi / 2, -pi / 2, rng.uniform(0, 2 * pi))
                if heading is None else heading, speed, span, rng.uniform(0.2, 0.8))
    if not speed:
        path.heading, path.x = _some(rng, pi, pi, pi + rng.normal(0, 1)), x + rng.normal(0, .2)
    return Walker(rng, path, action, **kind)


def _back(rng, size, style, camera, distance):
    """A backdrop wide enough for the camera's swings, about one texel for a drawn pixel."""
    half = np.tan(camera.field_of_view / 2) * distance
    wide, tall = 6 * half, 4.5 * half + camera.height
    return (backdrop(rng, int(tall / half * size / 2), int(wide / half * size / 2), style),
            (distance, wide, tall))


def _plain(rng, size):
    """One grey-clad person on a bare ground before a bare wall, as in KTH."""
    far = rng.uniform(2.6, 7.5)
    fov = rng.uniform(0.45, 0.8)
    camera = Camera(rng.uniform(0.9, 1.7), rng.normal(-0.02, 0.03), fov,
                    swings=_swings(rng, 0.15, zoom=0.25, yaw=0.04), aspect=_some(rng, 1.0, 1.33))
    tone = colour(rng, 0.15, 70, 220)
    back, room = _back(rng, size, _some(rng, 'plain', 'plain', 'wall'), camera,
                       far + rng.uniform(1, 9))
    ground = texture(rng, 128, _some(rng, 'cloud', 'grass', 'gradient', 'asphalt'),
                     tone * rng.uniform(0.6, 1.2), rng.uniform(0.03, 0.35))
    span = 2.4 * far * np.tan(fov / 2) + 1.0
    people = [_walker(rng, 0.0, far, span, grey_suit=rng.random() < 0.7)]
    return Scene(camera, ground, rng.uniform(1, 6), people, back=back, back_size=room,
                 light=_light(rng), sensor=_sensor(rng, 0.6))


def _street(rng, size):
    """People and vehicles before houses or trees; the camera stands, pans, zooms or shakes."""
    near, fov = rng.uniform(3, 8), rng.uniform(0.6, 1.15)
    camera = Camera(rng.uniform(1.2, 3.5), rng.normal(-0.08, 0.05), fov, roll=rng.normal(0, 0.02),
                    swings=_swings(rng, 0.2, zoom=0.3, yaw=0.25, pitch=0.04, roll=0.05, x=0.8),
                    shake=rng.uniform(0.002, 0.012) * (rng.random() < 0.3),
                    aspect=_some(rng, 1.0, 1.0, 1.33))
    road = near + rng.uniform(3, 6)
    back, room = _back(rng, size, _some(rng, 'city', 'city', 'trees', 'wall'), camera,
                       road + rng.uniform(5, 20))
    actors = []
    for _ in range(int(rng.integers(1, 5))):
        z = rng.uniform(near, road + 3)
        actors.append(_walker(rng, rng.normal(0, 0.3 * z * fov), z, z * fov * 1.4 + 2))
    for _ in range(int(rng.integers(0, 3))):
        z = road + rng.uniform(-1, 2)
        way = Path(_some(rng, 'line', 'accel'), 0, z, _some(rng, 1, -1) * pi / 2,
                   rng.uniform(2, 14), z * fov * 1.5 + 8, rng.uniform(0.2, 0.8))
        actors.append(Vehicle(rng, way))
    for _ in range(int(rng.integers(0, 4))):
        z = rng.uniform(2.5, road + 4)
        actors.append(Post(rng, Path('still', rng.normal(0, 0.4 * z * fov), z)))
    strips = [Strip(_road(rng, 64), road + 0.5, rng.uniform(4, 7), 6.0, False)]
    return Scene(camera, texture(rng, 128, _some(rng, 'grass', 'pavers', 'asphalt', None)),
                 rng.uniform(2, 8), actors, strips if rng.random() < 0.7 else [], back, room,
                 _light(rng), _sensor(rng, 0.16))


def _road(rng, size, lanes=None, mark=1.0, base=None):
    """One period of a road: rows run along it, the marks down its middle and sides."""
    base = colour(rng, 0.08, 60, 130) if base is None else base
    tile = texture(rng, size, 'asphalt', base, rng.uniform(0.1, 0.5))
    paint_ = np.float32(_some(rng, (225, 225, 220), (225, 225, 220), (220, 190, 70)))
    lanes, n = lanes or int(rng.integers(2, 4)), max(1, int(mark * size / 48))
    for k in range(lanes + 1):
        c = int(np.clip(k * size / lanes, 2 * n, size - 3 * n))
        rows = slice(0, size if k in (0, lanes) else size * 2 // 5)
        tile[rows, c:c + n] = 0.25 * tile[rows, c:c + n] + 0.75 * paint_
    return tile


def _drive(rng, size):
    """Forward (or backward) along a road with others on it and things passing by."""
    fov, speed = rng.uniform(0.8, 1.3), rng.uniform(2, 16) * _some(rng, 1, 1, 1, -0.4)
    sway = _swings(rng, 0.4, yaw=0.12, pitch=0.015, x=0.7, roll=0.02)
    camera = Camera(rng.uniform(1.1, 2.4), rng.normal(-0.05, 0.03), fov, velocity=(0, speed),
                    swings=sway, shake=rng.uniform(0, 0.006) * (rng.random() < 0.4))
    back, room = _back(rng, size, _some(rng, 'city', 'trees', 'trees'), camera, 90.0)
    width, loop = rng.uniform(6, 10), 60.0
    lane, middle = width / 4, rng.uniform(-1, 1) * width / 5
    actors = []
    for _ in range(int(rng.integers(1, 4))):
        way = _some(rng, 1, 1, -1)
        actors.append(Vehicle(rng, Path('line', middle + way * lane, 0, 0 if way > 0 else pi,
                                        rng.uniform(0.5, 1.3) * abs(speed), 1e4,
                                        0.5 + rng.uniform(0, loop) / 1e4)))
    kind = _some(rng, 'pole', 'tree', None)
    for k in range(int(rng.integers(4, 12))):
        side = _some(rng, -1, 1)
        actors.append(Post(rng, Path('still', middle + side * (width / 2 + rng.uniform(.5, 6)),
                                     k * 6.0 + rng.uniform(0, 3)), kind))
    if rng.random() < 0.5:
        actors.append(_walker(rng, middle + width * .6, rng.uniform(3, 20), 8,
                              _some(rng, 0, pi, pi / 2)))
    strip = Strip(_road(rng, 128), middle, width, rng.uniform(5, 10))
    return Scene(camera, texture(rng, 256, _some(rng, 'grass', 'cloud', 'pavers', 'speckle')),
                 rng.uniform(4, 12), actors, [strip], back, room, _light(rng),
                 _sensor(rng, 0.16), loop=loop)


def _above(rng, size):
    """A plaza or a road seen from a mast or from straight above."""
    steep = _some(rng, -pi / 2, rng.uniform(-1.4, -0.5))
    high, fov = rng.uniform(5, 16), rng.uniform(0.5, 0.9)
    camera = Camera(high, steep, fov, yaw=rng.uniform(-.4, .4), roll=rng.normal(0, 0.1),
                    swings=_swings(rng, 0.15, zoom=0.2, roll=0.3, x=1.5, z=1.5, height=0.15),
                    shake=rng.uniform(0, 0.008) * (rng.random() < 0.25))
    mid, wide = (0.0 if steep < -1.5 else high / np.tan(-steep)), 2 * high * np.tan(fov / 2)
    wide /= sin(-steep)
    actors, strips = [], []
    for _ in range(int(rng.integers(2, 8)) if rng.random() < 0.7 else 0):
        person = _walker(rng, rng.normal(0, wide / 4), mid + rng.normal(0, wide / 4), wide * 1.2,
                         rng.uniform(0, 2 * pi))
        if person.path.speed and rng.random() < 0.25:
            person.path.kind, person.path.span = 'circle', rng.uniform(3, 9)
        actors.append(person)
    if rng.random() < 0.6 or not actors:
        strips = [Strip(_road(rng, 128), rng.normal(0, 1), 8.0, 8.0, bool(rng.random() < 0.5))]
        for lane in (-2, 2):
            for k in range(int(rng.integers(1, 3))):
                turn = (0 if strips[0].along_z else pi / 2) + (pi if lane < 0 else 0)
                at = (strips[0].across + lane, mid)
                at = at if strips[0].along_z else (0.0, mid + lane + strips[0].across)
                actors.append(Vehicle(rng, Path(_some(rng, 'line', 'line', 'accel'), *at, turn,
                                                rng.uniform(2, 12), wide * 1.3 + 12,
                                                k * .5 + rng.uniform(.2, .5))))
        if not strips[0].along_z:
            strips[0].across += mid
    back, room = None, (1.0, 1.0, 1.0)
    if steep > -1.0:
        back, room = _back(rng, size, _some(rng, 'city', 'trees'), camera, high * 6)
    ground = texture(rng, 256, _some(rng, 'pavers', 'asphalt', 'grass', 'checks', None))
    return Scene(camera, ground, rng.uniform(4, 10), actors, strips, back, room, _light(rng),
                 _sensor(rng, 0.16))


def _shapes(rng, size):
    """Textured bodies over a texture; the camera may drift, turn, zoom and shake."""
    moving = rng.random() < 0.55
    wide = 4.0
    camera = Camera(5.0, -pi / 2, 2 * np.arctan(wide / 10),
                    velocity=tuple(rng.normal(0, 0.8, 2) * (moving and rng.random() < .4)),
                    swings=_swings(rng, 0.3 * moving, zoom=0.3, roll=0.6, x=1.2, z=1.2, yaw=0.3,
                                   height=0.3),
                    shake=rng.uniform(0.003, 0.015) * (moving and rng.random() < 0.3))
    actors = []
    alive = camera.swings or camera.shake or camera.velocity != (0, 0)
    for k in range(int(rng.integers(0 if alive and rng.random() < 0.35 else 1, 6))):
        kind = _some(rng, 'line', 'pace', 'circle', 'sway', 'bounce', 'bounce', 'accel', 'still')
        path = Path(kind, rng.normal(0, 0.7), rng.normal(0, 0.7), rng.uniform(0, 2 * pi),
                    exp(rng.uniform(-1.2, 1.8)), rng.uniform(1, 5), rng.uniform(0.3, 0.7))
        shape = Shape(rng, path, exp(rng.uniform(log(0.4), log(2.2))))
        if kind == 'still' and shape.kind != 'chain':
            path.kind = 'sway'
        actors.append(shape)
    if rng.random() < 0.3:
        cover = Path('still', rng.normal(0, 1), rng.normal(0, 1))
        actors.append(Shape(rng, cover, rng.uniform(0.8, 2.5)))
        actors[-1].spin = 0.0
    return Scene(camera, texture(rng, 256), rng.uniform(1.5, 9), actors, light=_light(rng),
                 sensor=_sensor(rng, 0.16))


def _random_scene(rng, size) -> Scene:
    make = rng.choice(5, p=(0.2, 0.24, 0.16, 0.16, 0.24))
    scene = (_plain, _street, _drive, _above, _shapes)[make](rng, size)
    scene.start = rng.uniform(0, 20) * (make != 0)
    scene.pace = exp(rng.normal(0, 0.3))
    if rng.random() < 0.03:
        scene.pace = 0.0
    return scene


# ---------------------------------------------------------------- the demo
def _demo_scene(rng, size) -> Scene:
    """A street on a bright day: lawn, pavement, road and houses; six people, a car and a bus."""
    camera = Camera(2.2, -0.085, 1.0, shake=0.0012)
    back = backdrop(rng, size * 5 // 4, size * 3 // 2, 'city', None, (2.2, 4.4))
    detail = max(64, size // 2)
    light = Light(1.0, 0.42, True, (0.75, -0.28), (-0.75, -0.35))
    pavers = texture(rng, detail, 'pavers', (176, 170, 160), 0.12)
    kerb = texture(rng, detail // 4, 'asphalt', (196, 194, 188), 0.1)
    road = _road(rng, detail, 2, 1.2, (92, 92, 96))
    strips = [Strip(pavers, 9.4, 2.3, 2.3, False), Strip(road, 14.0, 6.4, 6.4, False),
              Strip(kerb, 10.65, 0.3, 0.6, False), Strip(kerb, 17.3, 0.3, 0.6, False),
              Strip(pavers, 18.7, 2.6, 2.6, False)]
    right, left = pi / 2, -pi / 2
    clothes = [((188, 52, 44), (44, 52, 78)), ((46, 96, 160), (60, 58, 56)),
               ((232, 200, 70), (52, 66, 96)), ((70, 130, 84), (84, 76, 66)),
               ((225, 225, 220), (36, 38, 44)), ((120, 70, 130), (70, 74, 84))]
    rng.shuffle(clothes)
    people = (('walk', Path('pace', 0.0, 4.9, right, 1.35, 8.0, 0.2)),
              ('greet', Path('still', 1.7, 7.0, pi + 0.15)),
              ('walk', Path('pace', -2.3, 8.2, 0.45, 1.15, 5.0, 0.1)),
              ('run', Path('line', 0.0, 9.7, left, 3.9, 21.0, 0.35)),
              ('walk', Path('pace', -2.0, 18.5, right, 1.4, 14.0, 0.3)),
              ('jog', Path('pace', 3.0, 18.9, left, 2.5, 24.0, 0.35)))
    actors = [Walker(rng, path, action, clothes=wear)
              for (action, path), wear in zip(people, clothes)]
    actors += [Vehicle(rng, Path('line', 0, 12.6, right, 6.5, 42.0, 0.3), 'car', (176, 34, 38)),
               Vehicle(rng, Path('line', 0, 15.5, left, 7.5, 75.0, 0.12), 'bus', (222, 168, 52)),
               Vehicle(rng, Path('line', 0, 15.5, left, 7.5, 75.0, 0.72), 'van', (214, 218, 220)),
               Post(rng, Path('still', -1.9, 10.35), 'pole', 6.5)]
    actors[-1].tones[0] = np.float32([92, 98, 100])
    trees = [Post(rng, Path('still', x, 20.6), 'tree', rng.uniform(5.5, 8), 220)
             for x in (-13.5, -6.0, 2.5, 9.5, 15.0)]
    sensor = Sensor(1.03, 1.0, 0.01, (1.03, 1.0, 0.96), (0.015, 1.3, 0), 1.8)
    return Scene(camera, texture(rng, 2 * detail, 'grass', (92, 120, 54), 0.5), 4.5, actors, strips,
                 back, (30.0, 58.0, 48.0), light, sensor, trees)


# ---------------------------------------------------------------- clips
def render_clip(seed: int, n_frames: int = 300, height: int = 240, width: int = 320,
                fps: float = 30.0, kind: str = 'demo') -> Iterator[np.ndarray]:
    """Yield `n_frames` RGB uint8 pictures (height, width, 3); frame i depends on (seed, i) alone.

    kind: 'demo' (a street with walkers and a vehicle) or 'random' (any scene, drawn by the seed).
    Raises VideoError (a ValueError) for an unknown kind, a size below 16 pixels or a
    rate that is not positive.
    """
    draw = _clip(seed, height, width, fps, kind)
    return (draw(i) for i in range(n_frames))


def _clip(seed, height, width, fps, kind):
    """The function from a frame's number to its picture."""
    if kind not in KINDS:
        raise VideoError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    if height < 16 or width < 16:
        raise VideoError(f'size is {height}x{width}; expected at least 16x16 pixels')
    if not fps > 0:
        raise VideoError(f'fps is {fps}; expected a positive number of frames per second')
    rng = np.random.default_rng([int(seed), KINDS.index(kind)])
    scene = _random_scene(rng, 2 * width) if kind == 'random' else _demo_scene(rng, 2 * width)
    grain = rng.normal(0, max(scene.sensor.noise, 1e-3), (height + 61, width + 67, 3))
    if scene.sensor.grey:
        grain[:] = grain[..., :1]
    grain = np.rint(grain).astype(np.int16)
    h, w = 2 * height, 2 * width
    big = np.zeros((h, w, 3), np.uint8)
    margin = int(3 * scene.camera.shake * w) + 2
    plate = scene.plate(h, w, margin) if scene.camera.planted else None

    def draw(i: int) -> np.ndarray:
        t = scene.start + scene.pace * i / fps
        view = scene.camera.at(t, h, w)
        if plate is None:
            big[:] = 0
            scene.paint_ground(big, view)
        elif scene.camera.shake:
            dx, dy = view.cx - width - margin, view.cy - height - margin
            shift = np.float64([[1, 0, dx], [0, 1, dy]])
            cv2.warpAffine(plate, shift, (w, h), big)
        else:
            big[:] = plate[margin:margin + h, margin:margin + w]
        scene.paint_figures(big, view, t)
        small = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
        return scene.sensor.expose(small, t, grain, np.random.default_rng([int(seed), i, 7]))

    return draw


class SyntheticSource:
    """A rendered clip as a video source: iterating yields `Frame`s stamped from zero."""

    def __init__(self, seed: int = 0, n_frames: int = 300, height: int = 240, width: int = 320,
                 fps: float = 30.0, kind: str = 'demo', frame_id: str = ''):
        self.fps, self.height, self.width = float(fps), int(height), int(width)
        self.frame_id, self._count = frame_id, int(n_frames)
        self._draw = _clip(seed, self.height, self.width, self.fps, kind)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start to stop (exclusive; None for the end), at any place without a detour."""
        stop = self._count if stop is None else min(stop, self._count)
        for i in range(max(0, start), stop):
            yield Frame(round(i * 1e9 / self.fps), self._draw(i), self.frame_id)

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> SyntheticSource:
        return self

    def __exit__(self, *_) -> None:
        self.close()
