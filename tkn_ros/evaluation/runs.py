"""How well a network redraws and predicts the frames of a clip, and how fast, on one protocol.

A clip is cut into runs of n + horizon frames, one every `horizon` frames. Figures are those of
`metrics.py` for every predicted or redrawn frame, averaged over a run and then over all runs.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tkn_ros.model.detector import KeypointDetector
from tkn_ros.model.inference import predict_run, to_tensor, to_unit_images
from tkn_ros.model.tkn import TKN
from tkn_ros.video.metrics import psnr_and_ssim

NAMES = ('psnr', 'ssim', 'psnr_repeat_last', 'ssim_repeat_last')


class EvaluationError(ValueError):
    """The clips cannot be evaluated; the message names the reason and the fix."""


def cut_runs(
    clips: Sequence[np.ndarray], window: int, horizon: int, most: int = 200
) -> list[np.ndarray]:
    """Runs of window + horizon frames, (n + m, H, W, 3) uint8, at most `most`, evenly spread.

    Args:
        clips: (T, H, W, 3) uint8 each.
        window: n, frames observed.
        horizon: m, frames to predict.
        most: at most so many, evenly spread; 0: all.
    """
    length = window + horizon
    runs = [
        clip[i : i + length] for clip in clips for i in range(0, len(clip) - length + 1, horizon)
    ]
    if not runs:
        raise EvaluationError(
            f'no test clip has {length} frames (window {window} + horizon '
            f'{horizon}); give a longer one or a shorter horizon'
        )
    picked = np.linspace(0, len(runs) - 1, min(most, len(runs))).round().astype(int)
    return [runs[i] for i in picked]


def evaluate_prediction(model: TKN, runs: Sequence[np.ndarray], window: int) -> dict[str, float]:
    """{'ssim', 'psnr'} of the frames that the model predicts after the first `window` ones.

    Args:
        model: the network.
        runs: (n + m, H, W, 3) uint8 each.
        window: n, frames observed.
    """
    return _mean_figures(
        runs, window, lambda run: predict_run(model, run[:window], len(run) - window).frames
    )


def evaluate_reconstruction(
    detector: KeypointDetector, runs: Sequence[np.ndarray], window: int
) -> dict[str, float]:
    """{'ssim', 'psnr'} of the same frames, drawn from their own keypoints on the same background.

    What a perfect predictor of keypoints would reach.

    Args:
        detector: in evaluation mode.
        runs: (n + m, H, W, 3) uint8 each.
        window: n, frames observed.
    """

    def redraw(run: np.ndarray) -> Tensor:
        frames = to_tensor(run)  # (n + m, 3, H, W)
        source = detector.encode(frames[window - 1 : window])[1]
        return detector.decode(detector.encode(frames[window:])[0], source)

    return _mean_figures(runs, window, redraw)


def evaluate_repeat_last(runs: Sequence[np.ndarray], window: int) -> dict[str, float]:
    """{'ssim', 'psnr'} of the newest observed frame in place of every future one."""

    def repeat(run: np.ndarray) -> Tensor:
        return to_tensor(run[window - 1 : window]).expand(len(run) - window, -1, -1, -1)

    return _mean_figures(runs, window, repeat)


@torch.inference_mode()
def evaluate_clip(model: TKN, clip: np.ndarray, horizon: int = 10, most: int = 20) -> np.ndarray:
    """Figures of one clip for each future step: (horizon, 4) in the order of `NAMES`.

    Args:
        model: the network.
        clip: (T, H, W, 3) uint8, H and W the model's. `most` windows at most, evenly spread, each
            with its whole future; EvaluationError where the clip is too short for one.
        horizon: m, frames to predict.
        most: at most so many, evenly spread; 0: all.
    """
    n = model.config.window
    room = len(clip) - n - horizon
    if room < 0:
        raise EvaluationError(
            f'the clip has {len(clip)} frames, expected at least {n + horizon} '
            f'(window {n} + horizon {horizon}); give a longer one'
        )
    figures = []
    for start in np.unique(np.linspace(0, room, most).astype(int)):
        observed, future = clip[start : start + n], clip[start + n : start + n + horizon]
        drawn = to_unit_images(predict_run(model, observed, horizon).frames)
        last = np.repeat(observed[-1:], horizon, 0)
        figures.append(np.hstack([psnr_and_ssim(drawn, future), psnr_and_ssim(last, future)]))
    return np.mean(figures, 0)  # over windows


@torch.inference_mode()
def _mean_figures(
    runs: Sequence[np.ndarray], window: int, draw: Callable[[np.ndarray], Tensor]
) -> dict[str, float]:
    figures = []
    for run in tqdm(runs, desc='evaluating', unit='run', leave=False, disable=None):
        figures.append(psnr_and_ssim(to_unit_images(draw(run)), run[window:]).mean(0))
    psnr, ssim = np.mean(figures, 0)
    return {'ssim': float(ssim), 'psnr': float(psnr)}


@torch.inference_mode()
def milliseconds(run: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of a call [ms], after one that is not counted. For the CPU."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    return float(np.median(times[1:]))
