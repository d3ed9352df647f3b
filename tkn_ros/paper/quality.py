"""`tkn tables quality`: every network trained on the same data for the same time, and compared.

Each is a run of `tkn train` in a folder of its own, so that a stopped one goes on. Learning rates
are those of the presets (of the detector and predictor those of `tkn tables ablations`), warmed up
in a few steps, since the slowest networks make no more than some dozens of steps on a CPU.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from tkn_ros.baselines.checkpoints import load_network
from tkn_ros.baselines.networks import BASELINES, AnyNetwork
from tkn_ros.datasets.clips import Clip, load_clips, long_enough
from tkn_ros.datasets.recording import TEST
from tkn_ros.evaluation.frame_quality import PROTOCOL, frame_quality, lpips_distance
from tkn_ros.paper.ablations import DETECTOR_RATE, PREDICTOR_RATE
from tkn_ros.paper.kept_results import open_results
from tkn_ros.paper.sizes import write_json
from tkn_ros.paper.table_one import NAMES, PAPER_PEERS, TODAY
from tkn_ros.streaming.select import processor
from tkn_ros.training.config import RunOptions, TrainConfig
from tkn_ros.training.run_folder import RunFolder
from tkn_ros.training.settings import Settings, load_settings
from tkn_ros.training.trainer import train

RESULTS = 'results.json'
FOLLOWED = 'followed'  # the form of the bundled weights
ROWS = (*PAPER_PEERS, *TODAY, 'tkn', FOLLOWED)
TITLES = {**NAMES, 'tkn': "TKN (the paper's form)", FOLLOWED: "the bundled weights' form"}
WARMUP, MANY = 5, 10**6  # steps; time ends a stage
CURVE = 8  # checkpoints of a run that are judged on the way
CURVE_CLIPS, CURVE_RUNS = 2, 1


@dataclass(frozen=True)
class Plan:
    """What is trained and tested on what; figures are of one plan.

    Attributes:
        data: to learn from, as `tkn train` takes it.
        test: to test on; empty: the test split of `data`.
        minutes: of training for each network.
        size: side of the frames [pixel].
        window: n, frames observed, and predicted in training.
        horizon: m, frames predicted in the test.
        batch: runs of a step, of networks without keypoints.
        runs: of each test clip at most.
        seed: of weights and examples.
        processor_time: minutes are of the processor's time, all threads together.
    """

    data: tuple[str, ...]
    test: tuple[str, ...]
    minutes: float
    size: int = 64
    window: int = 10
    horizon: int = 20
    batch: int = 8
    runs: int = 5
    seed: int = 0
    processor_time: bool = False

    def settings(self) -> dict[str, Any]:
        """As results keep it; data by name, which says nothing of this machine."""
        return {
            'data': [Path(p).name for p in self.data],
            'test': [Path(p).name for p in self.test],
            **{k: v for k, v in vars(self).items() if k not in ('data', 'test')},
        }


def settings_of(row: str, plan: Plan) -> Settings:
    """How one network is trained.

    Args:
        row: of `ROWS`.
        plan: for all of them.
    """
    if row in BASELINES:
        settings, _ = load_settings('frames', row)
        stages: dict[str, Any] = {'frames': replace(settings.frames, steps=MANY, batch=plan.batch)}
    elif row == FOLLOWED:
        settings, _ = load_settings('camera')
        stages = {n: replace(getattr(settings, n), steps=MANY) for n in settings.stages}
    else:
        settings, _ = load_settings('kth')
        stages = {
            'detector': replace(settings.detector, steps=MANY, epochs=0, lr=DETECTOR_RATE),
            'predictor': replace(settings.predictor, steps=MANY, epochs=0, lr=PREDICTOR_RATE),
        }
    model = replace(settings.model, height=plan.size, width=plan.size, window=plan.window)
    return replace(
        settings,
        model=model,
        ahead=plan.window,
        horizon=plan.horizon,
        seed=plan.seed,
        warmup=WARMUP,
        **stages,
    )


def run_quality(
    plan: Plan,
    out: Path,
    cache: Path,
    device: str = 'cpu',
    rows: Sequence[str] = ROWS,
) -> dict[str, Any]:
    """Train and test what is not done yet; the contents of results.json.

    {"settings": .., "protocol": .., "lpips": .., "rows": {row: {"figures": {method: ..}, "steps",
    "examples", "seconds", "params_m", "machine", "date", "curve": [[seconds, mse], ..]}}}.

    Args:
        plan: what on what.
        out: folder of results.json and of a run for each row.
        cache: of prepared clips.
        device: 'cpu', 'cuda' or 'cuda:N'.
        rows: of `ROWS`.
    """
    results = open_results(out / RESULTS, plan.settings())
    left = [row for row in rows if row not in results['rows']]
    if not left:
        return results
    test = test_clips(plan, cache)
    test = long_enough(
        test, plan.window + plan.horizon, f'window {plan.window} + horizon {plan.horizon}'
    )
    for size in {settings_of(row, plan).clip_size for row in left}:
        load_clips(plan.data, *size, cache, 'train')  # before the clock runs
    distance = lpips_distance()
    results['lpips'] = distance is not None
    results['protocol'] = PROTOCOL.format(
        n=plan.window, m=plan.horizon, width=plan.size, height=plan.size, most=plan.runs
    )
    for i, row in enumerate(left, 1):
        tqdm.write(f'[{i}/{len(left)}] {TITLES[row]}', file=sys.stderr)
        config = TrainConfig(settings_of(row, plan), plan.data)
        every = plan.minutes * 60 / CURVE
        options = RunOptions(
            cache,
            device,
            plan.minutes,
            every,
            float('inf'),
            tensorboard=False,
            keep=True,
            processor_time=plan.processor_time,
        )
        model = train(config, out / row, options, resume=True)
        figures = frame_quality(model, test, plan.horizon, plan.runs, distance)
        results['rows'][row] = {
            'figures': figures,
            **_about(model, out / row, config.settings, device),
            'curve': list(_curve(out / row, test, plan.horizon, device)),
        }
        write_json(out / RESULTS, results)
    return results


def test_clips(plan: Plan, cache: Path) -> list[Clip]:
    """What a plan tests on."""
    return load_clips(plan.test or plan.data, plan.size, plan.size, cache, TEST)


def _about(model: AnyNetwork, folder: Path, settings: Settings, device: str) -> dict[str, Any]:
    """What a run was."""
    with open(folder / 'log.csv', newline='') as file:
        steps = list(csv.DictReader(file))
    last = {row['stage']: float(row['seconds']) for row in steps}
    batches = {name: getattr(settings, name).batch for name in settings.stages}
    return {
        'steps': len(steps),
        'examples': sum(batches[row['stage']] for row in steps),
        'seconds': round(sum(last.values()), 1),
        'params_m': round(sum(p.numel() for p in model.parameters()) / 1e6, 3),
        'machine': f'{processor(device)}, {torch.get_num_threads()} threads',
        'date': time.strftime('%Y-%m-%d'),
    }


def _curve(
    folder: Path, test: Sequence[Clip], horizon: int, device: str
) -> Iterator[tuple[float, float]]:
    """Seconds of training and the error of the predicted frames then, on a few runs."""
    clips = [test[i] for i in range(0, len(test), max(1, len(test) // CURVE_CLIPS))][:CURVE_CLIPS]
    for seconds, weights in RunFolder(folder).kept().items():
        model = load_network(weights, device)
        yield seconds, frame_quality(model, clips, horizon, CURVE_RUNS)['model']['mse']
