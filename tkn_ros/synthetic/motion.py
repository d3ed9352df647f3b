"""Motions of figures and of the camera as closed forms of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, exp, pi, sin

import numpy as np

from tkn_ros.synthetic.painting import Placement, View


@dataclass
class Path:
    """Position over time in closed form, so that any frame can be drawn without those before it.

    Attributes:
        kind: 'line', 'pace' (back and forth), 'circle', 'sway', 'bounce', 'accel' or 'still'.
        x: of the path's centre [m].
        z: of the path's centre [m].
        heading: from +Z towards +X [rad].
        speed: along the path [m/s].
        span: distance after which the object turns back or re-enters at the other end [m].
        phase: position along the span at t = 0, in [0, 1).
        hop: height of its hops [m].
    """

    kind: str
    x: float = 0.0
    z: float = 0.0
    heading: float = 0.0
    speed: float = 0.0
    span: float = 10.0
    phase: float = 0.5
    hop: float = 0.0

    def at(self, t: float) -> Placement:
        """(x, y, z, heading, distance travelled) at time t [s], in metres and radians."""
        sh, ch, run, turn = sin(self.heading), cos(self.heading), self.speed * t, self.heading
        side = 0.0
        if self.kind == 'accel':
            run = self._eased(run)
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

    def laps(self, t: float) -> int:
        """How often the object has re-entered at the other end of its span until time t [s]."""
        if self.kind not in ('line', 'accel'):
            return 0
        run = self.speed * t
        run = self._eased(run) if self.kind == 'accel' else run
        return int((self.phase * self.span + run) // self.span)

    def _eased(self, run: float) -> float:
        return self.span * 0.4 * sin(run / self.span * 2.5)


def _triangle(u: float) -> float:
    return 4 * abs(u % 1 - 0.5) - 1


@dataclass
class Camera:
    """A camera whose motion is a closed form of time.

    Attributes:
        height: above the ground [m].
        pitch: upwards [rad].
        field_of_view: horizontal [rad].
        yaw: from +Z towards +X [rad].
        roll: about the optical axis [rad].
        velocity: in X and Z [m/s].
        swings: oscillations by name (zoom, x, height, z, yaw, pitch, roll): amplitude, angular
            frequency [rad/s], phase [rad].
        shake: amplitude as a fraction of the picture's width.
        aspect: fy / fx.
    """

    height: float
    pitch: float
    field_of_view: float
    yaw: float = 0.0
    roll: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    swings: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    shake: float = 0.0
    aspect: float = 1.0

    @property
    def fixed(self) -> bool:
        """Whether nothing but shaking moves the picture: its background can then be drawn once."""
        return not self.swings and self.velocity == (0.0, 0.0)

    def at(self, t: float, height: int, width: int) -> View:
        """The view at a time.

        Args:
            t: [s].
            height: of the picture [pixel].
            width: of the picture [pixel].
        """

        def swing(name: str) -> float:
            amount, rate, phase = self.swings.get(name, (0.0, 0.0, 0.0))
            return amount * sin(rate * t + phase)

        fx = width / 2 / np.tan(self.field_of_view / 2) * exp(swing('zoom'))
        jitter = [
            self.shake
            * width
            * sum(sin(r * t + p) for r, p in ((9.1, k), (17.3, 2 * k + 1), (31.7, 5 * k)))
            / 2
            for k in (1.0, 2.7)
        ]
        where = np.array(
            [
                self.velocity[0] * t + swing('x'),
                self.height * exp(swing('height')),
                self.velocity[1] * t + swing('z'),
            ]
        )
        return View(
            where,
            self.yaw + swing('yaw'),
            self.pitch + swing('pitch'),
            self.roll + swing('roll'),
            fx,
            fx * self.aspect,
            width / 2 + jitter[0],
            height / 2 + jitter[1],
        )
