"""Ids that outlive their points: what moves keeps its id when one of its corners is lost.

The id of a lost point goes to another one that moves in the same way: beside it, or anywhere on the
same moving thing, as far as the network's map can tell. At once where there is one that has been
followed for a shorter time, whose own id then waits in its place; else when one is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tkn_ros.streaming.motion_map import MOVING, value_at

REMEMBERED = 25  # frames for which the id of a lost point may be taken over
BESIDE = 15.0  # pixels between a lost point and one that takes its id over ..
WITHIN = 60.0  # .. and where all between them moves
BETWEEN = np.linspace(0, 1, 9)[:, None, None]  # places on the way that are looked at
ALIKE = 1.0  # of its motion, by which that of the other may differ ..
DIFFER = 0.6  # .. and pixels a frame in any case


@dataclass
class LostPoint:
    """A point that optical flow lost.

    Attributes:
        id: its id.
        age: frames for which it was followed.
        last: (2,) where it was last.
        velocity: (2,) its motion then [pixel a frame].
        gone: frames since.
    """

    id: int
    age: int
    last: np.ndarray
    velocity: np.ndarray
    gone: int = 1


def distances(
    lost: Sequence[LostPoint],
    back: np.ndarray,
    places: np.ndarray,
    ways: np.ndarray,
    motion: np.ndarray,
    grey: np.ndarray,
) -> np.ndarray:
    """How far points are from lost ones, (N,) pixels; infinite for those that may not take the id.

    Args:
        lost: N lost points, or one for all.
        back: (N or 1,) frames ago, for which places are compared.
        places: (N, 2) those of the other points then.
        ways: (N, 2) their motion [pixel a frame].
        motion: (rows, columns) the network's map of the newest frame.
        grey: (h, w) its grey picture.
    """
    last = np.stack([point.last for point in lost])  # (N or 1, 2)
    velocity = np.stack([point.velocity for point in lost])
    gone = np.array([point.gone for point in lost], np.float32)[:, None]
    back = back.astype(np.float32)[:, None]
    distance = _length(places - (last + velocity * (gone - back)))
    alike = _length(ways - velocity) < DIFFER + ALIKE * _length(velocity)
    start = last + velocity * gone
    line = start + BETWEEN * (places + back * ways - start)  # (9, N, 2)
    between = value_at(motion, line, grey)
    reach = np.where((between > MOVING).all(0), WITHIN, BESIDE)
    return np.where(alike & (distance < reach), distance, np.inf)


def predecessor(
    lost: Sequence[LostPoint],
    path: np.ndarray,
    known: int,
    motion: np.ndarray,
    grey: np.ndarray,
    short: int,
) -> LostPoint | None:
    """The lost point whose id a new one takes over, or None.

    Args:
        lost: the points to choose from.
        path: (T, 2) where the new one has been.
        known: how many positions of it, the newest, are known.
        motion: (rows, columns) the network's map of the newest frame.
        grey: (h, w) its grey picture.
        short: frames over which motion is measured, fewer than `known`.
    """
    if not lost:
        return None
    newest, oldest = len(path) - 1, len(path) - known
    # when each was lost, as far as that is known
    back = np.minimum([point.gone for point in lost], newest - oldest)
    before = np.maximum(newest - back - short, oldest)
    ways = (path[before + short] - path[before]) / short
    distance = distances(lost, back, path[newest - back], ways, motion, grey)
    nearest = int(np.argmin(distance))
    return lost[nearest] if np.isfinite(distance[nearest]) else None


def _length(vectors: np.ndarray) -> np.ndarray:
    """(.., 2) -> (..,)."""
    return np.linalg.norm(vectors, axis=-1)
