"""`tkn tables speed`: Table I's test columns and Table IV, all lines interleaved on equal input.

Every network is timed in eager PyTorch, and on what runs it fastest here: the peers on OpenVINO
(bfloat16 where the CPU multiplies in it), else ONNX Runtime, or as a CUDA graph; TKN on this
project's engine, which encodes the newest frame alone. Graphs are kept in a folder: converting them
takes some minutes, the first time.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from tqdm import tqdm

from tkn_ros.baselines.frames import Baseline
from tkn_ros.model.tkn import TKN
from tkn_ros.paper.contenders import HUMAN36M, KTH, Task, build_contender, eager_call
from tkn_ros.paper.flops import measure_size
from tkn_ros.paper.halves import halves_of
from tkn_ros.paper.memory import MemoryMeter
from tkn_ros.paper.race import Racer, race
from tkn_ros.paper.runtimes import (
    BUNDLED,
    Entry,
    Say,
    SpeedRow,
    bundled_rows,
    engine_row,
    fastest_runtime,
)
from tkn_ros.paper.table_one import NAMES, PAPER_PEERS, TABLE_4, TODAY
from tkn_ros.streaming.select import processor

HALVES = ('detector', 'predictor')
NETWORKS = (*PAPER_PEERS, *TODAY, 'tkn-wo-tp', 'tkn-sequential', 'tkn')


@dataclass
class HalfRow:
    """A half of Table IV: 'detector' or 'predictor', in eager PyTorch, at the task KTH."""

    network: str
    name: str
    half: str
    ms: float = 0.0
    params_m: float = 0.0
    gmacs_thop: float = 0.0


@dataclass
class Speed:
    """What was measured, and where."""

    machine: dict[str, Any]
    rows: list[SpeedRow] = field(default_factory=list)
    halves: list[HalfRow] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """{"machine": .., "rows": [..], "halves": [..]}."""
        return asdict(self)

    @staticmethod
    def from_json(table: dict[str, Any]) -> 'Speed':
        """Inverse of `as_json`."""
        rows = [SpeedRow(**row) for row in table['rows']]
        return Speed(table['machine'], rows, [HalfRow(**row) for row in table['halves']])


def measure_speed(
    folder: Path,
    seconds: float,
    device: str = 'cpu',
    networks: Sequence[str] = NETWORKS,
    tasks: Sequence[Task] = (KTH, HUMAN36M),
    say: Say = tqdm.write,
) -> Speed:
    """Build, convert and race all networks.

    Args:
        folder: where converted graphs are kept.
        seconds: for each task's race; with the preparations it takes a few minutes more.
        device: 'cpu', 'cuda' or 'cuda:N'.
        networks: of `NETWORKS`.
        tasks: which.
        say: gets one line for each thing worth reporting.
    """
    speed = Speed(describe(device))
    for task in tasks:
        racers: list[tuple[SpeedRow | HalfRow, Racer]] = []
        bar = tqdm(networks, desc=f'{task.name}: build and convert', unit='network', disable=None)
        for network in bar:
            racers += _prepare(network, task, folder, device, say)
        if task == KTH:
            racers += bundled_rows(device)
            for network in (n for n in TABLE_4 if n in networks):
                racers += _halves(network, task, device)
        race([racer for _, racer in racers], seconds, name=f'{task.name}: race')
        for row, racer in racers:
            row.ms = racer.ms
            if isinstance(row, SpeedRow):
                row.fps, row.calls = task.horizon / row.ms * 1e3, len(racer.times)
                speed.rows.append(row)
            else:
                speed.halves.append(row)
        racers.clear()  # and all that they hold
    _count(speed, tasks)
    return speed


def _count(speed: Speed, tasks: Sequence[Task]) -> None:
    """Parameters and multiply-accumulates; last, since it needs no quiet machine."""
    by_name = {task.name: task for task in tasks}
    raced = dict.fromkeys((r.network, r.task) for r in speed.rows if r.network != BUNDLED)
    for network, name in tqdm(raced, desc='count', unit='network', disable=None):
        task = by_name[name]
        build = partial(build_contender, network, task)
        size = measure_size(build, task.shape, task.horizon)
        for row in speed.rows:
            if (row.network, row.task) == (network, name):
                row.params_m, row.gmacs_thop = size.params_m, size.gmacs_thop
                row.gmacs_true = size.gmacs_true
    for mine in speed.halves:
        half = halves_of(mine.network, KTH)[HALVES.index(mine.half)]
        size = measure_size(partial(_half, mine.network, mine.half), half.shape, half.steps)
        mine.params_m, mine.gmacs_thop = size.params_m, size.gmacs_thop


def _half(network: str, half: str) -> nn.Module:
    return halves_of(network, KTH)[HALVES.index(half)].module


def describe(device: str) -> dict[str, Any]:
    """The machine that figures depend on."""
    return {
        'processor': processor(device),
        'device': device,
        'cores': os.cpu_count(),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'load_before': os.getloadavg()[0] if hasattr(os, 'getloadavg') else None,
        'date': time.strftime('%Y-%m-%d'),
    }


def _prepare(network: str, task: Task, folder: Path, device: str, say: Say) -> list[Entry]:
    """The network in eager PyTorch, and on its fastest runtime, warm."""
    meter = MemoryMeter(device)
    model = build_contender(network, task).to(device)
    eager = SpeedRow(task.name, network, NAMES[network], 'eager', 'float32')
    call = eager_call(model, task)
    eager.memory_mb = meter.peak(call)
    entries: list[Entry | None] = [(eager, Racer(call))]
    if isinstance(model, Baseline):
        entries.append(fastest_runtime(model, network, task, folder, say))
    elif network == 'tkn':
        entries.append(engine_row(cast(TKN, model), task, say))
    return [entry for entry in entries if entry]


def _halves(network: str, task: Task, device: str) -> Iterator[tuple[HalfRow, Racer]]:
    for title, half in zip(HALVES, halves_of(network, task)):
        half.module.to(device)
        yield HalfRow(network, NAMES[network], title), Racer(half.call())
