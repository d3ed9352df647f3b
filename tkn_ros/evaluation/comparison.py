"""`tkn evaluate`: a model beside two trivial predictors, on one stated protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tkn_ros.datasets.clips import Clip
from tkn_ros.evaluation.runs import EvaluationError
from tkn_ros.model.inference import predict_run, to_unit_images
from tkn_ros.model.tkn import TKN
from tkn_ros.video.metrics import PSNR_CAP, psnr_and_ssim

METHODS = ('model', 'repeat_last', 'constant_velocity')
NAMES = {
    'model': 'model',
    'repeat_last': 'repeat the last frame',
    'constant_velocity': 'keypoints at constant velocity',
}
FIGURES = ('psnr', 'ssim')
LEAST = 10  # runs of a short clip: two or three are chance
PROTOCOL = (
    '{n} frames observed, {m} predicted, at {width}x{height}; runs of {length} frames, one every '
    '{m} frames of a clip (closer in a clip that is too short for {least}){most}; RGB pixels in '
    '[0, 1], data range 1, SSIM with a Gaussian window of 11 pixels (sigma 1.5), channels '
    "averaged, per frame; equal frames count as {cap:.0f} dB; means over a clip's frames, then "
    'over clips. repeat_last: the newest observed frame. '
    'constant_velocity: the newest keypoints moved on by their last displacement, drawn by the '
    "model's decoder"
)


def compare(model: TKN, clips: Sequence[Clip], horizon: int, most: int = 0) -> dict:
    """Figures of all three predictors, the same for the same input.

    Returns what `--json` writes: protocol, window, horizon, height, width, clips [{name, label,
    frames, runs, <method>: {psnr, ssim}}], per_step [{step, <method>: ..}], overall {<method>: ..}
    and, where clips have labels, classes {label: {<method>: ..}}.

    Args:
        model: the network.
        clips: of the model's size, each of at least window + horizon frames.
        horizon: m, frames to predict.
        most: runs of each clip at most, evenly spread; 0 for all.
    """
    n = model.config.window
    short = [c for c in clips if len(c) < n + horizon]
    if short or not clips:
        raise EvaluationError(
            f'{short[0].name if short else "no clip"}: {n + horizon} frames are '
            f'needed (window {n} + horizon {horizon}); give a longer clip'
        )
    tables, about = [], []
    for clip in tqdm(clips, desc='evaluating', unit='clip', disable=None):
        runs = run_starts(len(clip), n + horizon, horizon, most)
        figures = np.mean([_figures(model, clip.frames[s : s + n + horizon], n) for s in runs], 0)
        tables.append(figures)  # (m, methods, figures)
        about.append(
            {
                'name': clip.name,
                'label': clip.label,
                'frames': len(clip),
                'runs': len(runs),
                **_by_method(figures.mean(0)),
            }
        )
    all_clips = np.stack(tables)  # (clips, m, methods, figures)
    height, width = clips[0].frames.shape[1:3]
    results = {
        'protocol': PROTOCOL.format(
            n=n,
            m=horizon,
            least=LEAST,
            width=width,
            height=height,
            length=n + horizon,
            cap=PSNR_CAP,
            most=f', at most {most} a clip, evenly spread' if most else '',
        ),
        'window': n,
        'horizon': horizon,
        'height': height,
        'width': width,
        'clips': about,
        'per_step': [
            {'step': j + 1, **_by_method(figures)} for j, figures in enumerate(all_clips.mean(0))
        ],
        'overall': _by_method(all_clips.mean((0, 1))),
    }
    labels = sorted({clip.label for clip in clips} - {''})
    if labels:
        chosen = np.array([clip.label for clip in clips])
        results['classes'] = {
            label: _by_method(all_clips[chosen == label].mean((0, 1))) for label in labels
        }
    return results


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


def _by_method(figures: np.ndarray) -> dict[str, dict[str, float]]:
    """(methods, figures) by their names."""
    return {
        method: {name: round(float(value), 6) for name, value in zip(FIGURES, row)}
        for method, row in zip(METHODS, figures)
    }


def _figures(model: TKN, run: np.ndarray, n: int) -> np.ndarray:
    """Of one run of frames, (n + m, H, W, 3) uint8: (m, methods, figures)."""
    drawn = predict_by_methods(model, run, n)
    return np.stack([psnr_and_ssim(frames, run[n:]) for frames in drawn], 1)


@torch.inference_mode()
def predict_by_methods(model: TKN, run: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """The m future frames by each of `METHODS`: (m, H, W, 3) float in [0, 1] each.

    Args:
        model: the network.
        run: (n + m, H, W, 3) uint8.
        n: frames observed.
    """
    m = len(run) - n
    run_prediction = predict_run(model, run[:n], m)
    yield to_unit_images(run_prediction.frames)
    yield np.repeat(run[n - 1 : n] / 255.0, m, 0)
    moved = constant_velocity(run_prediction.observed[0], m)[None]
    yield to_unit_images(model.render(moved, run_prediction.context)[0])


def constant_velocity(keypoints: Tensor, horizon: int) -> Tensor:
    """(n, K, 3) observed -> (horizon, K, 3): x and y go on as in the last step, intensity stays."""
    velocity = keypoints[-1] - keypoints[-2] if len(keypoints) > 1 else 0 * keypoints[-1]
    velocity = velocity * velocity.new_tensor([1.0, 1.0, 0.0])  # (K, 3)
    steps = torch.arange(1, horizon + 1, device=keypoints.device)[:, None, None]
    return keypoints[-1] + steps * velocity


def format_comparison(results: dict) -> str:
    """For a terminal."""

    def row(title: str, figures: dict) -> str:
        cells = ''.join(f'{figures[m]["psnr"]:10.2f}{figures[m]["ssim"]:8.4f}' for m in METHODS)
        return f'{title[-30:]:30}{cells}'

    head = [
        ' ' * 30 + ''.join(f'{NAMES[m][:17]:>18}' for m in METHODS),
        ' ' * 30 + f'{"PSNR":>10}{"SSIM":>8}' * len(METHODS),
    ]
    lines = [*head, *(row(c['name'], c) for c in results['clips']), '']
    lines += [row(f'step {s["step"]}', s) for s in results['per_step']]
    if 'classes' in results:
        lines += ['', *(row(label, c) for label, c in results['classes'].items())]
    lines += [
        '',
        row(f'all {len(results["clips"])} clips', results['overall']),
        '',
        f'Protocol: {results["protocol"]}.',
    ]
    return '\n'.join(lines)
