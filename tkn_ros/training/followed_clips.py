"""What the model's own keypoints do in clips: made once, for the network that draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.inference import to_tensor
from tkn_ros.model.motion_detector import EARLIER
from tkn_ros.streaming.follower import Follower
from tkn_ros.streaming.point_flow import to_grey
from tkn_ros.training.following_data import Preparation, resized, spread

LONGEST = 250  # frames of a section
AT_ONCE = 32  # frames that the networks get


@dataclass(frozen=True)
class Section:
    """A part of a clip, forwards or backwards.

    Attributes:
        clip: number of the clip.
        frames: (T, H, W, 3) uint8 of the model's size.
        ends: (T, 3, K, 2) float32, what `motion_maps` draws of each frame's keypoints.
        active: (T, K) bool.
    """

    clip: int
    frames: np.ndarray
    ends: np.ndarray
    active: np.ndarray


def followed_sections(
    model: FollowingTKN,
    clips: Sequence[np.ndarray],
    weights: np.ndarray,
    shortest: int,
    most: int,
    preparation: Preparation,
    seed: int = 0,
    reverse: bool = True,
) -> list[Section]:
    """Sections of the clips, of at least `shortest` frames; at most about `most` frames of all.

    Args:
        model: left in the mode that it is in.
        clips: (T, H, W, 3) uint8 each, of the prepared size.
        weights: (clips,) float.
        shortest: frames of a section.
        most: frames, those of reversed sections included.
        preparation: whose time is used.
        seed: of the choice of sections.
        reverse: backwards as well.
    """
    ranges = [_ranges(len(clip), shortest) for clip in clips]
    places = [
        [(r, b) for r in found for b in ((False, True) if reverse else (False,))]
        for found in ranges
    ]
    total = sum(stop - first for found in places for (first, stop), _ in found)
    most = min(most, total)
    sections: list[Section] = []
    was_training = model.training
    model.eval()
    with preparation.bar('keypoints', most, 'frame') as bar:
        for clip, number in spread([len(p) for p in places], weights, seed):
            (first, stop), backwards = places[clip][number]
            frames = clips[clip][first:stop]
            frames = frames[::-1] if backwards else frames
            ends, active = follow(model, frames)
            size = model.config.height, model.config.width
            sections.append(Section(clip, resized(frames, *size), ends, active))
            bar.update(stop - first)
            if bar.n >= most or preparation.over:
                break
    model.train(was_training)
    return sections


def _ranges(length: int, shortest: int) -> list[tuple[int, int]]:
    """(first, stop) of equal parts of a clip, none longer than LONGEST or shorter than asked."""
    if length < shortest:
        return []
    parts = max(1, min(-(-length // max(LONGEST, shortest)), length // shortest))
    edges = np.linspace(0, length, parts + 1).astype(int).tolist()
    return list(zip(edges[:-1], edges[1:]))


@torch.inference_mode()
def follow(model: FollowingTKN, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One pass of detector, follower and predictor, as of `FollowingWindow` at the camera's rate.

    Args:
        model: in evaluation mode.
        frames: (T, H, W, 3) uint8 that follow one another.

    Returns:
        ends (T, 3, K, 2) float32 and active (T, K), see `Section`.
    """
    n, config = model.config.window, model.config.following
    assert config is not None  # a FollowingTKN has one
    device = next(model.parameters()).device
    small = resized(frames, config.detector.height, config.detector.width)
    numbers = np.arange(len(frames))
    back = np.maximum(numbers[:, None] - np.array([0, *EARLIER]), 0)  # (T, 3)
    follower = Follower(config.keypoints, n)
    tracks, known, active = [], [], []
    for first in range(0, len(frames), AT_ONCE):
        batch = to_tensor(small[back[first : first + AT_ONCE]]).to(device)
        maps = torch.sigmoid(model.motion(batch).float()).cpu().numpy()
        for frame, motion in zip(frames[first : first + AT_ONCE], maps):
            grey = to_grey(frame)
            follower.push(grey, motion)
            tracks.append(follower.tracks.copy())
            known.append(follower.known.copy())
            active.append(follower.active)
    means = []
    for first in range(0, len(frames), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        inputs = (torch.from_numpy(np.stack(x[part])).to(device) for x in (tracks, known, active))
        means.append(model.tracks(*inputs)[0].float().cpu().numpy())
    mean = np.concatenate(means)  # (T, n, K, 2)
    now = np.stack([t[-1] for t in tracks])  # (T, K, 2)
    ends = np.stack([now, mean[:, max(n // 2 - 1, 0)], mean[:, n - 1]], 1)
    return ((ends + 0.5) / grey.shape[::-1]).astype(np.float32), np.stack(active)
