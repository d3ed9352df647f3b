"""`tkn evaluate --report DIR`: plots, strips of frames and tables that a person looks at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.datasets.clips import Clip, start_of_most_motion
from tkn_ros.datasets.originals import originals
from tkn_ros.evaluation.clip_pass import draw_run, methods_of
from tkn_ros.evaluation.comparison import NAMES, format_comparison, methods_in
from tkn_ros.video.drawing import rows, strip
from tkn_ros.video.writers import write_image
from tkn_ros.whole_file import whole_file

FIGURES = 'figures.json'  # marks a folder as a report
STRIPS = 12  # clips that get one, evenly spread
CELL, COLUMNS = 96, 10
_UNITS = {'psnr': 'PSNR [dB]', 'ssim': 'SSIM'}


def write_report(
    folder: str | Path, model: AnyNetwork, clips: Sequence[Clip], results: dict[str, Any]
) -> None:
    """Write report.md, figures.json, per_step.png and one strip for each of up to 12 clips.

    Args:
        folder: where files are written.
        model: the network.
        clips: that were compared.
        results: what `compare` gave for the model and clips.
    """
    folder = Path(folder)
    with whole_file(folder / FIGURES) as part:
        part.write_text(json.dumps(results, indent=1) + '\n')
    _plot(folder / 'per_step.png', results)
    lines = [
        '# Evaluation',
        '',
        '```',
        format_comparison(results),
        '```',
        '',
        '![Figures of each future step](per_step.png)',
        '',
    ]
    picked = np.unique(np.linspace(0, len(clips) - 1, STRIPS).round().astype(int))
    for i, (clip, images) in zip(picked, originals([clips[i] for i in picked])):
        name = f'strip_{i:03d}_{re.sub(r"[^A-Za-z0-9]+", "_", Path(clip.name).name)[:40]}.png'
        write_image(folder / name, comparison_strip(model, clip, images, results['horizon']))
        lines += [f'## {clip.name}', '', f'![{clip.name}]({name})', '']
    with whole_file(folder / 'report.md') as part:
        part.write_text('\n'.join(lines))


def comparison_strip(
    model: AnyNetwork, clip: Clip, images: Iterable[np.ndarray], horizon: int
) -> np.ndarray:
    """The run of a clip with most motion: observed, what came, and each prediction of it, uint8.

    Args:
        model: the network.
        clip: of the model's size.
        images: the clip's frames at their own size.
        horizon: m, frames to predict.
    """
    n = model.config.window
    start = start_of_most_motion(clip.frames, n + horizon)
    run = clip.frames[start : start + n + horizon]
    parts = [
        (run[:n], 'observed, the newest on the right'),
        (run[n:], f'what came: steps 1 to {horizon}'),
    ]
    for method, drawn in zip(methods_of(model), draw_run(model, clip, images, start, horizon)):
        parts.append((drawn, f'predicted: {NAMES[method]}'))
    height = round(CELL * run.shape[1] / run.shape[2])
    return rows([(strip(list(f), height, CELL, COLUMNS), text) for f, text in parts])


def _plot(path: Path, results: dict[str, Any]) -> None:
    from matplotlib.figure import Figure  # slow to import; and no display is wanted

    figure = Figure((9, 3.6), layout='constrained')
    steps = [row['step'] for row in results['per_step']]
    for axes, (name, unit) in zip(figure.subplots(1, 2), _UNITS.items()):
        for method in methods_in(results):
            values = [row[method][name] for row in results['per_step']]
            axes.plot(steps, values, marker='.', label=NAMES[method])
        axes.set(xlabel='future step [frame]', ylabel=unit)
        axes.grid(alpha=0.3)
    axes.legend()
    with whole_file(path) as part:
        figure.savefig(part, dpi=110)
