"""How good predicted frames are by several measures: for comparing networks with each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.datasets.clips import Clip
from tkn_ros.datasets.originals import originals
from tkn_ros.evaluation.clip_pass import draw_by_methods, methods_of, run_starts
from tkn_ros.evaluation.runs import EvaluationError
from tkn_ros.streaming.make_window import make_window
from tkn_ros.video.metrics import capped_psnr, ms_ssim, sharpness, ssim

Figures = dict[str, float]
Distance = Callable[[np.ndarray, np.ndarray], float]  # of two frames (H, W, 3) uint8
PROTOCOL = (
    '{n} frames observed, {m} predicted, drawn at {width}x{height} as 8 bits, at most {most} runs '
    'a clip, evenly spread; RGB pixels in [0, 1], data range 1, Gaussian window of 11 pixels; '
    'MS-SSIM of the scales that this window fits into; sharpness: gradient energy of the predicted '
    "frames over the true ones'; mse: mean squared error; means over a run's frames, a clip's "
    'runs, then clips'
)


def frame_quality(
    model: AnyNetwork,
    clips: Sequence[Clip],
    horizon: int,
    most: int = 5,
    distance: Distance | None = None,
) -> dict[str, Figures]:
    """{method: {psnr, ssim, ms_ssim, sharpness, mse and, with `distance`, lpips}}, over all clips.

    Methods are those of `methods_of`. Raises EvaluationError for a clip that is too short.

    Args:
        model: in evaluation mode.
        clips: of the model's size; what the network sees are their originals.
        horizon: m, frames to predict.
        most: runs of each clip at most.
        distance: a further measure, see `lpips_distance`.
    """
    tables = []
    bar = tqdm(originals(clips), 'evaluating', len(clips), False, unit='clip', disable=None)
    for clip, images in bar:
        window = make_window(model, period_ns=round(1e9 / clip.fps))
        n = window.window
        ends = {s + n - 1 for s in run_starts(len(clip), n + horizon, horizon, most)}
        runs = []
        for number, image in enumerate(images):
            window.push(number * window.fixed_period_ns, image)
            if number not in ends:
                continue
            prediction = window.predict(horizon)
            if prediction is None:
                raise EvaluationError(f'{clip.name}: no prediction from frame {number}')
            truth = clip.frames[number + 1 : number + 1 + horizon]
            drawn = draw_by_methods(window, prediction, clip.frames[number])
            runs.append([_figures(frames, truth, distance) for frames in drawn])
        if not runs:
            raise EvaluationError(
                f'{clip.name}: {len(clip)} frames, expected at least {n + horizon}; give a longer '
                'clip or a shorter horizon'
            )
        tables.append(runs)
    out: dict[str, Figures] = {}
    for i, method in enumerate(methods_of(model)):
        each = [[run[i] for run in runs] for runs in tables]
        names = each[0][0]
        out[method] = {
            name: float(np.mean([np.nanmean([run[name] for run in runs]) for runs in each]))
            for name in names
        }
    return out


def _figures(drawn: np.ndarray, truth: np.ndarray, distance: Distance | None) -> Figures:
    pairs = list(zip(drawn, truth))
    error = np.mean((drawn / 255.0 - truth / 255.0) ** 2)
    figures: dict[str, Any] = {
        'psnr': np.mean([capped_psnr(a, b) for a, b in pairs]),
        'ssim': np.mean([ssim(a, b) for a, b in pairs]),
        'ms_ssim': np.mean([ms_ssim(a, b) for a, b in pairs]),
        'sharpness': sharpness(drawn, truth),
        'mse': error,
    }
    if distance:
        figures['lpips'] = np.mean([distance(a, b) for a, b in pairs])
    return {name: float(value) for name, value in figures.items()}


def lpips_distance() -> Distance | None:
    """LPIPS (AlexNet) where the package lpips and its weights are at hand; nothing is downloaded.

    The backbone's weights are those of torchvision, in torch's folder of checkpoints.
    """
    from pathlib import Path

    import torch

    if not list((Path(torch.hub.get_dir()) / 'checkpoints').glob('alexnet-*.pth')):
        return None
    try:
        import lpips
    except ImportError:
        return None
    net = lpips.LPIPS(net='alex', verbose=False).eval()

    @torch.inference_mode()
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        pair = [torch.from_numpy(x / 127.5 - 1).float().permute(2, 0, 1)[None] for x in (a, b)]
        return float(net(*pair))

    return distance
