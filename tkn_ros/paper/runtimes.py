"""What runs a line of Table I fastest here: one row for each runtime, ready to be raced."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tkn_ros.baselines.frames import Baseline
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.model.tkn import TKN
from tkn_ros.paper.contenders import KTH, Task, engine_call, runtime_call
from tkn_ros.paper.memory import MemoryMeter
from tkn_ros.paper.race import Racer
from tkn_ros.paper.table_one import NAMES
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.backends.onnxruntime import ONNXRuntimeBackend
from tkn_ros.streaming.backends.openvino import OpenVINOBackend, openvino_precisions
from tkn_ros.streaming.cache import fingerprint
from tkn_ros.streaming.select import candidates, make_backend
from tkn_ros.streaming.trial import prediction_step

BUNDLED = 'bundled'
CAMERA = (240, 320, 3)  # the pictures that the bundled weights are timed on
TRIAL = 4  # turns by which the engine's backend is chosen

Say = Callable[[str], None]
Entry = tuple['SpeedRow', Racer]


@dataclass
class SpeedRow:
    """One network on one runtime at one task.

    Attributes:
        task: 'KTH' or 'Human3.6M', in the setting of the paper.
        network: of `NETWORKS`, or 'bundled'.
        name: for people.
        runtime: 'eager', 'openvino', 'onnxruntime', 'cuda' or 'engine: ' and its backend.
        precision: of the runtime.
        ms: of a whole prediction, median [ms].
        fps: predicted frames a second.
        memory_mb: held at most during a prediction, the network included [MB].
        params_m: parameters [1e6].
        gmacs_thop: multiply-accumulates as the paper counts [1e9]; of the engine's rows those of
            the plain network, of which it leaves most out.
        gmacs_true: multiply-accumulates that are made [1e9].
        calls: that were timed.
    """

    task: str
    network: str
    name: str
    runtime: str
    precision: str
    ms: float = 0.0
    fps: float = 0.0
    memory_mb: float | None = None
    params_m: float | None = None
    gmacs_thop: float | None = None
    gmacs_true: float | None = None
    calls: int = 0


def fastest_runtime(
    model: Baseline, network: str, task: Task, folder: Path, say: Say
) -> Entry | None:
    """The first runtime that takes a peer, asked in the order of their speed; warm.

    Args:
        model: in evaluation mode, on the device to be used.
        network: its key.
        task: the setting.
        folder: where converted graphs are kept.
        say: gets one line for each runtime that does not take it.
    """
    kept = folder / fingerprint(model)  # what kept graphs are sealed with
    kept.mkdir(parents=True, exist_ok=True)
    device = str(next(model.parameters()).device)
    for make in _runtimes(model, kept, device):
        meter = MemoryMeter(device)
        try:
            backend = make()
            call = runtime_call(model, backend, task)
            call()
        except (ValueError, RuntimeError) as error:
            say(f'{NAMES[network]}: {" ".join(str(error).split())[:200]}')
            continue
        row = SpeedRow(task.name, network, NAMES[network], backend.name, backend.precision)
        row.memory_mb = meter.peak(call)
        return row, Racer(call)
    return None


def _runtimes(model: Baseline, kept: Path, device: str) -> Iterator[Callable[[], Backend]]:
    if device != 'cpu':
        yield lambda: make_backend(model, 'cuda', 'float16', cached=False)
        yield lambda: make_backend(model, 'cuda', 'float32', cached=False)
        return
    for precision in ('bfloat16', 'float32'):
        if precision in openvino_precisions():
            yield partial(OpenVINOBackend, model, precision, cache=kept)
    yield lambda: ONNXRuntimeBackend(model, cache=kept)


def engine_row(model: TKN, task: Task, say: Say) -> Entry | None:
    """TKN on this project's engine, by the fastest of its backends; warm.

    Args:
        model: in evaluation mode, on the device to be used.
        task: the setting.
        say: gets one line for each backend that cannot be had.
    """
    best: Entry | None = None
    device = str(next(model.parameters()).device)
    for name, precision in candidates(model):
        meter = MemoryMeter(device)
        try:
            backend = make_backend(model, name, precision, cached=False)
            call = engine_call(model, backend, task)
            call()
        except (ValueError, RuntimeError) as error:
            say(f'engine on {name} {precision}: {" ".join(str(error).split())[:200]}')
            continue
        title = f'engine: {backend.name}'
        row = SpeedRow(task.name, 'tkn', NAMES['tkn'], title, backend.precision)
        row.memory_mb = meter.peak(call)
        trial = Racer(call)
        for _ in range(TRIAL):
            trial.turn()
        row.ms = trial.ms
        if best is None or row.ms < best[0].ms:
            best = row, Racer(call)
    return best


def bundled_rows(device: str) -> list[Entry]:
    """The bundled weights, of the project's own form, on pictures of CAMERA; drawn at 64x64."""
    model = load_checkpoint('', device)
    meter = MemoryMeter(device)
    backend = make_backend(model, 'auto', horizon=KTH.horizon)
    frame, rows = np.random.default_rng(0).integers(0, 256, CAMERA, np.uint8), []
    for engine in (EagerBackend(model), backend):
        call = prediction_step(model, engine, frame, KTH.window, KTH.horizon)
        title = f'engine: {engine.name}'
        call()
        row = SpeedRow(KTH.name, BUNDLED, 'bundled weights', title, engine.precision)
        row.memory_mb = meter.peak(call)
        row.params_m = sum(p.numel() for p in model.parameters()) / 1e6
        rows.append((row, Racer(call)))
    return rows
