"""`tkn tables all`: docs/results.md, from the results that are there, with its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tkn_ros.paper.contenders import KTH
from tkn_ros.paper.quality import FOLLOWED, ROWS, TITLES
from tkn_ros.paper.quality_table import equal_error, format_quality, plot_curves, seconds_to_equal
from tkn_ros.paper.runtimes import BUNDLED
from tkn_ros.paper.sizes import SizeRow, format_sizes
from tkn_ros.paper.speed import Speed
from tkn_ros.paper.speed_table import format_speed
from tkn_ros.paper.training_cost import format_training
from tkn_ros.whole_file import whole_file

HEAD = """# The paper's tables, measured

Made by `tkn tables all`; every part has a command of its own: `tkn tables sizes`, `speed`,
`quality`, `training`, `figures`, and `ablations` for Tables V to IX. The peers are this project's
own code, written from their papers (`tkn_ros/baselines/`); [paper.md](paper.md) says which table is
what. The paper's own protocol needs its data sets, at which these commands take their splits:

```sh
tkn tables all --data /data/kth --budget 600 --out out/kth          # 64x64, 10 -> 20
tkn tables all --data /data/human36m --budget 600 --out out/human36m --size 128 --window 4 \\
    --horizon 4
```
"""


def write_page(
    page: Path,
    sizes: Sequence[SizeRow],
    speed: Speed | None,
    quality: dict[str, Any] | None,
    cost: dict[str, Any] | None,
    figures: Sequence[Path] = (),
    notes: str = '',
) -> None:
    """Write the page, and its plots into a folder of its name beside it.

    Args:
        page: a .md file.
        sizes: of `size_rows`.
        speed: of `measure_speed`, or None.
        quality: of `run_quality`, or None.
        cost: of `measure_training`, or None.
        figures: pictures of `draw_figures` that lie in the page's folder.
        notes: Markdown after the head.
    """
    folder = page.parent / page.stem
    parts = [HEAD, *([notes] if notes else [])]
    if speed:
        parts += ['## Speed (Table I, test; Table IV)', _block(format_speed(speed))]
    if quality:
        parts += ['## Quality at an equal budget', _block(format_quality(quality))]
        plot_curves(folder / 'curves.png', quality)
        parts.append(f'![Error against the time of training]({page.stem}/curves.png)')
    if quality and speed and plot_speed_and_quality(folder / 'speed_quality.png', speed, quality):
        parts.append(f'![Speed against quality]({page.stem}/speed_quality.png)')
    if cost:
        equal = equal_times(quality) if quality else None
        parts += ['## Training (Table I; Fig 10)', _block(format_training(cost, equal))]
        if equal:
            parts.append(EQUAL)
    if figures:
        parts.append('## Figures 8, 9 and 11')
        parts += [f'![{path.stem}]({page.stem}/{path.name})' for path in figures]
    parts += ['## Sizes (Tables III, IV, V, VII, IX)', _block(format_sizes(list(sizes)))]
    with whole_file(page) as part:
        part.write_text('\n\n'.join(text.strip() for text in parts) + '\n')


EQUAL = (
    '*s to equal*: seconds of training after which the predicted frames are as near to the true '
    "ones as those of TKN (the paper's form) at the end of its budget, looked at eight times; -: "
    'not within the budget.'
)


def equal_times(quality: dict[str, Any]) -> dict[str, float | None] | None:
    """Seconds to equal loss of every network; None where there is nothing to be equal to."""
    target = equal_error(quality)
    if target is None:
        return None
    return {row: seconds_to_equal(quality, row, target) for row in ROWS}


def plot_speed_and_quality(path: Path, speed: Speed, quality: dict[str, Any]) -> bool:
    """One point for each network, on its fastest runtime and in eager PyTorch; whether there are
    any that have both figures."""
    from matplotlib.figure import Figure  # slow to import; and no display is wanted

    rows = quality['rows']
    figure = Figure((7.5, 4.6), layout='constrained')
    axes, drawn = figure.subplots(), False
    for i, row in enumerate(r for r in ROWS if r in rows):
        network = BUNDLED if row == FOLLOWED else row
        mine = [s for s in speed.rows if s.network == network and s.task == KTH.name]
        ssim = rows[row]['figures']['model']['ssim']
        for s in mine:
            eager = s.runtime == 'eager' or s.runtime.endswith(' eager')
            axes.plot(
                s.fps,
                ssim,
                'o' if eager else '^',
                color=f'C{i % 10}',
                mfc='none' if i > 9 else None,
            )
            drawn = True
        if mine:
            best = max(s.fps for s in mine)
            axes.annotate(TITLES[row], (best, ssim), (5, 3), textcoords='offset points', fontsize=7)
    if not drawn:
        return False
    still = next(iter(rows.values()))['figures']['repeat_last']['ssim']
    axes.axhline(still, color='grey', lw=0.8, ls=':', label='repeat the last frame')
    axes.plot([], [], 'ko', label='eager PyTorch')
    axes.plot([], [], 'k^', label='fastest runtime')
    axes.set(xlabel='predicted frames a second (64x64, 10 -> 20)', ylabel='SSIM', xscale='log')
    axes.grid(alpha=0.3)
    axes.legend(fontsize='x-small')
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format='png')
    return True


def _block(text: str) -> str:
    return f'```\n{text}\n```'
