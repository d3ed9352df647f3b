"""`tkn evaluate`: a model beside two trivial predictors, on one stated protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.datasets.clips import Clip
from tkn_ros.datasets.originals import originals
from tkn_ros.evaluation.clip_pass import LEAST, METHODS, judge_clip, methods_of
from tkn_ros.evaluation.keypoint_figures import MOST
from tkn_ros.evaluation.keypoint_table import (
    KEYPOINT_PROTOCOL,
    PERSONS_PROTOCOL,
    format_keypoints,
    mean_figures,
)
from tkn_ros.evaluation.point_tracks import Tracks
from tkn_ros.evaluation.runs import EvaluationError
from tkn_ros.video.metrics import PSNR_CAP

NAMES = {
    'model': 'model',
    'repeat_last': 'repeat the last frame',
    'constant_velocity': 'keypoints at constant velocity',
}
FIGURES = ('psnr', 'ssim')
PROTOCOL = (
    '{n} frames observed, {m} predicted, drawn at {width}x{height} as 8 bits; runs of {length} '
    'frames, one every {m} frames of a clip (closer in a clip that is too short for {least})'
    '{most}; RGB pixels in [0, 1], data range 1, SSIM with a Gaussian window of 11 pixels (sigma '
    '1.5), channels '
    "averaged, per frame; equal frames count as {cap:.0f} dB; means over a clip's frames, then "
    'over clips. repeat_last: the newest observed frame'
)
VELOCITY_PROTOCOL = (
    '. constant_velocity: the newest keypoints moved on by their last displacement, drawn by the '
    "model's decoder"
)


def compare(
    model: AnyNetwork,
    clips: Sequence[Clip],
    horizon: int,
    most: int = 0,
    judged: int = MOST,
    tracks: Tracks | None = None,
) -> dict[str, Any]:
    """Figures of the network and of trivial predictors, the same for the same input.

    Returns what `--json` writes: protocol, window, horizon, height, width, clips [{name, label,
    frames, runs, <method>: {psnr, ssim}, keypoints: ..}], per_step [{step, <method>: ..}], overall
    {<method>: .., keypoints: ..} and, where clips have labels, classes {label: {<method>: ..}};
    keypoints are what `KeypointJudge.figures` gives, and overall what `mean_figures` makes of them.

    Args:
        model: the network.
        clips: of the model's size, each of at least window + horizon frames; what the network
            sees are their originals.
        horizon: m, frames to predict.
        most: runs of each clip at most, evenly spread; 0 for all.
        judged: predictions of each clip whose keypoints are judged, evenly spread; 0 for none.
            Networks without keypoints have none.
        tracks: of `read_tracks`, in pixels of the recording, of which there is one then.
    """
    n, methods = model.config.window, methods_of(model)
    has_keypoints = methods == METHODS
    judged = judged if has_keypoints else 0
    if tracks and not has_keypoints:
        raise EvaluationError('tracks judge keypoints, and this network has none: leave them out')
    short = [c for c in clips if len(c) < n + horizon]
    if short or not clips:
        raise EvaluationError(
            f'{short[0].name if short else "no clip"}: {n + horizon} frames are '
            f'needed (window {n} + horizon {horizon}); give a longer clip'
        )
    recordings = len({id(clip.recording) for clip in clips})
    if tracks and recordings > 1:
        raise EvaluationError(
            f'the tracks are of one recording, and {recordings} are given: give that one alone'
        )
    tables: list[np.ndarray] = []
    about: list[dict[str, Any]] = []
    with tqdm(
        total=sum(map(len, clips)), desc='evaluating', unit='frame', leave=False, disable=None
    ) as bar:
        for clip, images in originals(clips):
            found = judge_clip(model, clip, _counted(images, bar), horizon, most, judged, tracks)
            figures = found.pictures.mean(0)
            tables.append(figures)  # (m, methods, figures)
            about.append(
                {
                    'name': clip.name,
                    'label': clip.label,
                    'frames': len(clip),
                    'runs': len(found.pictures),
                    **_by_method(figures.mean(0), methods),
                }
            )
            if found.keypoints:
                about[-1]['keypoints'] = found.keypoints
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
            {'step': j + 1, **_by_method(figures, methods)}
            for j, figures in enumerate(all_clips.mean(0))
        ],
        'overall': _by_method(all_clips.mean((0, 1)), methods),
    }
    results['protocol'] += VELOCITY_PROTOCOL if has_keypoints else ''
    if judged:
        results['overall']['keypoints'] = mean_figures([clip['keypoints'] for clip in about])
        results['protocol'] += '. ' + KEYPOINT_PROTOCOL.format(most=judged, m=horizon)
        results['protocol'] += PERSONS_PROTOCOL if tracks else ''
    labels = sorted({clip.label for clip in clips} - {''})
    if labels:
        chosen = np.array([clip.label for clip in clips])
        results['classes'] = {
            label: _by_method(all_clips[chosen == label].mean((0, 1)), methods) for label in labels
        }
    return results


def _counted(images: Iterable[np.ndarray], bar: tqdm) -> Iterator[np.ndarray]:
    for image in images:
        yield image
        bar.update()


def _by_method(figures: np.ndarray, methods: Sequence[str]) -> dict[str, dict[str, float]]:
    """(methods, figures) by their names."""
    return {
        method: {name: round(float(value), 6) for name, value in zip(FIGURES, row)}
        for method, row in zip(methods, figures)
    }


def methods_in(results: dict[str, Any]) -> list[str]:
    """The predictors that `compare` has figures of, the model first."""
    return [method for method in METHODS if method in results['overall']]


def format_comparison(results: dict[str, Any]) -> str:
    """For a terminal."""
    methods = methods_in(results)

    def row(title: str, figures: dict[str, Any]) -> str:
        cells = ''.join(f'{figures[m]["psnr"]:10.2f}{figures[m]["ssim"]:8.4f}' for m in methods)
        return f'{title[-30:]:30}{cells}'

    head = [
        ' ' * 30 + ''.join(f'{NAMES[m][:17]:>18}' for m in methods),
        ' ' * 30 + f'{"PSNR":>10}{"SSIM":>8}' * len(methods),
    ]
    lines = [*head, *(row(c['name'], c) for c in results['clips']), '']
    lines += [row(f'step {s["step"]}', s) for s in results['per_step']]
    if 'classes' in results:
        lines += ['', *(row(label, c) for label, c in results['classes'].items())]
    lines += [
        '',
        row(f'all {len(results["clips"])} clips', results['overall']),
        '',
        *([keypoints, ''] if (keypoints := format_keypoints(results)) else []),
        f'Protocol: {results["protocol"]}.',
    ]
    return '\n'.join(lines)
