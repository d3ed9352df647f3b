"""The folder of a training run: what is in it, written whole or not at all.

run.json            what was asked for: settings, data, seed
model.safetensors   the weights so far, for every other command
state.pt            all that `--resume` needs; read without unpickling anything but tensors
log.csv             stage, step, loss, learning rate, seconds
checkpoints/        weights of earlier moments by their seconds, where they are kept
pictures/           reconstructions and predictions on the way
tensorboard/        the same for TensorBoard
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from tkn_ros.baselines.checkpoints import save_network
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.input_files import read_text
from tkn_ros.training.stage import Stage, TrainingError
from tkn_ros.whole_file import whole_file

FILES = ('run.json', 'model.safetensors', 'state.pt', 'log.csv')
CHECKPOINTS = 'checkpoints'
LOG_COLUMNS = ('stage', 'step', 'loss', 'lr', 'seconds')
_RUN = {'settings', 'data', 'part', 'topic', 'init', 'clips'}
_STATE = {  # what a saved state holds
    'stage': int,
    'spent': float,
    'finished': bool,
    'model': dict,
    'where': str,
    'stage_state': dict,
}
_STAGE_STATE = {
    'step': int,
    'elapsed': float,
    'recent': list,
    'module': dict,
    'optimiser': dict,
    'average': list,
    'scaler': dict,
}


class SavingError(TrainingError):
    """The run's files could not be written; the message says what is still there."""


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        run, model, state, log = (self.path / name for name in FILES)
        self.model = model
        self.pictures = self.path / 'pictures'
        self.saved = 'nothing was saved yet'
        self._run, self._state, self._log = run, state, log
        self._rows: list[tuple[Any, ...]] = []

    @property
    def exists(self) -> bool:
        """Whether there is a run in this folder."""
        return self._run.is_file()

    def begin(self, run: dict[str, Any]) -> None:
        """Make the folder and write down what was asked for."""
        try:
            with whole_file(self._run) as part:
                part.write_text(json.dumps(run, indent=1))
            with open(self._log, 'w', newline='') as file:
                csv.writer(file).writerow(LOG_COLUMNS)
        except OSError as error:
            raise TrainingError(
                f'{self.path} cannot be written ({error.strerror or error}); give another --out'
            ) from None

    def read(self) -> dict[str, Any]:
        """What `begin` wrote."""
        try:
            run = json.loads(read_text(self._run, 'the record of a run'))
            if not isinstance(run, dict) or not run.keys() >= _RUN:
                raise ValueError(f'expected a table of {", ".join(sorted(_RUN))}')
            return run
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(
                f'{self._run}: not the record of a run ({error}); give the --out '
                'folder of one, or start again without --resume'
            ) from None

    def read_state(self) -> dict[str, Any] | None:
        """The latest state, on the CPU; None if none was saved."""
        if not self._state.is_file():
            return None
        try:
            state = torch.load(self._state, map_location='cpu', weights_only=True)
        except Exception as error:  # damaged files raise many kinds
            reason = ' '.join(str(error).split())[:200]
            raise TrainingError(
                f'{self._state}: cannot be read ({reason}); the weights in '
                f'{self.model.name} may serve as --init of a new run'
            ) from None
        problem = _state_problem(state)
        if problem:
            raise TrainingError(
                f'{self._state}: {problem}; it is not whole, or of another version: the weights in '
                f'{self.model.name} may serve as --init of a new run'
            )
        self.saved = f'the checkpoint of {state["where"]} is in {self.model}'
        return state

    def save(self, model: AnyNetwork, stage: Stage, state: dict[str, Any], note: str) -> None:
        """State and weights, both or none: a failure leaves those of the last time as they are.

        Args:
            model: the network.
            stage: that was running.
            state: all else that is needed to resume the run.
            note: for the checkpoint.
        """
        where = f'{stage.name} step {stage.step}'
        weights = stage.average_of(model) if stage.average else model
        try:
            with whole_file(self._state) as part:
                torch.save({**state, 'where': where, 'stage_state': stage.state()}, part)
                save_network(self.model, weights, training=f'{note}; {where}')
            self.saved = f'the checkpoint of {where} is in {self.model}'
            self._append()
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = ' '.join(str(error).split())[:200]
            free = shutil.disk_usage(self.path).free / 1e6
            left = (
                f'{self.saved}, intact. Free some space and continue'
                if self._state.is_file()
                else 'nothing was saved before. Free some space and start again'
            )
            raise SavingError(
                f'{self.path}: saving failed at {where} with {free:.1f} MB free '
                f'({reason}); {left} with --resume'
            ) from None

    def keep(self, seconds: float) -> None:
        """Keep the weights just saved, by how long the run has taken.

        Raises SavingError where there is no room for them.
        """
        folder = self.path / CHECKPOINTS
        try:
            folder.mkdir(exist_ok=True)
            with whole_file(folder / f'{seconds:09.1f}.safetensors') as part:
                shutil.copyfile(self.model, part)
        except OSError as error:
            raise SavingError(
                f'{folder}: {error.strerror or error}; {self.saved}. Free some space and continue '
                'with --resume'
            ) from None

    def kept(self) -> dict[float, Path]:
        """What `keep` kept: seconds and files, the earliest first."""
        files = sorted((self.path / CHECKPOINTS).glob('*.safetensors'))
        return {float(file.stem): file for file in files}

    def log(self, stage: Stage, loss: float) -> None:
        """One row for the step just done; written at the next save."""
        rate = stage.optimiser.param_groups[0]['lr']
        self._rows.append(
            (stage.name, stage.step, f'{loss:.9g}', f'{rate:.6g}', f'{stage.elapsed:.1f}')
        )

    def _append(self) -> None:
        with whole_file(self._log) as part:
            shutil.copyfile(self._log, part)
            with open(part, 'a', newline='') as file:
                csv.writer(file).writerows(self._rows)
        self._rows.clear()


def _state_problem(state: Any) -> str:
    """What is wrong with what `save` should have written, as text; empty if nothing is."""
    return _entries(state, _STATE) or _entries(state['stage_state'], _STAGE_STATE)


def _entries(table: object, expected: dict[str, type]) -> str:
    if not isinstance(table, dict):
        return f'it holds a {type(table).__name__}, expected a table'
    for name, kind in expected.items():
        if name not in table:
            return f'"{name}" is missing'
        if not isinstance(table[name], kind):
            return f'"{name}" is a {type(table[name]).__name__}, expected a {kind.__name__}'
    return ''
