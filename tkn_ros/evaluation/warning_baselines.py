"""Four ways to warn, as scores: ours, and three that need no prediction of ours.

All count the same keypoints by the same rules; they differ in what is asked of the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import cv2
import numpy as np

from tkn_ros.evaluation.keypoint_figures import WIDTH, shrink
from tkn_ros.evaluation.point_tracks import follow_points
from tkn_ros.evaluation.warnings import Track
from tkn_ros.streaming.keypoint_rows import KeypointRows
from tkn_ros.warning.decision import kth
from tkn_ros.warning.entry import entry, speed
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import Zone

MOST_TRACKS = 64
DIFFERENCE_FRAMES, DIFFERENCE = 3, 15  # grey levels between frames so far apart: it moves
VELOCITY_FRAMES = 4
LEAST_MOTION = 1.0  # [pixel of WIDTH] over VELOCITY_FRAMES for a track to count


def points_of_rows(
    rows: KeypointRows, size: tuple[int, int], period: float, stamps_ns: Sequence[int] | None = None
) -> list[ForeseenPoints]:
    """What the node would have received, prediction by prediction.

    Args:
        rows: of `predict_keypoints` or `read_rows`.
        size: (height, width) of the frames [pixel].
        period: of frames and steps [s].
        stamps_ns: of the recording's frames [ns]; without them k * period.
    """
    step = round(period * 1e9)
    m, out = rows.predicted.shape[1], []
    for i in range(len(rows)):
        row = rows[i]
        stamp = int(row.frame) * step if stamps_ns is None else int(stamps_ns[row.frame])
        count = len(row.active)
        out.append(
            ForeseenPoints(
                ids=np.arange(count) if row.id is None else row.id,
                active=row.active.astype(bool),
                observed=row.observed[None],
                observed_ns=np.array([stamp]),
                predicted=row.predicted,
                predicted_ns=stamp + step * np.arange(1, m + 1),
                sigma=np.zeros((m, count)) if row.sigma is None else row.sigma,
                frame_period=period,
                size=size,
            )
        )
    return out


def foreseen(points: Sequence[ForeseenPoints], zones: Iterable[Zone]) -> list[Track]:
    """Ours: the chance that the min_points-th keypoint is inside within time_before_entry.

    Where it is certain because enough are inside already, it goes on above 1 as they go deeper, so
    that a threshold can ask for that, as one of `present` can.
    """

    def score(p: ForeseenPoints, zone: Zone, larger: float) -> float:
        chance = -kth(-entry(p, zone, larger).probability, zone.rules.min_points, 0.0)
        return chance + max(_depth_now(p, zone, larger), 0.0)

    return _tracks(points, zones, score)


def present(points: Sequence[ForeseenPoints], zones: Iterable[Zone]) -> list[Track]:
    """The zone on the present only: how deep the min_points-th keypoint is in it now.

    A threshold of 0 is the zone as drawn; one below is the zone enlarged by so much. In widths of
    the image.
    """

    return _tracks(points, zones, _depth_now)


def _depth_now(p: ForeseenPoints, zone: Zone, larger: float) -> float:
    counts = p.active & (speed(p) >= zone.rules.min_speed)
    depth = zone.depth(p.observed[-1][counts], p.size) + larger
    return -kth(-depth, zone.rules.min_points, np.inf) / p.size[1]


def reached(points: Sequence[ForeseenPoints], zones: Iterable[Zone]) -> list[Track]:
    """How deep the min_points-th keypoint will be within time_before_entry, taken at its word."""

    def score(p: ForeseenPoints, zone: Zone, larger: float) -> float:
        places, _, times = p.path()
        counts = p.active & (speed(p) >= zone.rules.min_speed)
        soon = times <= zone.rules.time_before_entry + 1e-9
        depth = zone.depth(places[soon][:, counts], p.size).max(0) + larger
        return -kth(-depth, zone.rules.min_points, np.inf) / p.size[1]

    return _tracks(points, zones, score)


def _tracks(
    points: Sequence[ForeseenPoints],
    zones: Iterable[Zone],
    score: Callable[[ForeseenPoints, Zone, float], float],
) -> list[Track]:
    times = np.array([p.stamp_ns / 1e9 for p in points])
    return [
        Track(
            zone.name,
            times,
            np.array([score(p, zone, 0.0) for p in points]),
            np.array([score(p, zone, zone.rules.hysteresis * p.size[1]) for p in points]),
            zone.rules.trigger_consecutive,
            zone.rules.release_consecutive,
        )
        for zone in zones
    ]


def constant_velocity(
    frames: Iterable[np.ndarray], period: float, horizon: int
) -> Iterator[ForeseenPoints]:
    """OpenCV alone: corners on what moves, followed by Lucas-Kanade, that go on as they went.

    Corners (Shi-Tomasi) are found where the picture differs from that of three frames ago;
    velocity is taken over the last four frames. One for each frame from the fifth on.

    Args:
        frames: (H, W, 3) uint8 RGB, one after the other.
        period: between them [s].
        horizon: m, steps ahead.
    """
    grey: dict[int, np.ndarray] = {}
    path = np.zeros((VELOCITY_FRAMES + 1, 0, 2), np.float32)  # NaN before a point was found
    ids, free = np.zeros(0, int), 0
    step = round(period * 1e9)
    for t, frame in enumerate(frames):
        grey[t] = shrink(frame)
        grey.pop(t - DIFFERENCE_FRAMES - 1, None)
        if t and path.shape[1]:
            steps, found = follow_points(grey, np.ascontiguousarray(path[-1]), [t - 1, t])
            path = np.concatenate([path[1:], steps[1:]])[:, found]
            ids = ids[found]
        new = _corners(grey, t, path[-1])
        path = np.concatenate([path, np.full((len(path), len(new), 2), np.nan, np.float32)], 1)
        path[-1, path.shape[1] - len(new) :] = new
        ids, free = np.concatenate([ids, np.arange(free, free + len(new))]), free + len(new)
        if t < VELOCITY_FRAMES:
            continue
        scale = frame.shape[1] / WIDTH
        velocity = (path[-1] - path[0]) / VELOCITY_FRAMES  # (K, 2) a frame
        known = np.isfinite(velocity).all(-1)
        gone = np.linalg.norm(np.where(known[:, None], velocity, 0), axis=-1) * VELOCITY_FRAMES
        ahead = np.arange(1, horizon + 1)[:, None, None] * np.where(known[:, None], velocity, 0)
        yield ForeseenPoints(
            ids=ids,
            active=known & (gone >= LEAST_MOTION),
            observed=path[-1:] * scale,
            observed_ns=np.array([t * step]),
            predicted=(path[-1] + ahead) * scale,
            predicted_ns=t * step + step * np.arange(1, horizon + 1),
            sigma=np.zeros((horizon, len(ids))),
            frame_period=period,
            size=(frame.shape[0], frame.shape[1]),
        )


def _corners(grey: dict[int, np.ndarray], t: int, old: np.ndarray) -> np.ndarray:
    """New ones (N, 2) away from the old (K, 2), on what moves."""
    before = grey.get(t - DIFFERENCE_FRAMES)
    if before is None or len(old) >= MOST_TRACKS:
        return np.zeros((0, 2), np.float32)
    moves = (cv2.absdiff(grey[t], before) > DIFFERENCE).astype(np.uint8)
    opened = cv2.morphologyEx(moves, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.dilate(opened, np.ones((5, 5), np.uint8))
    for x, y in np.rint(old).astype(int).tolist():
        cv2.circle(mask, (x, y), 5, 0, -1)
    found = cv2.goodFeaturesToTrack(grey[t], MOST_TRACKS - len(old), 0.02, 5, mask=mask)
    return np.zeros((0, 2), np.float32) if found is None else found[:, 0]
