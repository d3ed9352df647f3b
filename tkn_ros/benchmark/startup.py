"""The network that is measured, and the time from a start to its first prediction."""

import subprocess
import sys
import time
from pathlib import Path

import torch

from tkn_ros.model.build import Network, build
from tkn_ros.model.checkpoints import PAPER_FORM_WEIGHTS, load_checkpoint
from tkn_ros.model.tkn import TKNConfig


def load_network(name: str) -> Network:
    """'full', 'bundled', 'paper-form' or a file -> the network, in evaluation mode on the CPU."""
    if name == 'full':
        torch.manual_seed(0)
        return build(TKNConfig()).eval()
    known: dict[str, str | Path] = {'bundled': '', 'paper-form': PAPER_FORM_WEIGHTS}
    return load_checkpoint(known.get(name, name))


def startup_seconds(threads: int, horizon: int) -> float:
    """A new process, from its start to the first prediction of the full-size network [s]."""
    code = (
        'import torch; torch.set_num_threads({0}); import numpy as np\n'
        'from tkn_ros.benchmark.startup import load_network\n'
        'from tkn_ros.streaming.select import make_backend\n'
        'from tkn_ros.streaming.trial import prediction_step\n'
        'model = load_network("full")\n'
        'backend = make_backend(model, "auto", "", {0}, {1}, 10)\n'
        'prediction_step(model, backend, np.zeros((64, 64, 3), np.uint8), 10, {1})()\n'
    )
    started = time.perf_counter()
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, '-c', code.format(threads, horizon)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(f'a fresh process failed to predict: {done.stderr.strip()[-300:]}')
    return time.perf_counter() - started
