"""What `tkn tables quality` found, as text and as a curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tkn_ros.paper.quality import FOLLOWED, ROWS, TITLES
from tkn_ros.paper.table_one import TABLE_1
from tkn_ros.whole_file import whole_file

COLUMNS = {'ssim': 'SSIM', 'psnr': 'PSNR', 'ms_ssim': 'MS-SSIM', 'sharpness': 'sharp'}
TRIVIAL = {
    ('tkn', 'repeat_last'): 'repeat the last frame',
    ('tkn', 'constant_velocity'): "TKN's keypoints at constant velocity",
    (FOLLOWED, 'constant_velocity'): 'followed keypoints at constant velocity',
}

Line = tuple[str, dict[str, float], dict[str, Any]]


def quality_lines(results: dict[str, Any]) -> list[Line]:
    """(title, figures, what the run was) of every network, then of the trivial predictors."""
    rows = results['rows']
    lines = [(TITLES[r], rows[r]['figures']['model'], rows[r]) for r in ROWS if r in rows]
    for (row, method), title in TRIVIAL.items():
        if row in rows:
            lines.append((title, rows[row]['figures'][method], {}))
        elif method == 'repeat_last' and rows:  # the same for all
            lines.append((title, next(iter(rows.values()))['figures'][method], {}))
    return lines


def format_quality(results: dict[str, Any]) -> str:
    """For a terminal."""
    columns = COLUMNS | ({'lpips': 'LPIPS'} if results.get('lpips') else {})
    head = ''.join(f'{title:>9}' for title in columns.values())
    lines = [f'{"":40}{head}{"steps":>8}{"examples":>10}{"paper":>8}{"PSNR":>7}']
    names = {title: row for row, title in TITLES.items()}
    for title, figures, about in quality_lines(results):
        cells = ''.join(
            f'{figures[name]:9.2f}' if name == 'psnr' else f'{figures[name]:9.3f}'
            for name in columns
        )
        done = f'{about["steps"]:8}{about["examples"]:10}' if about else f'{"-":>8}{"-":>10}'
        line = TABLE_1.get(names.get(title, ''))
        paper = f'{line.kth.ssim or 0:8.3f}{line.kth.psnr or 0:7.2f}' if line else ''
        lines.append(f'{title:40}{cells}{done}{paper}')
    s = results['settings']
    lines += [
        '',
        f'{s["minutes"]:g} minutes of {"processor time" if s["processor_time"] else "training"} '
        f'each, on {", ".join(s["data"])}; tested on '
        f'{", ".join(s["test"]) or "its test split"}. {results.get("protocol", "")}.',
        'LPIPS is left out: its weights are not at hand.' if not results.get('lpips') else '',
        'The paper: KTH, trained to convergence; not comparable, for orientation.',
    ]
    return '\n'.join(line for line in lines if line or line == '')


def plot_curves(path: Path, results: dict[str, Any]) -> None:
    """Fig 10: error of the predicted frames against the time of training."""
    from matplotlib.figure import Figure  # slow to import; and no display is wanted

    figure = Figure((7.5, 4.2), layout='constrained')
    axes = figure.subplots()
    for number, row in enumerate(r for r in ROWS if r in results['rows']):
        curve = results['rows'][row]['curve']
        if curve:
            seconds, errors = zip(*curve)
            style = '--' if number >= 10 else '-'
            axes.plot(
                seconds, errors, style, marker='.', label=TITLES[row], color=f'C{number % 10}'
            )
    axes.set(xlabel='training [s]', ylabel='mean squared error of predicted frames', yscale='log')
    axes.grid(alpha=0.3)
    axes.legend(fontsize='x-small', ncols=2)
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format='png')


def seconds_to_equal(results: dict[str, Any], row: str, target: float) -> float | None:
    """Seconds of training after which a network's curve is at `target` or below; None: never."""
    curve = results['rows'].get(row, {}).get('curve', [])
    return next((seconds for seconds, error in curve if error <= target), None)


def equal_error(results: dict[str, Any]) -> float | None:
    """What "equal" means for `tkn tables training`: the error that TKN, in the paper's form, has
    at the end of its run; None where it has not run."""
    curve = results['rows'].get('tkn', {}).get('curve', [])
    return curve[-1][1] if curve else None
