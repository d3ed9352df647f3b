"""One clip through the engine as a camera's pictures would go, and what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.datasets.clips import Clip
from tkn_ros.evaluation.keypoint_figures import (
    VELOCITY_FRAMES,
    Figures,
    KeypointJudge,
    judged_frames,
    shrink,
)
from tkn_ros.evaluation.point_tracks import Tracks
from tkn_ros.evaluation.runs import EvaluationError
from tkn_ros.streaming.keypoint_rows import KeypointRow, keypoint_row
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.prediction import Prediction, to_pixels
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.metrics import psnr_and_ssim

METHODS = ('model', 'repeat_last', 'constant_velocity')
FRAME_METHODS = METHODS[:2]  # of networks without keypoints
LEAST = 10  # runs of a short clip: two or three are chance


@dataclass(frozen=True)
class ClipFigures:
    """pictures: (runs, m, methods, 2), PSNR and SSIM; keypoints: None where none were judged."""

    pictures: np.ndarray
    keypoints: Figures | None


def methods_of(model: AnyNetwork) -> tuple[str, ...]:
    """What a network is compared by."""
    return FRAME_METHODS if isinstance(model, Baseline) else METHODS


def judge_clip(
    model: AnyNetwork,
    clip: Clip,
    images: Iterable[np.ndarray],
    horizon: int,
    most: int = 0,
    judged: int = 0,
    tracks: Tracks | None = None,
) -> ClipFigures:
    """Stream a clip through the window, evenly spaced at its frame rate, and judge predictions.

    Held are the pictures of the window and small grey ones of horizon + 5 frames.

    Args:
        model: the network.
        clip: whose frames the predicted ones are compared with, at their size.
        images: the clip's frames at their own size, (H, W, 3) uint8 each.
        horizon: m, frames to predict.
        most: runs whose pictures are compared; 0: all.
        judged: predictions whose keypoints are judged; 0: none.
        tracks: boxes in pixels of `images`, numbered as the recording's frames.
    """
    window, period = _make_window(model, clip)
    n = window.window
    ends = {s + n - 1 for s in run_starts(len(clip), n + horizon, horizon, most)}
    wanted = set(judged_frames(len(clip), n, horizon, judged)) if judged else set()
    judge: KeypointJudge | None = None
    waiting: deque[KeypointRow] = deque()  # for the frames of their future
    grey: dict[int, np.ndarray] = {}
    pictures = []
    for number, image in enumerate(images):
        window.push(number * period, image)
        if judged:
            judge = judge or KeypointJudge(image.shape[:2], _tracks_of(clip, tracks))
            grey[number] = shrink(image)
            grey.pop(number - horizon - VELOCITY_FRAMES - 1, None)
        if number in ends or number in wanted:
            prediction = window.predict(horizon)
            if number in ends:
                pictures.append(_picture_figures(window, prediction, clip.frames, number))
            if number in wanted and prediction is not None:
                row = keypoint_row(number, prediction)
                sure = row.sigma is None or not row.sigma.any()
                waiting.append(row._replace(sigma=None) if sure else row)
        if judge and waiting and waiting[0].frame + horizon == number:
            judge.add(grey, waiting.popleft())
    return ClipFigures(np.array(pictures), judge.figures() if judge else None)


def _make_window(model: AnyNetwork, clip: Clip) -> tuple[SlidingWindow, int]:
    period = round(1e9 / clip.fps)
    return make_window(model, period_ns=period), period


def _tracks_of(clip: Clip, tracks: Tracks | None) -> Tracks | None:
    """With the clip's own numbers of frames."""
    return tracks and {frame - clip.first: boxes for frame, boxes in tracks.items()}


def run_starts(frames: int, length: int, horizon: int, most: int = 0) -> list[int]:
    """First frames of the runs of a clip, overlapping more where it is too short for LEAST.

    Args:
        frames: of the clip.
        length: frames of a run.
        horizon: m, frames to predict.
        most: at most so many, evenly spread; 0: all.
    """
    room = frames - length
    starts = list(range(0, room + 1, max(1, min(horizon, room // (LEAST - 1)))))
    if most and len(starts) > most:
        starts = [starts[i] for i in np.linspace(0, len(starts) - 1, most).round().astype(int)]
    return starts


def _picture_figures(
    window: SlidingWindow, prediction: Prediction | None, frames: np.ndarray, number: int
) -> np.ndarray:
    """Of the prediction from frame `number` of (T, H, W, 3) uint8: (m, methods, 2)."""
    if prediction is None:
        raise EvaluationError(f'no prediction can be made from frame {number}; give another clip')
    last, future = frames[number], frames[number + 1 : number + 1 + len(prediction.predicted)]
    drawn = draw_by_methods(window, prediction, last)
    return np.stack([psnr_and_ssim(frames, future) for frames in drawn], 1)


def draw_by_methods(
    window: SlidingWindow, prediction: Prediction, last: np.ndarray
) -> Iterator[np.ndarray]:
    """The m future frames by each of `methods_of`, (m, H, W, 3) uint8 of the newest frame's size.

    Args:
        window: that made the prediction.
        prediction: to draw.
        last: (H, W, 3) uint8, the newest frame.
    """
    size, horizon = last.shape[:2], len(prediction.predicted)
    yield window.render(prediction, size)
    yield np.repeat(last[None], horizon, 0)
    if window.has_keypoints:
        yield window.render(with_constant_velocity(prediction), size)


def with_constant_velocity(prediction: Prediction) -> Prediction:
    """The same with its keypoints at constant velocity."""
    horizon, n = len(prediction.predicted), len(prediction.observed)
    observed = torch.from_numpy(prediction.observed)
    path = constant_velocity(observed, max(horizon, n)).numpy()
    ends = prediction.ends
    if ends is not None:  # what is drawn follows them, see `motion_maps`
        ends = np.stack([prediction.observed[-1], path[n // 2 - 1], path[n - 1]])
        ends = (to_pixels(ends, prediction.cells, (1, 1))[..., :2] + 0.5).astype(np.float32)
    return replace(prediction, predicted=path[:horizon], ends=ends)


def draw_run(
    model: AnyNetwork, clip: Clip, images: Iterable[np.ndarray], start: int, horizon: int
) -> list[np.ndarray]:
    """`draw_by_methods` for one run of a clip; the window is fed from one window before it.

    Args:
        model: the network.
        clip: that has the run.
        images: the clip's frames at their own size, (H, W, 3) uint8 each.
        start: number of the run's first frame.
        horizon: m, frames to predict.

    Raises:
        EvaluationError: if the clip has no such run.
    """
    window, period = _make_window(model, clip)
    newest = start + window.window - 1
    for number, image in enumerate(images):
        if number >= start - window.window:
            window.push(number * period, image)
        if number == newest:
            prediction = window.predict(horizon)
            if prediction is not None:
                return list(draw_by_methods(window, prediction, clip.frames[newest]))
    raise EvaluationError(f'{clip.name}: has no run of frames from {start} on')


def constant_velocity(keypoints: Tensor, horizon: int) -> Tensor:
    """(n, K, 3) observed -> (horizon, K, 3): constant velocity of x and y, constant intensity."""
    velocity = keypoints[-1] - keypoints[-2] if len(keypoints) > 1 else 0 * keypoints[-1]
    velocity = velocity * velocity.new_tensor([1.0, 1.0, 0.0])  # (K, 3)
    steps = torch.arange(1, horizon + 1, device=keypoints.device)[:, None, None]
    return keypoints[-1] + steps * velocity
