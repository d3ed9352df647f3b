"""`tkn tables ablations`: Tables V to IX at an equal budget on any video.

Every detector is trained once for `budget` steps and every predictor, on keypoints of the detector
of its row, for as many. Finished parts are kept in a folder, so that a stopped run can be resumed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from tkn_ros.evaluation.runs import (
    cut_runs,
    evaluate_prediction,
    evaluate_reconstruction,
    evaluate_repeat_last,
    milliseconds,
)
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.parts import build_detector, build_predictor
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.paper.kept_results import open_results
from tkn_ros.paper.sizes import EXPLICIT, KERNELS, write_json
from tkn_ros.training.sampler import Sampling
from tkn_ros.training.stage import Schedule
from tkn_ros.training.stages import detect_keypoints, detector_stage, predictor_stage, run_stage
from tkn_ros.whole_file import whole_file

RESULTS = 'results.json'
TABLES = ('V', 'VI', 'VII', 'VIII', 'IX')
WINDOW = 10
DETECTOR_RATE, PREDICTOR_RATE = 2e-3, 3e-4  # of learning
DETECTORS = {
    **{name: DetectorConfig(kernels=kernels) for name, kernels in KERNELS.items()},
    **{f'K={k}': DetectorConfig(keypoints=k) for k in (4, 8, 12, 20, 32, 64)},
    'Fig 3a': DetectorConfig(structure='heatmap'),
    'Fig 3b': DetectorConfig(structure='separate'),
}
PREDICTORS = {
    **{
        kind: PredictorConfig(kind=kind)
        for kind in ('encoder', 'transformer', 'rnn', 'lstm', 'gru', 'mlp')
    },
    'explicit': EXPLICIT,
}


@dataclass(frozen=True)
class Row:
    """A line of the paper: what to train for it, and the paper's figures (KTH, 10 -> 20, GPU).

    Attributes:
        table: of the paper, as a Roman number.
        name: of the line.
        detector: a key of `DETECTORS`.
        predictor: a key of `PREDICTORS`; empty: none.
        paper: its figures.
    """

    table: str
    name: str
    detector: str = '3x3'
    predictor: str = 'encoder'
    paper: dict[str, float] = field(default_factory=dict)


def _row(table: str, name: str, parts: tuple[str, str], *paper: float | None) -> Row:
    keys = ('rec_ssim', 'rec_psnr', 'pred_ssim', 'pred_psnr', 'ms')
    return Row(table, name, *parts, {k: v for k, v in zip(keys, paper) if v is not None})


ROWS = (
    _row('V', '3x3', ('3x3', ''), 0.916, 31.91),
    _row('V', '2x2', ('2x2', ''), 0.862, 28.55),
    _row('V', '1x1', ('1x1', ''), 0.851, 28.07),
    _row('V', '3x3, 1x1', ('3x3, 1x1', ''), 0.900, 30.84),
    _row('VI', 'heatmap as background, Fig 3a', ('Fig 3a', 'encoder')),
    _row('VI', 'Separation-Net, Fig 3b', ('Fig 3b', 'encoder'), 0.900, 30.95, 0.855, 26.81),
    _row('VI', 'TKN, K = 4', ('K=4', 'encoder'), 0.895, 30.43, 0.850, 26.66),
    _row('VI', 'TKN, K = 8', ('K=8', 'encoder'), 0.909, 31.28, 0.854, 26.72),
    _row('VI', 'TKN, K = 12', ('K=12', 'encoder'), 0.914, 31.71, 0.863, 27.40),
    _row('VI', 'TKN, K = 16', ('3x3', 'encoder'), 0.916, 31.91, 0.871, 27.71),
    _row('VI', 'TKN, K = 20', ('K=20', 'encoder'), 0.915, 31.95, 0.861, 27.23),
    _row('VI', 'TKN, K = 32', ('K=32', 'encoder'), 0.922, 32.48, 0.858, 26.92),
    _row('VI', 'TKN, K = 64', ('K=64', 'encoder'), 0.925, 32.71, 0.849, 26.46),
    _row('VII', 'TKN', ('3x3', 'encoder'), None, None, 0.871, 27.71, 17),
    _row('VII', 'TKN+RNN', ('3x3', 'rnn'), None, None, 0.826, 25.61, 15),
    _row('VII', 'TKN+LSTM', ('3x3', 'lstm'), None, None, 0.815, 25.19, 23),
    _row('VII', 'TKN+GRU', ('3x3', 'gru'), None, None, 0.829, 25.82, 22),
    _row('VII', 'TKN+MLP', ('3x3', 'mlp'), None, None, 0.814, 25.12, 13),
    _row('VIII', 'encoder only', ('3x3', 'encoder'), None, None, 0.871, 27.71, 17),
    _row('VIII', 'whole transformer', ('3x3', 'transformer'), None, None, 0.800, 25.87, 93),
    _row('IX', 'explicit', ('3x3', 'explicit'), None, None, 0.852, 26.50),
    _row('IX', 'latent', ('3x3', 'encoder'), None, None, 0.871, 27.71),
)


def run_ablations(
    clips: Sequence[np.ndarray],
    test_clips: Sequence[np.ndarray],
    budget: int,
    out: Path,
    tables: Sequence[str] = TABLES,
    horizon: int = 20,
    batch: int = 32,
    seed: int = 0,
    data: str = '',
) -> dict[str, Any]:
    """Train and evaluate what the rows of `tables` need; return the contents of results.json.

    Raises ResultsError where it was of another setting.

    Args:
        clips, test_clips: (T, H, W, 3) uint8 each, all of one size. `out` keeps results.json and
            the detectors; what it holds already is not done again. `data` names the clips, so that
            a folder of results is not continued on others.
        budget: training steps of each part.
        out: folder of the results.
        tables: of the paper: 'V', 'VI', ..
        horizon: m, frames to predict.
        batch: examples of a step.
        seed: of the random examples.
        data: names the clips in the results.
    """
    settings = {
        'budget': budget,
        'batch': batch,
        'seed': seed,
        'horizon': horizon,
        'data': data,
        'height': clips[0].shape[1],
        'width': clips[0].shape[2],
    }
    runs = cut_runs(test_clips, WINDOW, horizon)
    results = open_results(out / RESULTS, settings, ('repeating', 'detectors', 'predictors'))
    if not results['repeating']:
        results['repeating'] = evaluate_repeat_last(runs, WINDOW)
    rows = [r for r in ROWS if r.table in tables]
    for i, row in enumerate(rows, 1):
        tqdm.write(f'[{i}/{len(rows)}] table {row.table}, {row.name}', file=sys.stderr)
        weights = out / f'detector-{row.detector.replace(", ", "-").replace(" ", "")}.safetensors'
        if row.detector not in results['detectors'] or not weights.is_file():
            torch.manual_seed(seed)
            detector = build_detector(DETECTORS[row.detector])
            schedule = Schedule(budget, DETECTOR_RATE)
            run_stage(detector_stage(detector, clips, schedule, batch, sampling=Sampling(seed)))
            with whole_file(weights) as part:
                save_file(detector.state_dict(), part)
            results['detectors'][row.detector] = evaluate_reconstruction(detector, runs, WINDOW)
            write_json(out / RESULTS, results)
        key = f'{row.detector} + {row.predictor}'
        if row.predictor and key not in results['predictors']:
            results['predictors'][key] = _train_and_predict(
                row, weights, clips, runs, budget, batch, seed
            )
            write_json(out / RESULTS, results)
    return results


def _train_and_predict(
    row: Row,
    weights: Path,
    clips: Sequence[np.ndarray],
    runs: Sequence[np.ndarray],
    budget: int,
    batch: int,
    seed: int,
) -> dict[str, Any]:
    config = DETECTORS[row.detector]
    predictor = replace(PREDICTORS[row.predictor], keypoints=config.keypoints)
    with torch.device('meta'):
        model = TKN(TKNConfig(config, predictor, WINDOW))
    torch.manual_seed(seed)
    model.predictor = build_predictor(predictor)
    model.detector = build_detector(config)
    model.detector.load_state_dict(load_file(weights))
    keypoints = detect_keypoints(model.detector.eval(), clips)
    schedule = Schedule(budget, PREDICTOR_RATE)
    run_stage(predictor_stage(model.predictor, keypoints, schedule, WINDOW, batch, Sampling(seed)))
    model.eval()
    frames = torch.zeros(1, WINDOW, 3, *runs[0].shape[1:3])
    horizon = len(runs[0]) - WINDOW
    return {
        **evaluate_prediction(model, runs, WINDOW),
        'ms': milliseconds(lambda: model(frames, horizon)),
    }


def format_ablations(results: dict[str, Any], tables: Sequence[str] = TABLES) -> str:
    """Ours beside the paper's, as text for a terminal."""
    s, still = results['settings'], results['repeating']
    lines = [
        f'{"":37}{"reconstruction":^26}{"prediction":^26}',
        f'{"table":6}{"":31}{"SSIM":>6}{"paper":>6}{"PSNR":>7}{"paper":>6} '
        f'{"SSIM":>6}{"paper":>6}{"PSNR":>7}{"paper":>6}{"ms":>9}{"paper":>6}',
    ]
    for row in (r for r in ROWS if r.table in tables):
        rec = results['detectors'].get(row.detector, {})
        pred = results['predictors'].get(f'{row.detector} + {row.predictor}', {})
        if row.table in ('VII', 'VIII', 'IX'):
            rec = {}
        p = row.paper
        lines.append(
            f'{row.table:6}{row.name:31}'
            f'{_number(rec.get("ssim"), 6, 3)}{_number(p.get("rec_ssim"), 6, 3)}'
            f'{_number(rec.get("psnr"), 7, 2)}{_number(p.get("rec_psnr"), 6, 2)} '
            f'{_number(pred.get("ssim"), 6, 3)}{_number(p.get("pred_ssim"), 6, 3)}'
            f'{_number(pred.get("psnr"), 7, 2)}{_number(p.get("pred_psnr"), 6, 2)}'
            f'{_number(pred.get("ms"), 9, 1)}{_number(p.get("ms"), 6, 0)}'
        )
    lines += [
        f'{"":6}{"repeating the newest frame":31}{"":26}'
        f'{_number(still.get("ssim"), 6, 3)}{"":6}{_number(still.get("psnr"), 7, 2)}',
        '',
        f'Ours: {s["budget"]} steps of {s["batch"]} for each detector and each predictor, '
        f'{s["width"]}x{s["height"]}, {WINDOW} -> {s["horizon"]} frames, {s["data"]};',
        'SSIM and PSNR per frame (RGB in [0, 1], Gaussian window 11), mean over frames, then '
        'runs; ms for a whole prediction on this CPU.',
        'Paper: KTH, 750 epochs, 10 -> 20 frames; ms on an RTX 3090.',
    ]
    return '\n'.join(lines)


def _number(value: float | None, width: int, decimals: int) -> str:
    return f'{"-":>{width}}' if value is None else f'{value:{width}.{decimals}f}'
