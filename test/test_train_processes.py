"""Training by several processes."""

import os
import subprocess
import sys

import pytest
from train_help import TOML, log_of, train_command

from tkn_ros.cli import main


def test_two_processes_learn_as_one(tmp_path):
    """By torchrun over gloo: the losses of the same global batches."""
    # where the CPU has bfloat16, its rounding would depend on how a batch is shared
    arguments = train_command(tmp_path, 'half = false\n' + TOML)
    assert main([*arguments, '--out', str(tmp_path / 'one')]) == 0
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--nproc-per-node=2',
            '--standalone',
            '-m',
            'tkn_ros.cli',
            *arguments,
            '--out',
            str(tmp_path / 'two'),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr
    one, two = log_of(tmp_path / 'one'), log_of(tmp_path / 'two')
    assert [(r['stage'], r['step']) for r in one] == [(r['stage'], r['step']) for r in two]
    assert len(one) == 12
    for a, b in zip(one, two):
        assert float(a['loss']) == pytest.approx(float(b['loss']), abs=1e-5)
