"""Keypoints that are followed: proposed where the network sees motion, kept by optical flow.

Each of K slots keeps one point through the frames (pyramidal Lucas-Kanade, forth and back). A lost
point frees its slot. Free slots go to what moves and has no point yet: at least one for every
moving region before a second for any. A new point is traced back through the stored pictures, so
that its window is that of the same point; where that fails, earlier moments are not known.

Positions are in pixels of the grey picture, which is GREY_WIDTH wide.
"""

from collections import deque
from typing import Any

import cv2
import numpy as np

GREY_WIDTH = 320  # pixels: the picture in which points are followed
GREY_HEIGHTS = (16, 1280)  # pixels, whatever the camera's proportions
FLOW: dict[str, Any] = {'winSize': (15, 15), 'maxLevel': 3, 'criteria': (3, 20, 0.03)}
DISAGREEMENT = 1.0  # pixels between a point and itself, forth and back, at which it is lost
SHORT = 3  # frames over which motion is measured
MOVED = 1.8  # pixels in SHORT frames, from which on a point counts as moving
MOVING = 0.4  # of the network's map, from which on a place does
STILL_MOVING = 0.1  # of the map near a point, below which it does not count as moving
HOLD = 1  # frames at rest after which a point is no longer active ..
REST = 10  # .. and after which its slot is free
LEAST_KNOWN = 4  # frames that a point must be known in to be active
GAP = 5  # pixels between proposals
TOO_CLOSE = 3.0  # pixels between two points that have become one
CORNER = 5e-4  # least eigenvalue that a second point of a region must have
SHARE = 0.7  # of its region's best score that a second point of it must have
FAR = 12.0  # pixels from all other points, from which on any peak is worth a point
CROWDED = 0.6  # share of the slots in use, from which on no place gets a second point nearby
TRIES = 3  # for a region that has no point
PROPOSALS = 12  # traced back in one frame
EVERY = 2  # frames between proposals of further points for regions that have one


class Follower:
    """K slots and where their points have been.

    Attributes:
        tracks: (history, K, 2) float32, oldest first; where not known, the nearest known position.
        known: (history, K) bool.
        ids: (K,) int64, all different; the same for as long as a point is followed.
        intensity: (K,) float32 in [0, 1], what the network's map says at the point.
    """

    def __init__(self, slots: int, history: int, pictures: int = 0) -> None:
        """For one camera.

        Args:
            slots: K, points at most.
            history: frames of which positions are kept.
            pictures: frames through which a new point is traced back; 0 for all of `history`.
        """
        self.slots, self.history = slots, history
        self.traced = min(pictures or history, history)
        self.clear()

    def clear(self) -> None:
        """Forget all points and pictures; ids go on."""
        k, self.next_id = self.slots, getattr(self, 'next_id', 1)
        self.tracks = np.zeros((self.history, k, 2), np.float32)
        self.known = np.zeros((self.history, k), bool)
        self.ids = self.next_id + np.arange(k, dtype=np.int64)  # of free slots too: never the same
        self.next_id += k
        self.age = np.zeros(k, np.int64)  # frames since it was first seen
        self.rest = np.full(k, REST + 1)  # frames since it moved
        self.alive = np.zeros(k, bool)
        self.intensity = np.zeros(k, np.float32)
        self.pictures: deque[np.ndarray] = deque(maxlen=self.traced)
        self.frames = 0

    @property
    def active(self) -> np.ndarray:
        """(K,) bool: which slots hold a point that moves, or did so a moment ago."""
        enough = self.known.sum(0) >= min(LEAST_KNOWN, self.traced)
        return self.alive & (self.rest <= HOLD) & enough

    def push(self, grey: np.ndarray, motion: np.ndarray) -> None:
        """One frame more.

        Args:
            grey: (h, GREY_WIDTH) uint8, see `to_grey`; of one size until `clear`.
            motion: (rows, columns) float32 in [0, 1]: the network's map of the same frame.
        """
        self.tracks[:-1], self.known[:-1] = self.tracks[1:], self.known[1:]
        self.known[-1] = False
        slots = np.flatnonzero(self.alive)
        if len(slots) and self.pictures:
            found, ok = follow_points(self.pictures[-1], grey, self.tracks[-2, slots])
            self.tracks[-1, slots[ok]] = found[ok]
            self.known[-1, slots] = ok
            self.alive[slots[~ok]] = False
        self.pictures.append(grey)
        self.age += 1
        self.frames += 1
        self._judge(grey, motion)
        if len(self.pictures) >= min(LEAST_KNOWN, self.traced):
            self._propose(grey, motion)

    def _judge(self, grey: np.ndarray, motion: np.ndarray) -> None:
        """Which points move, which have come to rest, and which have become one."""
        back = min(SHORT, len(self.pictures) - 1, self.history - 1)
        moved = np.linalg.norm(self.tracks[-1] - self.tracks[-1 - back], axis=-1)
        moves = self.alive & self.known[-1 - back] & (moved >= MOVED)
        near = cv2.dilate(motion, np.ones((3, 3), np.uint8))
        self.intensity = np.where(self.alive, _at(near, self.tracks[-1], grey), 0)
        moves &= self.intensity > STILL_MOVING
        self.rest = np.where(moves, 0, self.rest + 1)
        self.alive &= self.rest <= REST
        slots = np.flatnonzero(self.alive)
        if len(slots) > 1:
            slots = slots[np.argsort(-self.age[slots], kind='stable')]  # the oldest stay
            points = self.tracks[-1, slots]
            close = np.abs(points[:, None] - points[None]).max(-1) < TOO_CLOSE
            self.alive[slots[np.tril(close, -1).any(1)]] = False

    def _propose(self, grey: np.ndarray, motion: np.ndarray) -> None:
        """Put points on what moves and has none."""
        hot = (motion > MOVING).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(hot)
        if count < 2:
            return
        slots = np.flatnonzero(self.alive & (self.rest <= HOLD))
        around = cv2.dilate(labels.astype(np.float32), np.ones((3, 3), np.uint8))
        held = np.bincount(_at(around, self.tracks[-1, slots], grey).astype(int), minlength=count)
        if held[1:].all() and self.frames % EVERY:
            return
        place, score, region, strong = _peaks(grey, motion, labels, self.tracks[-1, slots])
        if not len(place):
            return
        order = self._choose(place, score, region, strong, held, slots)
        if not len(order):
            return
        paths, known = self._trace_back(place[order])
        back = min(SHORT, len(paths) - 1)
        moved = np.linalg.norm(paths[-1] - paths[-1 - back], axis=-1)
        enough = min(LEAST_KNOWN, self.traced)
        for i in np.flatnonzero((known.sum(0) >= enough) & (moved >= MOVED)):
            here = region[order[i]]
            apart = _nearest(paths[-1, i][None], self.tracks[-1, self.active])[0]
            slot = self._slot_for(apart if held[here] else np.inf)
            if slot is None or apart < GAP:
                continue
            held[here] += 1
            self._place(slot, paths[:, i], known[:, i])
            self.intensity[slot] = _at(motion, paths[-1, i][None], grey)[0]

    def _choose(
        self,
        place: np.ndarray,
        score: np.ndarray,
        region: np.ndarray,
        strong: np.ndarray,
        held: np.ndarray,
        slots: np.ndarray,
    ) -> np.ndarray:
        """Which of the peaks to try, at most PROPOSALS: empty regions first, then empty places.

        Args:
            place: (N, 2) positions.
            score: (N,) of `_peaks`.
            region: (N,) each one's region.
            strong: (N,) bool, good corners.
            held: (regions,) points that each has.
            slots: of the points that move.
        """
        best = np.zeros(len(held))
        np.maximum.at(best, region, score)
        order = np.argsort(-score, kind='stable')
        rank = np.empty(len(order), int)
        rank[order] = _rank(region[order])
        empty = (held[region] == 0) & (rank < TRIES)  # more than one try for an empty region
        apart = _nearest(place, self.tracks[-1, slots])
        fit = empty | (apart > FAR)
        if self.alive.sum() < CROWDED * self.slots:  # company only where there is room
            fit |= strong & (score > SHARE * best[region])
        tier = np.where(empty, rank, TRIES + 3 - np.digitize(apart, (FAR / 2, FAR, 2 * FAR)))
        order = np.lexsort((-score, tier))
        return order[fit[order]][:PROPOSALS]

    def _trace_back(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 2) in the newest picture -> (p, N, 2) in all p pictures, oldest first, and known."""
        paths, known = [points], [np.ones(len(points), bool)]
        for newer in range(len(self.pictures) - 1, 0, -1):
            found, ok = paths[-1], np.zeros(len(points), bool)
            if known[-1].any():
                found, ok = follow_points(self.pictures[newer], self.pictures[newer - 1], paths[-1])
            ok = ok & known[-1]
            paths.append(np.where(ok[:, None], found, paths[-1]))
            known.append(ok)
        return np.stack(paths[::-1]), np.stack(known[::-1])

    def _slot_for(self, apart: float) -> int | None:
        """A free slot; or one of a point at rest; or, for a new point that is `apart` from all
        others [pixel], of one that is much nearer to its neighbour."""
        free = np.flatnonzero(~self.alive)
        if len(free):
            return int(free[0])
        resting = np.flatnonzero(self.rest > HOLD)
        if len(resting):
            return int(resting[np.argmax(self.rest[resting])])
        if self.slots < 2:
            return None
        points = self.tracks[-1]
        distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
        np.fill_diagonal(distance, np.inf)
        near = distance.min(1)
        return int(np.argmin(near)) if near.min() < apart / 2 else None

    def _place(self, slot: int, path: np.ndarray, known: np.ndarray) -> None:
        self.tracks[:, slot], self.known[:, slot] = path[0], False
        self.tracks[-len(path) :, slot], self.known[-len(path) :, slot] = path, known
        self.alive[slot], self.rest[slot] = True, 0
        self.age[slot] = known.sum()
        self.ids[slot] = self.next_id
        self.next_id += 1


def to_grey(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> the (h, GREY_WIDTH) uint8 picture in which points are followed."""
    height = round(image.shape[0] * GREY_WIDTH / image.shape[1])
    height = int(np.clip(height, *GREY_HEIGHTS))
    small = cv2.resize(image, (GREY_WIDTH, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def follow_points(
    a: np.ndarray, b: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of picture a in b, and whether the way back leads to them."""
    start = np.ascontiguousarray(points, np.float32).reshape(-1, 1, 2)
    # the stubs ask for an array in place of None
    there, forth, _ = cv2.calcOpticalFlowPyrLK(a, b, start, None, **FLOW)  # type: ignore[call-overload]
    again, back, _ = cv2.calcOpticalFlowPyrLK(b, a, there, None, **FLOW)  # type: ignore[call-overload]
    ok = (forth[:, 0] == 1) & (back[:, 0] == 1)
    ok &= np.linalg.norm(again - start, axis=-1)[:, 0] < DISAGREEMENT
    there = there[:, 0]
    edge = np.array([b.shape[1] - 1, b.shape[0] - 1])
    return there, ok & (there >= 0).all(1) & (there <= edge).all(1)


def _at(values: np.ndarray, points: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """What a map (rows, columns) says at points (N, 2) of the grey picture."""
    scale = np.array(values.shape[::-1]) / np.array(grey.shape[::-1])
    cells = ((points + 0.5) * scale).astype(int)
    x, y = np.clip(cells, 0, np.array(values.shape[::-1]) - 1).T
    return values[y, x]


def _peaks(
    grey: np.ndarray, motion: np.ndarray, labels: np.ndarray, taken: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places that move, lie well inside of what does, and can be followed.

    Returns (N, 2) float32 positions, (N,) scores, the regions' labels and which are good corners.
    """
    size = grey.shape[::-1]
    sure = cv2.resize(motion, size, interpolation=cv2.INTER_LINEAR)
    region = cv2.resize(labels.astype(np.int16), size, interpolation=cv2.INTER_NEAREST)
    corner = cv2.cornerMinEigenVal(grey, 3, ksize=3)
    inside = cv2.GaussianBlur(sure, (0, 0), 4)
    inside = inside / np.maximum(cv2.dilate(inside, np.ones((17, 17), np.uint8)), 1e-3)
    score = np.sqrt(np.sqrt(np.maximum(corner, 0))) * (inside * sure) ** 2 * (region > 0)
    free = np.ones(grey.shape, np.uint8)
    for x, y in np.rint(taken).astype(int).tolist():
        cv2.circle(free, (x, y), GAP, 0, -1)
    score *= free
    score[:3] = score[-3:] = 0
    score[:, :3] = score[:, -3:] = 0
    highest = cv2.dilate(score, np.ones((2 * (GAP // 2) + 1,) * 2, np.uint8))
    y, x = np.nonzero((score >= highest) & (score > 1e-6))
    place = np.stack([x, y], 1).astype(np.float32)
    return place, score[y, x], region[y, x], corner[y, x] > CORNER


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, 2) and (M, 2) -> (N,): how far each is from the nearest of the others."""
    if not len(others):
        return np.full(len(points), np.inf)
    return np.linalg.norm(points[:, None] - others[None], axis=-1).min(1)


def _rank(groups: np.ndarray) -> np.ndarray:
    """How many equal values stand before each: [5, 7, 5] -> [0, 0, 1]."""
    order = np.argsort(groups, kind='stable')
    ordered = groups[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(len(groups)), 0))
    rank = np.empty(len(groups), int)
    rank[order] = np.arange(len(groups)) - start
    return rank
