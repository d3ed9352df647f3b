"""What predicted keypoints are worth, judged by the pictures alone.

A reference that is independent of how the keypoints were made: dense optical flow says where
something moves, and pyramidal Lucas-Kanade where a point truly went. All of it is done on grey
pictures of WIDTH pixels, 77 kB for a 4:3 frame, and one prediction needs those from
VELOCITY_FRAMES before it to its horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from tkn_ros.evaluation.point_tracks import Box, Pictures, Tracks, follow_points, inside
from tkn_ros.streaming.keypoint_rows import KeypointRow, KeypointRows

WIDTH = 320  # [pixel] of the pictures judged on
UNIT = 64  # distances are in shares of the picture's width, one UNIT-th each
MOST = 120  # predictions that are judged of a clip, evenly spread
EARLIEST = 9  # frame before which no prediction is judged
FLOW_FRAMES = 3  # over which motion is measured
MOVES = 1.5 * WIDTH / 256  # [pixel of WIDTH] of flow over FLOW_FRAMES
REACH = 5  # [pixel of WIDTH] at which a point is still on what moves
CLOSE, LEAST_REGION = (
    7,
    120,
)  # moving pixels are closed by a square of that side; [pixel] of a region
VELOCITY_FRAMES = 4  # over which constant velocity is taken
LEAST_PATH = 2.0  # [pixel of WIDTH] that a point must go to be judged
ONE_SIGMA = 1.515  # of two dimensions: the circle that holds 68.2 %
Figures = dict[str, float | int | None]


def shrink(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> (round(H / W * WIDTH), WIDTH) uint8, grey."""
    height = max(1, round(image.shape[0] / (image.shape[1] / WIDTH)))
    small = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


@dataclass
class _Marks:
    """One entry for each prediction, point, region, box or step that was judged."""

    active: list[int] = field(default_factory=list)
    on_moving: list[bool] = field(default_factory=list)
    area_moving: list[float] = field(default_factory=list)
    blobs_covered: list[bool] = field(default_factory=list)
    err: list[float] = field(default_factory=list)
    err_stay: list[float] = field(default_factory=list)
    err_velocity: list[float] = field(default_factory=list)
    within_sigma: list[bool] = field(default_factory=list)
    in_person: list[bool] = field(default_factory=list)
    persons_covered: list[bool] = field(default_factory=list)
    hit: list[bool] = field(default_factory=list)
    hit_stay: list[bool] = field(default_factory=list)
    hit_velocity: list[bool] = field(default_factory=list)


def score_keypoints(
    grey: np.ndarray | Sequence[np.ndarray],
    size: tuple[int, int],
    rows: KeypointRows,
    tracks: Tracks | None = None,
    most: int = MOST,
) -> Figures:
    """The figures of one recording or clip, as `KeypointJudge.figures` gives them.

    Frames are numbered from 0 for grey[0].

    Args:
        grey: (T, h, WIDTH) uint8, `shrink` of each frame.
        size: (height, width) of the frames, whose pixels rows and tracks are in.
        rows: predictions of its frames.
        tracks: boxes of its frames.
        most: predictions that are judged, evenly spread.
    """
    judge = KeypointJudge(size, tracks)
    for i in judged_rows(rows, len(grey), most):
        judge.add(grey, rows[i])
    return judge.figures()


def judged_rows(rows: KeypointRows, frames: int, most: int = MOST) -> list[int]:
    """Which rows are judged: of those with a past and their whole future.

    Args:
        rows: predictions.
        frames: how many the recording has.
        most: rows at most, evenly spread.
    """
    horizon = rows.predicted.shape[1]
    able = np.flatnonzero((rows.frame >= EARLIEST) & (rows.frame + horizon < frames))
    return _evenly(able, most)


def judged_frames(frames: int, window: int, horizon: int, most: int = MOST) -> list[int]:
    """As `judged_rows`, as frame numbers, where each frame from the first window on has a row.

    Args:
        frames: how many the recording has.
        window: n, frames observed.
        horizon: m, frames to predict.
        most: rows at most, evenly spread.
    """
    return _evenly(np.arange(max(EARLIEST, window - 1), max(0, frames - horizon)), most)


def _evenly(values: np.ndarray, most: int) -> list[int]:
    if not len(values):
        return []
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))].tolist()


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV's flow depends on the number of threads."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


class KeypointJudge:
    """Judges one prediction after the other; see the module."""

    def __init__(self, size: tuple[int, int], tracks: Tracks | None = None) -> None:
        """size: (height, width) of the frames [pixel]."""
        self._width = size[1]
        self._tracks = tracks
        self._predictions = 0
        self._marks = _Marks()
        # the stub of its `calc` wants an array where None is meant
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def add(self, grey: Pictures, row: KeypointRow) -> None:
        """Judge a prediction.

        grey: by number of frame (h, WIDTH) uint8, `shrink` of it, at least of VELOCITY_FRAMES
        before the row's frame up to its last predicted one.
        """
        with _one_thread():
            self._add(grey, row)

    def _add(self, grey: Pictures, row: KeypointRow) -> None:
        self._predictions += 1
        marks, t, active = self._marks, int(row.frame), row.active.astype(bool)
        now, future = row.observed[active], row.predicted[:, active]  # (N, 2), (m, N, 2)
        marks.active.append(len(now))
        scale = self._width / WIDTH  # pixels of the source in one of grey
        flow = self._flow.calc(grey[t - FLOW_FRAMES], grey[t], None)
        _judge_places(marks, flow, now / scale)
        tracks = self._tracks or {}
        persons = tracks.get(t)
        if not len(now):
            marks.persons_covered += [False] * len(persons or ())
            return
        m = len(future)
        back, came = follow_points(grey, now / scale, range(t, t - VELOCITY_FRAMES - 1, -1))
        true, went = follow_points(grey, now / scale, range(t, t + m + 1))
        true = true[1:] * scale  # (m, N, 2)
        steps = np.arange(1, m + 1)[:, None, None]
        guesses = {
            '': future,
            '_stay': np.repeat(now[None], m, 0),
            '_velocity': (back[0] + (back[0] - back[-1]) / VELOCITY_FRAMES * steps) * scale,
        }
        moves = np.linalg.norm(true[-1] - now, axis=-1) > LEAST_PATH * scale
        ok = came & went & moves
        for name, guess in guesses.items():
            distance = np.linalg.norm(guess - true, axis=-1)  # (m, N)
            getattr(marks, f'err{name}').extend(
                (distance.mean(0)[ok] / (self._width / UNIT)).tolist()
            )
        if row.sigma is not None:
            distance = np.linalg.norm(future - true, axis=-1)[:, ok]
            marks.within_sigma += (
                (distance < ONE_SIGMA * row.sigma[:, active][:, ok]).ravel().tolist()
            )
        if persons is not None:
            _judge_persons(marks, persons, tracks.get(t + m, {}), now, came, guesses)

    def figures(self) -> Figures:
        """Means over what was judged, None where there was nothing.

        predictions (judged), active (keypoints a prediction), on_moving, area_moving,
        blobs_covered, followed (points behind err), err, err_stay, err_velocity, ratio_best,
        within_sigma (None where rows have no sigma), and with tracks in_person, persons_covered,
        hit, hit_stay, hit_velocity (share of the points in a box whose position m frames on is in
        the box of the same person then) and hits_of (such points).
        """

        def mean(name: str) -> float | None:
            values = getattr(marks, name)
            return round(float(np.mean(values)), 4) if values else None

        marks = self._marks
        out: Figures = {'predictions': self._predictions}
        out |= {k: mean(k) for k in ('active', 'on_moving', 'area_moving', 'blobs_covered')}
        out['followed'] = len(marks.err)
        out |= {k: mean(k) for k in ('err', 'err_stay', 'err_velocity')}
        err, stay, velocity = out['err'], out['err_stay'], out['err_velocity']
        best = min(stay or 0, velocity or 0)
        out['ratio_best'] = round((err or 0) / best, 3) if best else None
        out['within_sigma'] = mean('within_sigma')
        if self._tracks:
            names = ('in_person', 'persons_covered', 'hit', 'hit_stay', 'hit_velocity')
            out |= {k: mean(k) for k in names}
            out['hits_of'] = len(marks.hit)
        return out


def _judge_places(marks: _Marks, flow: np.ndarray, points: np.ndarray) -> None:
    """Where the points are. flow: (h, w, 2) pixels; points: (N, 2) pixels of the same picture."""
    moving = (np.linalg.norm(flow, axis=-1) > MOVES).astype(np.uint8)
    marks.area_moving.append(float(moving.mean()))
    height, width = moving.shape
    at = np.clip(np.rint(points), 0, [width - 1, height - 1]).astype(int)  # (N, 2)
    closed = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((CLOSE, CLOSE), np.uint8))
    count, labels, about, _ = cv2.connectedComponentsWithStats(closed)
    reached: set[int] = set()
    for x, y in at:
        around = slice(max(0, y - REACH), y + REACH + 1), slice(max(0, x - REACH), x + REACH + 1)
        marks.on_moving.append(bool(moving[around].any()))
        reached.update(np.unique(labels[around]).tolist())
    marks.blobs_covered += [
        k in reached for k in range(1, count) if about[k, cv2.CC_STAT_AREA] >= LEAST_REGION
    ]


def _judge_persons(
    marks: _Marks,
    persons: dict[int, Box],
    later: dict[int, Box],
    now: np.ndarray,
    came: np.ndarray,
    guesses: dict[str, np.ndarray],
) -> None:
    """Whose the points are now, (N, 2), and whether each guess, (m, N, 2), is his at the end.

    came: (N,) bool, whose velocity is known: the others' constant velocity says nothing.
    """
    owners = [next((k for k, box in persons.items() if inside(p, box)), None) for p in now]
    marks.in_person += [owner is not None for owner in owners]
    marks.persons_covered += [person in owners for person in persons]
    for j, owner in enumerate(owners):
        if owner in later and came[j]:
            for name, guess in guesses.items():
                getattr(marks, f'hit{name}').append(inside(guess[-1, j], later[owner]))
