"""Tracks of what moves in clips, followed by optical flow: what the track predictor learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tkn_ros.streaming.follower import LEAST_KNOWN
from tkn_ros.streaming.point_flow import follow_points
from tkn_ros.training.following_data import Preparation, spread, to_grey
from tkn_ros.training.motion_labels import REACH, MotionLabels

POINTS = 32  # of a scene at most
STRIDES = (1, 2, 3)  # frames between two moments: of cameras with so many times fewer frames
MOVES = 70  # of a label's 255, from which on points are sought
LEAST_MOVING = 30  # pixels of the picture that must move
CORNERS: dict[str, Any] = {'qualityLevel': 0.005, 'minDistance': 6, 'blockSize': 3}
TRIES = 2  # moments looked at for each scene asked for, since in many nothing moves


@dataclass(frozen=True)
class Scene:
    """Points followed from one moment, back and forth.

    Attributes:
        tracks: (past + future, N, 2) float32 [pixel of the clip]; number past - 1 is now.
        known: (past + future, N) bool; all of now and after it.
    """

    tracks: np.ndarray
    known: np.ndarray


def followed_scenes(
    clips: Sequence[np.ndarray],
    weights: np.ndarray,
    past: int,
    future: int,
    most: int,
    preparation: Preparation,
    seed: int = 0,
) -> list[list[Scene]]:
    """Of every clip the scenes found in it; at most `most` of all clips together.

    Args:
        clips: (T, H, W, 3) uint8 each.
        weights: (clips,) float.
        past: moments up to now.
        future: moments after it.
        most: scenes; each holds POINTS points at most.
        preparation: whose time is used.
        seed: of the choice of moments.
    """
    moments = [
        [
            (now, stride)
            for stride in STRIDES
            for now in range((past - 1) * stride, len(clip) - future * stride, min(stride + 1, 3))
        ]
        for clip in clips
    ]
    scenes: list[list[Scene]] = [[] for _ in clips]
    counts = [len(m) for m in moments]
    most = min(most, sum(counts))
    with preparation.bar('tracks', most, 'scene') as bar:
        for tries, (clip, number) in enumerate(spread(counts, weights, seed), 1):
            now, stride = moments[clip][number]
            rng = np.random.default_rng([seed, clip, number])
            scene = followed_scene(clips[clip], now, stride, past, future, rng)
            if scene:
                scenes[clip].append(scene)
                bar.update()
            if bar.n >= most or tries >= TRIES * most or preparation.over:
                break
    return scenes


def followed_scene(
    clip: np.ndarray, now: int, stride: int, past: int, future: int, rng: np.random.Generator
) -> Scene | None:
    """Corners of what moves in frame `now`, followed through the frames about it; None: there are
    none that can be.

    Args:
        clip: (T, H, W, 3) uint8.
        now: number of the newest observed frame.
        stride: frames between two moments.
        past: moments up to now.
        future: moments after it.
        rng: chooses among too many corners.
    """
    height, width = clip.shape[1:3]
    label = MotionLabels(height // 4, width // 4).at(clip, now) if len(clip) > REACH else None
    if label is None or int((label > MOVES).sum()) * 16 < LEAST_MOVING:
        return None
    mask = (cv2.resize(label, (width, height)) > MOVES).astype(np.uint8)
    grey = to_grey(clip[now])
    corners = cv2.goodFeaturesToTrack(grey, 2 * POINTS, mask=mask, **CORNERS)
    if corners is None:
        return None
    points = corners[:, 0]  # (N, 2)
    if len(points) > POINTS:
        points = points[np.sort(rng.permutation(len(points))[:POINTS])]
    numbers = [now + stride * k for k in range(1 - past, future + 1)]
    after, found = _follow(clip, points, numbers[past - 1 :])
    points = points[found[-1]]
    if not len(points):
        return None
    after = after[:, found[-1]]
    before, known = _follow(clip, points, numbers[past - 1 :: -1])
    tracks = np.concatenate([before[::-1], after[1:]]).astype(np.float32)
    seen = np.concatenate([known[::-1], np.ones((future, len(points)), bool)])
    enough = known.sum(0) >= min(LEAST_KNOWN, past)
    return Scene(tracks[:, enough], seen[:, enough]) if enough.any() else None


def _follow(
    clip: np.ndarray, points: np.ndarray, numbers: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of the first frame in all frames: (T, N, 2) and known (T, N)."""
    paths, known = [points], [np.ones(len(points), bool)]
    here = to_grey(clip[numbers[0]])
    for number in numbers[1:]:
        there, found, ok = to_grey(clip[number]), paths[-1], known[-1]
        if ok.any():
            found, ok = follow_points(here, there, paths[-1])
        ok = ok & known[-1]
        paths.append(np.where(ok[:, None], found, paths[-1]))
        known.append(ok)
        here = there
    return np.stack(paths), np.stack(known)
