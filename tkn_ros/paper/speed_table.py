"""What `tkn tables speed` measured, beside the paper's figures."""

import numpy as np

from tkn_ros.paper.contenders import HUMAN36M, KTH
from tkn_ros.paper.speed import Speed
from tkn_ros.paper.table_one import PAPER_PEERS, TABLE_1, TABLE_4

TASKS = (KTH, HUMAN36M)


def ratios(speed: Speed, task: str = 'KTH') -> dict[str, float]:
    """How many times faster TKN is than others at one task, as far as they were measured.

    engine_to_mean, engine_to_e3d: our engine and the mean of the paper's peers and E3D-LSTM, both
    eager; engine_to_fast_mean, engine_to_fast_least: the peers on their fastest runtimes, mean and
    the fastest of them; plain_to_mean, plain_to_least: the plain network and eager peers.
    paper_to_mean, paper_to_e3d: what the paper's figures say.
    """
    rows = [row for row in speed.rows if row.task == task]
    eager = {row.network: row.ms for row in rows if row.runtime == 'eager'}
    fast = {r.network: r.ms for r in rows if r.runtime != 'eager' and r.network in PAPER_PEERS}
    peers = [eager[name] for name in PAPER_PEERS if name in eager]
    engine = next((r.ms for r in rows if r.network == 'tkn' and r.runtime != 'eager'), None)
    plain, out = eager.get('tkn'), {}
    if engine and peers:
        out['engine_to_mean'] = float(np.mean(peers)) / engine
        out['engine_to_e3d'] = eager.get('e3d-lstm', np.nan) / engine
    if engine and fast:
        out['engine_to_fast_mean'] = float(np.mean(list(fast.values()))) / engine
        out['engine_to_fast_least'] = min(fast.values()) / engine
    if plain and peers:
        out['plain_to_mean'] = float(np.mean(peers)) / plain
        out['plain_to_least'] = min(peers) / plain
    paper = [f for n in PAPER_PEERS if n in eager and (f := paper_ms(n, task))]
    if paper and (ours := paper_ms('tkn', task)):
        out['paper_to_mean'] = float(np.mean(paper)) / ours
        out['paper_to_e3d'] = (paper_ms('e3d-lstm', task) or np.nan) / ours
    return out


def paper_ms(network: str, task: str) -> float | None:
    """Of Table I; None where the paper has no such figure."""
    line = TABLE_1.get(network)
    figures = line and (line.kth if task == 'KTH' else line.human36m)
    return figures.ms if figures else None


def format_speed(speed: Speed) -> str:
    """For a terminal."""
    lines = []
    for task in (t for t in TASKS if any(row.task == t.name for row in speed.rows)):
        lines += [f'{task.name}, {task}, batch 1', _HEAD]
        rows = [row for row in speed.rows if row.task == task.name]
        plain = next((r.ms for r in rows if r.network == 'tkn' and r.runtime == 'eager'), None)
        engine = next((r.ms for r in rows if r.network == 'tkn' and r.runtime != 'eager'), None)
        ours = paper_ms('tkn', task.name)
        for row in rows:
            paper = paper_ms(row.network, task.name) if row.runtime == 'eager' else None
            lines.append(
                f'{row.name:16}{f"{row.runtime} {row.precision}":29}{row.ms:9.1f}{row.fps:9.0f}'
                f'{_cell(row.memory_mb, 7, 0)}{_cell(row.gmacs_thop, 8, 1)}'
                f'{_cell(row.params_m, 7, 1)}{_cell(plain and row.ms / plain, 8, 2)}'
                f'{_cell(engine and row.ms / engine, 9, 1)}{_cell(paper, 7, 0)}'
                f'{_cell(paper and ours and paper / ours, 8, 2)}'
            )
        lines += ['', *format_ratios(ratios(speed, task.name)), '']
    if speed.halves:
        lines += _format_halves(speed)
    m = speed.machine
    lines.append(
        f'On {m["processor"]} ({m["threads"]} threads, torch {m["torch"]}), {m["date"]}, load '
        f'{m["load_before"] or 0:.1f} at the start. Medians of calls in turns, bytes to bytes, '
        'random weights. MB: held at most during a prediction, the network included. G: '
        'multiply-accumulates as the paper counts them, on this input. The engine keeps the '
        "window's keypoints and encodes the newest frame alone. What half precision loses is not "
        'looked at here. '
        'The paper: an RTX 3090.'
    )
    return '\n'.join(lines)


_HEAD = (
    f'{"":16}{"runtime":29}{"ms":>9}{"fps":>9}{"MB":>7}{"G":>8}{"M":>7}{"x TKN":>8}{"x engine":>9}'
    f'{"paper":>7}{"x TKN":>8}'
)


def format_ratios(found: dict[str, float]) -> list[str]:
    """`ratios` in sentences; [] where there are none."""
    texts = {
        'engine_to_mean': "our engine against the mean of the paper's peers (eager)",
        'engine_to_e3d': 'our engine against E3D-LSTM (eager)',
        'engine_to_fast_mean': "our engine against the mean of the paper's peers, each on its "
        'fastest runtime',
        'engine_to_fast_least': 'our engine against the fastest of those',
        'plain_to_mean': "plain TKN against the mean of the paper's peers (both eager)",
        'plain_to_least': 'plain TKN against the fastest of those',
        'paper_to_mean': 'the paper: TKN against the mean of its peers',
        'paper_to_e3d': 'the paper: TKN against E3D-LSTM',
    }
    return [
        f'{texts[name]}: {value:.1f} times as fast'
        for name, value in found.items()
        if value == value
    ]


def _format_halves(speed: Speed) -> list[str]:
    lines = [
        f'Table IV, {KTH}, eager',
        f'{"":16}{"half":11}{"ms":>9}{"paper":>8}{"G":>8}{"paper":>8}{"M":>8}{"paper":>8}',
    ]
    for row in speed.halves:
        ms, g, m = getattr(TABLE_4[row.network], row.half)
        lines.append(
            f'{row.name:16}{row.half:11}{row.ms:9.1f}{ms:8.1f}{row.gmacs_thop:8.1f}{g:8.1f}'
            f'{row.params_m:8.1f}{m:8.1f}'
        )
    return [*lines, '']


def _cell(value: float | None, width: int, decimals: int) -> str:
    return f'{"-":>{width}}' if value is None else f'{value:{width}.{decimals}f}'
