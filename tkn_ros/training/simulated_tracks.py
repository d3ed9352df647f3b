"""Simulated tracks: how points move together, drawn by a seed.

Motion in the world is mostly steady, and recordings are few; simulated tracks teach that steady
motion continues, at any speed, and what braking, turning, swinging and walking look like. Positions
are in pixels of a picture that is CLIP_WIDTH wide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tkn_ros.training.settings import CLIP_HEIGHT, CLIP_WIDTH

SPEEDS = (0.1, 14.0)  # pixels a frame
MOST_TOGETHER = 8  # points that move as one
SIZE = 12.0  # pixels: spread of such points
CAMERA = 0.3  # share of the scenes whose camera moves
APPROACH = 0.15  # share in which it drives into the scene
LIMBS = 0.25  # share of the objects whose parts swing as those of a walker do
NOISE = (0.01, 0.35)  # pixels that a tracker errs

# frames from now (T,), speed [pixel a frame], direction (2,) and randomness -> positions (T, 2)
Motion = Callable[[np.ndarray, float, np.ndarray, np.random.Generator], np.ndarray]


def simulated_scene(rng: np.random.Generator, points: int, past: int, future: int) -> np.ndarray:
    """(past + future, points, 2) float32 [pixel]; the newest observed moment is number past - 1.

    Args:
        rng: the source of randomness.
        points: how many; some move together, at most MOST_TOGETHER.
        past: moments up to now.
        future: moments after it.
    """
    t = np.arange(1 - past, future + 1, dtype=float)
    scene = np.empty((len(t), points, 2))
    first = 0
    while first < points:
        count = min(int(rng.integers(1, MOST_TOGETHER + 1)), points - first)
        scene[:, first : first + count] = _object(t, past, count, rng)
        first += count
    if rng.random() < APPROACH:
        scene = _approached(scene, t, rng)
    if rng.random() < CAMERA:
        scene += _camera(t, rng)[:, None]
    noise = _log_uniform(rng, *NOISE)
    scene += rng.normal(0, noise, scene.shape)
    scene += np.cumsum(rng.normal(0, 0.2 * noise, scene.shape), 0)  # tracked points drift
    return scene.astype(np.float32)


def _object(t: np.ndarray, past: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points (T, count, 2) of one object that moves, and may grow and turn."""
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    motion = MOTIONS[int(rng.choice(len(MOTIONS), p=FREQUENCIES))]
    speed = _log_uniform(rng, *SPEEDS)
    path = motion(t, speed, direction, rng)  # (T, 2)
    path = path - path[past - 1]
    parts = rng.normal(0, SIZE, (count, 2))
    turned = np.broadcast_to(parts, (len(t), count, 2))
    if rng.random() < 0.3:
        turn = rng.normal(0, 0.01) * t  # (T,)
        cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
        x, y = parts.T
        turned = np.stack([x * cos - y * sin, x * sin + y * cos], -1)
    growth = 1 + rng.normal(0, 0.004) * t
    body = path[:, None] + turned * growth[:, None, None]
    if rng.random() < 0.5:  # nearer parts move more
        body = body * rng.uniform(0.97, 1.03, (1, count, 1))
    if rng.random() < LIMBS:
        body = body + _limbs(t, count, speed, direction, rng)
    return body + rng.uniform([0, 0], [CLIP_WIDTH, CLIP_HEIGHT])


def _limbs(
    t: np.ndarray, count: int, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(T, count, 2): parts that swing along the way, left ones against right ones, and bob twice as
    often. A foot on the ground stands still: its swing is as fast as the body."""
    rate = 2 * np.pi / _log_uniform(rng, 5, 40)
    reach = min(speed / rate, 40.0) * rng.uniform(0, 1.1, count) * rng.choice([-1, 1], count)
    phase = rate * t + rng.uniform(0, 2 * np.pi)  # (T,)
    along = np.outer(np.sin(phase), reach)[..., None] * direction
    bob = np.outer(np.cos(2 * phase + rng.normal(0, 0.5)), np.abs(reach)) * rng.uniform(0, 0.3)
    return along + np.stack([np.zeros_like(bob), bob], -1)


def _camera(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 2): a pan that drifts."""
    drift = rng.normal(0, rng.uniform(0, 0.06), (len(t), 2)).cumsum(0).cumsum(0)
    return drift + np.outer(t, rng.normal(0, rng.choice([0, 0.3, 1.5]), 2))


def _approached(scene: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scene as it grows about a vanishing point, which is reached in so many frames."""
    centre = rng.uniform([60, 40], [CLIP_WIDTH - 60, CLIP_HEIGHT - 40])
    frames = max(_log_uniform(rng, 15, 400), t[-1] * 1.15)
    return centre + (scene - centre) / np.maximum(1 - t / frames, 0.04)[:, None, None]


def _steady(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    return np.outer(t, direction * speed)


def _accelerating(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Accelerating, or braking to a stop."""
    return np.outer(np.maximum(speed + rng.normal(0, 0.04) * speed * t, 0).cumsum(), direction)


def _stopping(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Stopping, or in three of ten cases starting."""
    when, frames = rng.uniform(-12, 10), rng.uniform(1, 8)
    sign = 1 if rng.random() < 0.7 else -1
    share = 1 / (1 + np.exp(np.clip((t - when) / frames * 4 * sign, -50, 50)))
    return np.outer((speed * share).cumsum(), direction)


def _turning(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    angle = np.arctan2(direction[1], direction[0]) + rng.normal(0, 0.08) * t
    return (np.stack([np.cos(angle), np.sin(angle)], 1) * speed).cumsum(0)


def _swinging(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Limbs: oscillation, also along an ellipse or an eight, also with a constant velocity."""
    rate = 2 * np.pi / _log_uniform(rng, 6, 60)
    reach = min(speed / rate, 60.0)
    path = np.outer(reach * np.sin(rate * t + rng.uniform(0, 2 * np.pi)), direction)
    if rng.random() < 0.4:
        path = path + np.outer(t, rng.normal(0, 0.4, 2))
    if rng.random() < 0.4:
        across = reach * rng.uniform(0.1, 0.8)
        phase = rate * t * rng.choice([1, 2]) + rng.uniform(0, 2 * np.pi)
        path = path + np.outer(across * np.sin(phase), direction[::-1] * [1, -1])
    return path


def _walking(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Steady, with periodic bobbing."""
    phase = 2 * np.pi / rng.uniform(5, 25) * t + rng.uniform(0, 2 * np.pi)
    bob = rng.normal(0, 0.35, 2) * speed
    return np.outer(t, direction * speed) + np.outer(np.sin(phase), bob)


def _wandering(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    change = rng.normal(0, 0.1 * speed, (len(t), 2)).cumsum(0)
    return (direction * speed + change).cumsum(0)


def _aimless(
    t: np.ndarray, speed: float, direction: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    return rng.normal(0, 0.3 * min(speed, 3.0), (len(t), 2)).cumsum(0)


MOTIONS: tuple[Motion, ...] = (
    _steady,
    _accelerating,
    _stopping,
    _turning,
    _swinging,
    _walking,
    _wandering,
    _aimless,
)
FREQUENCIES = (0.34, 0.12, 0.08, 0.1, 0.16, 0.08, 0.06, 0.06)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
