"""Ids that outlive their points: what moves keeps its id when one of its corners is lost.

The id of a lost point goes to another one that moves in the same way: beside it, or anywhere on the
same moving thing, as far as the network's map can tell. At once where there is one that has been
followed for a shorter time, whose own id then waits in its place; else when one is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tkn_ros.streaming.proposals import value_at

REMEMBERED = 25  # frames for which the id of a lost point may be taken over
BESIDE = 15.0  # pixels between a lost point and one that takes its id over ..
WITHIN = 60.0  # .. and where all between them moves
BETWEEN = np.linspace(0, 1, 9)[:, None, None]  # places on the way that are looked at
MOVING = 0.4  # of the network's map there
ALIKE = 1.0  # of its motion by which that of the other may differ ..
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

    def at(self, back: int) -> np.ndarray:
        """(2,) where it would have been `back` frames ago."""
        return self.last + self.velocity * (self.gone - back)


def distances(
    lost: LostPoint,
    back: int,
    places: np.ndarray,
    ways: np.ndarray,
    motion: np.ndarray,
    grey: np.ndarray,
) -> np.ndarray:
    """How far points are from a lost one, (N,) pixels; infinite for those that may not take its id.

    Args:
        lost: the lost point.
        back: frames ago, for which places are compared.
        places: (N, 2) theirs then.
        ways: (N, 2) their motion [pixel a frame].
        motion: (rows, columns) the network's map of the newest frame.
        grey: (h, w) its grey picture.
    """
    place = lost.at(back)
    distance = np.linalg.norm(places - place, axis=-1)
    differ = np.linalg.norm(ways - lost.velocity, axis=-1)
    alike = differ < DIFFER + ALIKE * np.linalg.norm(lost.velocity)
    now = places + back * ways
    line = lost.at(0) + BETWEEN * (now - lost.at(0))  # (9, N, 2)
    between = value_at(motion, line.reshape(-1, 2), grey).reshape(line.shape[:2])
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
    best, nearest = None, np.inf
    newest = len(path) - 1
    oldest = len(path) - known
    for point in lost:
        back = min(point.gone, newest - oldest)  # when it was lost, as far as that is known
        at = newest - back
        before = max(at - short, oldest)
        way = (path[before + short] - path[before]) / short
        distance = distances(point, back, path[at][None], way[None], motion, grey)[0]
        if distance < nearest:
            best, nearest = point, distance
    return best
