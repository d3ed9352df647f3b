"""Points from one picture to the next: pyramidal Lucas-Kanade, forth and back.

Positions are in pixels of the grey picture, which is GREY_WIDTH wide.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

GREY_WIDTH = 320  # pixels: the picture in which points are followed
GREY_HEIGHTS = (16, 1280)  # pixels, whatever the camera's proportions
FLOW: dict[str, Any] = {'winSize': (15, 15), 'maxLevel': 3, 'criteria': (3, 20, 0.03)}
REFINE: dict[str, Any] = {**FLOW, 'winSize': (9, 9), 'maxLevel': 0}
MATCH = cv2.TM_CCOEFF_NORMED
PATCH = 11  # pixels, odd: what is sought of a lost point ..
REACH = 8  # .. so far from where it should be ..
LIKENESS = 0.8  # .. and at least so much alike
REFINED = 2.0  # pixels that Lucas-Kanade may correct
DISAGREEMENT = 1.0  # pixels between a point and itself, forth and back, at which it is lost


def to_small(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (h, GREY_WIDTH, 3): small enough for everything made from it."""
    height = round(image.shape[0] * GREY_WIDTH / image.shape[1])
    height = int(np.clip(height, *GREY_HEIGHTS))
    return cv2.resize(image, (GREY_WIDTH, height), interpolation=cv2.INTER_AREA)


def to_grey(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> the (h, GREY_WIDTH) uint8 picture in which points are followed."""
    return cv2.cvtColor(to_small(image), cv2.COLOR_RGB2GRAY)


def follow_points(
    a: np.ndarray,
    b: np.ndarray,
    points: np.ndarray,
    guesses: np.ndarray | None = None,
    flow: dict[str, Any] = FLOW,
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of picture a in b, and whether the way back leads to them.

    Args:
        a: (h, w) uint8.
        b: (h, w) uint8.
        points: (N, 2).
        guesses: (N, 2) where to begin in b; None: where they were in a.
        flow: options of Lucas-Kanade.
    """
    start = np.ascontiguousarray(points, np.float32).reshape(-1, 1, 2)
    begin = start if guesses is None else np.ascontiguousarray(guesses, np.float32)[:, None]
    flags = 0 if guesses is None else cv2.OPTFLOW_USE_INITIAL_FLOW
    there, forth, _ = cv2.calcOpticalFlowPyrLK(a, b, start, begin.copy(), flags=flags, **flow)
    again, back, _ = cv2.calcOpticalFlowPyrLK(b, a, there, start.copy(), flags=flags, **flow)
    ok = (forth[:, 0] == 1) & (back[:, 0] == 1)
    ok &= np.linalg.norm(again - start, axis=-1)[:, 0] < DISAGREEMENT
    there = there[:, 0]
    edge = np.array([b.shape[1] - 1, b.shape[0] - 1])
    return there, ok & (there >= 0).all(1) & (there <= edge).all(1)


def find_again(
    a: np.ndarray, b: np.ndarray, points: np.ndarray, guesses: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of picture a that `follow_points` lost, near where they should be in b.

    The patch about each is sought in b by normalised correlation, no further than REACH from the
    guess; the best place is refined by Lucas-Kanade on the pictures of full size, forth and back.

    Args:
        a: (h, w) uint8.
        b: (h, w) uint8.
        points: (N, 2).
        guesses: (N, 2).

    Returns:
        positions (N, 2) float32 in b, and (N,) bool which were found.
    """
    ok = np.zeros(len(points), bool)
    there = np.array(guesses, np.float32)
    size = np.array(b.shape[::-1])
    half = PATCH // 2
    for k, (point, guess) in enumerate(zip(points, guesses)):
        low = np.maximum(np.rint(guess).astype(int) - REACH - half, 0)
        high = np.minimum(np.rint(guess).astype(int) + REACH + half + 1, size)
        if (high - low < PATCH).any():
            continue
        patch = cv2.getRectSubPix(a, (PATCH, PATCH), point.astype(float).tolist())
        likeness = cv2.matchTemplate(b[low[1] : high[1], low[0] : high[0]], patch, MATCH)
        _, best, _, place = cv2.minMaxLoc(likeness)
        ok[k] = best >= LIKENESS
        there[k] = low + place + half
    if not ok.any():
        return there, ok
    found, sure = follow_points(a, b, points[ok], there[ok], REFINE)
    sure &= np.linalg.norm(found - there[ok], axis=-1) < REFINED
    there[ok] = found
    ok[ok] = sure
    return there, ok


def trace_back(
    pictures: Sequence[np.ndarray], paths: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paths that end in the newest picture, made longer until they reach the oldest.

    Args:
        pictures: p of them, oldest first.
        paths: (q, N, 2) where the points are in the last q pictures, q >= 1.
        known: (q, N) bool.

    Returns:
        paths (p, N, 2) and known (p, N); where a point is lost, its last position.
    """
    positions, seen = list(paths), list(known)
    for older in range(len(pictures) - len(paths) - 1, -1, -1):
        found, ok = positions[0], np.zeros(len(positions[0]), bool)
        if seen[0].any():
            found, ok = follow_points(pictures[older + 1], pictures[older], positions[0])
        ok = ok & seen[0]
        positions.insert(0, np.where(ok[:, None], found, positions[0]))
        seen.insert(0, ok)
    return np.stack(positions), np.stack(seen)
