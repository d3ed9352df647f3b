"""Keypoints that are followed: proposed where the network sees motion, kept by optical flow.

Each of K slots keeps one point through the frames (`point_flow.py`). Free slots go to what moves
and has no point yet (`proposals.py`): at least one for every moving region before a second for any.
A new point is traced back through the stored pictures, so that its window is that of the same
point; where that fails, earlier moments are not known.

A point that optical flow loses is sought near where it should be; if that fails too, its id goes
to another point of what it was on (`handover.py`). The window of that one is its own: positions of
one message are always those of one point.

Positions are in pixels of the grey picture, which is GREY_WIDTH wide.
"""

from collections import deque

import cv2
import numpy as np

from tkn_ros.streaming.handover import REMEMBERED, LostPoint, distances, predecessor
from tkn_ros.streaming.motion_map import MOVING, value_at
from tkn_ros.streaming.point_flow import find_again, follow_points, trace_back
from tkn_ros.streaming.proposals import (
    GAP,
    distance_to_nearest,
    find_peaks,
    select_peaks,
)

SHORT = 3  # frames over which motion is measured
MOVED = 1.8  # pixels in SHORT frames, from which on a point counts as moving
STILL_MOVING = 0.1  # of the map near a point, below which it does not count as moving
HOLD = 1  # frames at rest after which a point is no longer active ..
REST = 10  # .. and after which its slot is free
LEAST_KNOWN = SHORT + 1  # frames that a point must be known in to be active
TOO_CLOSE = 3.0  # pixels between two points that have become one
CROWDED = 0.6  # share of the slots in use, from which on no place gets a second point nearby
EVERY = 2  # frames between proposals; in the others new points are traced back
STEAL = 4.0  # times as far from others must a new point be as a pair that gives up one
FAILED = 3  # proposals for which a place is not tried again


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
        self.lost: list[LostPoint] = []
        self.fresh = np.zeros(k, bool)  # not traced back to the oldest picture yet
        self.failed: deque[np.ndarray] = deque(maxlen=FAILED)  # places tried in vain
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
        for lost in self.lost:
            lost.gone += 1
        self.lost = [lost for lost in self.lost if lost.gone <= REMEMBERED]
        if len(slots) and self.pictures:
            found, ok = self._follow(grey, slots)
            self.tracks[-1, slots[ok]] = found[ok]
            self.known[-1, slots] = ok
            self.alive[slots[~ok]] = False
            gone = slots[~ok & (self.rest[slots] <= HOLD)]
            for k in gone[np.argsort(-self.age[gone], kind='stable')]:
                self._lose(k, grey, motion)
        self.pictures.append(grey)
        self.age += 1
        self.frames += 1
        self._judge(grey, motion)
        if self.frames % EVERY:
            self._complete()
        elif len(self.pictures) >= min(LEAST_KNOWN, self.traced):
            self._propose(grey, motion)

    def _follow(self, grey: np.ndarray, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the slots' points are now (N, 2), and which of them were found."""
        last = self.tracks[-2, slots]
        found, ok = follow_points(self.pictures[-1], grey, last)
        if self.history < 3 or ok.all():
            return found, ok
        lost = np.flatnonzero(~ok & self.known[-3, slots])
        guess = 2 * last[lost] - self.tracks[-3, slots[lost]]
        found[lost], ok[lost] = find_again(self.pictures[-1], grey, last[lost], guess)
        return found, ok

    def _judge(self, grey: np.ndarray, motion: np.ndarray) -> None:
        """Which points move, which have come to rest, and which have become one."""
        back = min(SHORT, len(self.pictures) - 1, self.history - 1)
        moved = np.linalg.norm(self.tracks[-1] - self.tracks[-1 - back], axis=-1)
        moves = self.alive & self.known[-1 - back] & (moved >= MOVED)
        near = cv2.dilate(motion, np.ones((3, 3), np.uint8))
        self.intensity = np.where(self.alive, value_at(near, self.tracks[-1], grey), 0)
        moves &= self.intensity > STILL_MOVING
        self.rest = np.where(moves, 0, self.rest + 1)
        self.alive &= self.rest <= REST
        slots = np.flatnonzero(self.alive)
        if len(slots) > 1:
            slots = slots[np.argsort(-self.age[slots], kind='stable')]  # the oldest stay
            points = self.tracks[-1, slots]
            close = np.abs(points[:, None] - points[None]).max(-1) < TOO_CLOSE
            self.alive[slots[np.tril(close, -1).any(1)]] = False

    def _lose(self, slot: int, grey: np.ndarray, motion: np.ndarray) -> None:
        """Optical flow did not find the slot's point again: its id goes on elsewhere, or waits."""
        lost = self._lost_point(slot, -2)
        self.ids[slot], self.next_id = self.next_id, self.next_id + 1
        younger = self.alive & self.known[-1] & (self.rest <= HOLD) & (self.age < lost.age)
        others = np.flatnonzero(younger)
        places, ways = self.tracks[-1, others], self.tracks[-1, others] - self.tracks[-2, others]
        distance = distances([lost], np.zeros(1), places, ways, motion, grey)
        if len(others) and np.isfinite(distance.min()):
            heir = others[np.argmin(distance)]
            waiting = self._lost_point(heir, -1)
            self.ids[heir], self.age[heir] = lost.id, lost.age
            lost = waiting
        self.lost.append(lost)

    def _lost_point(self, slot: int, newest: int) -> LostPoint:
        """The slot's point as lost after moment `newest` of the tracks, -1 or -2."""
        last = self.tracks[newest, slot].copy()
        velocity = np.zeros_like(last)
        if self.history >= 1 - newest and self.known[newest - 1 : newest + 1 or None, slot].all():
            velocity = last - self.tracks[newest - 1, slot]
        return LostPoint(int(self.ids[slot]), int(self.age[slot]), last, velocity, -1 - newest)

    def _propose(self, grey: np.ndarray, motion: np.ndarray) -> None:
        """Put points on what moves and has none."""
        hot = (motion > MOVING).astype(np.uint8)
        count, labels = cv2.connectedComponents(hot)
        if count < 2:
            return
        slots = np.flatnonzero(self.alive & (self.rest <= HOLD))
        taken = self.tracks[-1, slots]
        around = cv2.dilate(labels.astype(np.float32), np.ones((3, 3), np.uint8))
        held = np.bincount(value_at(around, taken, grey).astype(int), minlength=count)
        shut = np.concatenate([taken, *self.failed])
        place, score, region, strong = find_peaks(grey, motion, labels, shut)
        if not len(place):
            return
        apart = distance_to_nearest(place, taken)
        company = bool(self.alive.sum() < CROWDED * self.slots)
        order = select_peaks(place, score, region, strong, held, apart, company)
        recent = list(self.pictures)[-LEAST_KNOWN:]
        paths, known = trace_back(recent, place[order][None], np.ones((1, len(order)), bool))
        moved = np.linalg.norm(paths[-1] - paths[0], axis=-1)
        moves = known.all(0) & (moved >= MOVED)
        self.failed.append(place[order[~moves]])
        order, paths, known = order[moves], paths[:, moves], known[:, moves]
        for i, peak in enumerate(order):
            here = region[peak]
            apart = distance_to_nearest(paths[-1, i][None], self.tracks[-1, self.active])[0]
            slot = self._slot_for(apart if held[here] else np.inf)
            if slot is None or apart < GAP:
                continue
            held[here] += 1
            self._place(slot, paths[:, i], known[:, i], grey, motion)
            self.fresh[slot] = True
            self.intensity[slot] = value_at(motion, paths[-1, i][None], grey)[0]

    def _complete(self) -> None:
        """Trace new points back to the oldest picture."""
        slots = np.flatnonzero(self.fresh & self.alive)
        self.fresh[:] = False
        length = min(LEAST_KNOWN + 1, len(self.pictures))
        if not len(slots) or length == len(self.pictures):
            return
        paths, known = trace_back(
            self.pictures, self.tracks[-length:, slots], self.known[-length:, slots]
        )
        self.tracks[:, slots] = paths[0]
        self.tracks[-len(paths) :, slots], self.known[-len(paths) :, slots] = paths, known
        self.age[slots] += known.sum(0) - length

    def _slot_for(self, apart: float) -> int | None:
        """A free slot; or one of a point at rest; or, for a new point that is `apart` from all
        others [pixel], of the younger of two that are much nearer to each other."""
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
        pair = np.array(np.unravel_index(np.argmin(distance), distance.shape))
        if distance.min() >= apart / STEAL:
            return None
        return int(pair[np.argmin(self.age[pair])])

    def _place(
        self,
        slot: int,
        path: np.ndarray,
        known: np.ndarray,
        grey: np.ndarray,
        motion: np.ndarray,
    ) -> None:
        self.tracks[:, slot], self.known[:, slot] = path[0], False
        self.tracks[-len(path) :, slot], self.known[-len(path) :, slot] = path, known
        self.alive[slot], self.rest[slot] = True, 0
        lost = predecessor(self.lost, path, int(known.sum()), motion, grey, SHORT)
        if lost is None:
            self.age[slot], self.ids[slot] = known.sum(), self.next_id
            self.next_id += 1
        else:
            self.age[slot], self.ids[slot] = lost.age + lost.gone, lost.id
            self.lost.remove(lost)
