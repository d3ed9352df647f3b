"""`tkn tables training`: seconds an epoch and memory of training, Table I's other columns.

Every network makes steps on the same number of runs of 10 + 10 frames; TKN end to end, as in the
paper. An epoch has as many runs as KTH's training split has sequences.
"""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from tkn_ros.baselines.networks import build_network
from tkn_ros.datasets.clips import Clip
from tkn_ros.paper.memory import MemoryMeter
from tkn_ros.paper.quality import Plan, settings_of
from tkn_ros.paper.speed import describe
from tkn_ros.paper.table_one import NAMES, PAPER_PEERS, TABLE_1, TODAY
from tkn_ros.training.build_stage import build_stage

NETWORKS = (*PAPER_PEERS, *TODAY, 'tkn')
EPOCH = 1528  # of the 2391 sequences those of 16 of 25 persons, about


@dataclass
class CostRow:
    """The cost of training one network.

    Attributes:
        network: of `NETWORKS`.
        name: for people.
        step_s: of a step, median [s].
        epoch_s: of an epoch [s].
        memory_mb: held at most in a step, the network and its optimiser included [MB].
        steps: that were timed.
    """

    network: str
    name: str
    step_s: float
    epoch_s: float
    memory_mb: float | None
    steps: int


def measure_training(
    batch: int, seconds: float, size: int = 64, device: str = 'cpu'
) -> dict[str, Any]:
    """{"machine", "batch", "size", "epoch", "rows": [..]} of all networks.

    Args:
        batch: runs of a step.
        seconds: for each network, at least two steps.
        size: side of the frames [pixel].
        device: 'cpu', 'cuda' or 'cuda:N'.
    """
    machine, rows = describe(device), []
    for network in tqdm(NETWORKS, 'training', unit='network', disable=None):
        rows.append(asdict(_cost(network, batch, seconds, size, device)))
    return {'machine': machine, 'batch': batch, 'size': size, 'epoch': EPOCH, 'rows': rows}


def _cost(network: str, batch: int, seconds: float, size: int, device: str) -> CostRow:
    plan = Plan((), (), 0.0, size, batch=batch)
    settings, name = settings_of(network, plan), 'frames'
    if network == 'tkn':
        name = 'joint'
        settings = replace(settings, joint=replace(settings.joint, batch=batch, steps=10**6))
    frames = np.random.default_rng(0).integers(0, 256, (40, size, size, 3), np.uint8)
    torch.manual_seed(0)
    meter = MemoryMeter(device)
    model = build_network(settings.model).to(device)
    stage = iter(build_stage(name, model, [Clip('noise', frames, 25.0)], settings))
    times: list[float] = []

    def step() -> None:
        begun = time.perf_counter()
        next(stage)
        times.append(time.perf_counter() - begun)

    step()  # the first one allocates
    memory = meter.peak(step)
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        step()
    median = float(np.median(times[1:]))
    epoch = median * EPOCH / batch
    return CostRow(network, NAMES[network], median, epoch, memory, len(times) - 1)


def format_training(cost: dict[str, Any], equal: dict[str, float | None] | None = None) -> str:
    """For a terminal.

    Args:
        cost: of `measure_training`.
        equal: seconds to equal loss of some networks; None: nothing is said of it.
    """
    rows = {row['network']: row for row in cost['rows']}
    ours, paper = rows.get('tkn'), TABLE_1['tkn'].kth
    head = f'{"":16}{"s/step":>9}{"s/epoch":>9}{"x TKN":>7}{"MB":>8}{"x TKN":>7}'
    lines = [head + f'{"paper s":>9}{"x TKN":>7}{"MB":>8}{"x TKN":>7}' + _equal_head(equal)]
    for row in rows.values():
        line = TABLE_1.get(row['network'])
        ratio = row['step_s'] / ours['step_s'] if ours else None
        memory = row['memory_mb'], ours and ours['memory_mb']
        lines.append(
            f'{row["name"]:16}{row["step_s"]:9.3f}{row["epoch_s"]:9.0f}{_cell(ratio, 7, 1)}'
            f'{_cell(memory[0], 8, 0)}'
            f'{_cell(memory[0] / memory[1] if all(memory) else None, 7, 1)}'
            f'{_cell(line.kth.train_s if line else None, 9, 0)}'
            f'{_cell(line.kth.train_s / paper.train_s if line else None, 7, 1)}'
            f'{_cell(line.kth.train_mb if line else None, 8, 0)}'
            f'{_cell(line.kth.train_mb / paper.train_mb if line else None, 7, 1)}'
            + ('' if equal is None else _cell(equal.get(row['network']), 12, 0))
        )
    m = cost['machine']
    lines += [
        '',
        f'{cost["size"]}x{cost["size"]}, 10 -> 10 frames, {cost["batch"]} runs a step, '
        f'{cost["epoch"]} an epoch; TKN end to end. On {m["processor"]}, {m["threads"]} threads, '
        f'load {m["load_before"] or 0:.1f} at the start. The paper: KTH, batch 32 (16 for SLAMP '
        'and E3D-LSTM), an RTX 3090.',
    ]
    return '\n'.join(lines)


def _equal_head(equal: dict[str, float | None] | None) -> str:
    return '' if equal is None else f'{"s to equal":>12}'


def _cell(value: float | None, width: int, decimals: int) -> str:
    return f'{"-":>{width}}' if value is None else f'{value:{width}.{decimals}f}'
