"""How the time of a prediction grows with what is asked for: tables and plots."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tkn_ros.benchmark.roofline import Rates
from tkn_ros.benchmark.rows import Row, Setting
from tkn_ros.benchmark.timing import measure
from tkn_ros.model.tkn import TKN

AXES = {
    'horizon': (10, 20, 40, 80, 160),
    'window': (5, 10, 20, 40, 80),
    'side': (64, 128, 256, 512),
    'cameras': (1, 2, 4, 8, 16),
}
UNITS = {
    'horizon': 'predicted frames',
    'window': 'observed frames',
    'side': 'pixels a side',
    'cameras': 'cameras',
}


def at(axis: str, value: int) -> Setting:
    """The setting with this one thing changed. Larger frames go with a horizon of 10."""
    base = Setting()
    if axis == 'side':
        return replace(base, height=value, width=value, horizon=10)
    return replace(base, **{{'cameras': 'batch'}.get(axis, axis): value})


def measure_scaling(
    model: TKN,
    backend: tuple[str, str],
    rates: Rates,
    seconds: float,
    threads: int = 0,
    axes: Sequence[str] = tuple(AXES),
    say: Callable[[str], None] = print,
) -> dict[str, list[Row]]:
    """The rows of one backend (and of the naive model) along each axis: {axis: [..]}.

    Args:
        model: the network.
        backend: its name and precision.
        rates: of this machine.
        seconds: how long to measure each point.
        threads: of the CPU; 0 for the number that torch uses.
        axes: of `AXES`.
        say: gets one line for each thing worth reporting.
    """
    grown: dict[str, list[Row]] = {}
    for axis in axes:
        grown[axis] = []
        for value in AXES[axis]:
            say(f'  {axis} {value}')
            rows = measure(
                model, at(axis, value), [backend], rates, seconds, threads, least=2, say=say
            )
            grown[axis] += rows[:2]  # the naive one and the backend as `SlidingWindow` runs it
    return grown


def value_of(axis: str, row: Row) -> int:
    """Where on the axis a row is."""
    return getattr(row, {'side': 'height', 'cameras': 'batch'}.get(axis, axis))


def exponent(axis: str, rows: Sequence[Row]) -> float:
    """b of time ~ work^b between both ends of the axis; 1 is linear. Of `side`, per pixel."""
    first, last = rows[0], rows[-1]
    power = 2 if axis == 'side' else 1
    return float(
        np.log(last.ms_median / first.ms_median)
        / np.log((value_of(axis, last) / value_of(axis, first)) ** power)
    )


def format_scaling(grown: dict[str, list[Row]]) -> str:
    """A Markdown table for each axis."""
    parts = []
    for axis, rows in grown.items():
        fast = [row for row in rows if row.backend != 'naive']
        naive = [row for row in rows if row.backend == 'naive']
        per = 'pixel' if axis == 'side' else axis.removesuffix('s')
        parts += [
            f'| {UNITS[axis]} | ms | frames/s | naive ms | naive/ms |',
            '|---|---|---|---|---|',
        ]
        parts += [
            f'| {value_of(axis, f)} | {f.ms_median:.1f} | {f.fps:.0f} | {n.ms_median:.1f} '
            f'| {f.ratio_to_naive:.1f} |'
            for f, n in zip(fast, naive)
        ]
        parts += [
            '',
            f'time ~ {per}^{exponent(axis, fast):.2f}, naive ~ {per}^{exponent(axis, naive):.2f}',
            '',
        ]
    return '\n'.join(parts)


def plot_scaling(grown: dict[str, list[Row]], path: str | Path) -> None:
    """One picture with a panel for each axis; both scales logarithmic."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(grown), figsize=(4 * len(grown), 3.2), squeeze=False)
    for panel, (axis, rows) in zip(panels[0], grown.items()):
        for naive in (False, True):
            mine = [row for row in rows if (row.backend == 'naive') == naive]
            panel.plot(
                [value_of(axis, row) for row in mine],
                [row.ms_median for row in mine],
                'o-',
                label='naive' if naive else f'{mine[0].backend} {mine[0].precision}',
            )
        ticks = AXES[axis]
        panel.set(xscale='log', yscale='log', xlabel=UNITS[axis], xticks=ticks)
        panel.set_xticks([], minor=True)
        panel.set_xticklabels([str(t) for t in ticks])
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel('ms for a prediction')
    panels[0][0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
