"""The folder of a training run: what is in it, written whole or not at all.

run.json            what was asked for: settings, data, seed
model.safetensors   the weights so far, for every other command
state.pt            all that `--resume` needs; read without unpickling anything but tensors
log.csv             stage, step, loss, learning rate, seconds
pictures/           reconstructions and predictions on the way
tensorboard/        the same for TensorBoard
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError

from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.model.tkn import TKN
from tkn_ros.training.stage import Stage, TrainingError
from tkn_ros.whole_file import whole_file

LOG_COLUMNS = ('stage', 'step', 'loss', 'lr', 'seconds')


class SavingError(TrainingError):
    """The run's files could not be written; the message says what is still there."""


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.model = self.path / 'model.safetensors'
        self.pictures = self.path / 'pictures'
        self.saved = 'nothing was saved yet'
        self._run, self._state = self.path / 'run.json', self.path / 'state.pt'
        self._log = self.path / 'log.csv'
        self._rows: list[tuple] = []

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self._run.is_file()

    def begin(self, run: dict) -> None:
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

    def read(self) -> dict:
        """What `begin` wrote."""
        try:
            return json.loads(self._run.read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(
                f'{self._run}: not the record of a run ({error}); give the --out '
                'folder of one, or start again without --resume'
            ) from None

    def read_state(self) -> dict | None:
        """The latest state, on the CPU; None if none was saved."""
        if not self._state.is_file():
            return None
        try:
            state = torch.load(self._state, map_location='cpu', weights_only=True)
        except Exception as error:  # as many kinds as there are ways to damage a file
            reason = ' '.join(str(error).split())[:200]
            raise TrainingError(
                f'{self._state}: cannot be read ({reason}); the weights in '
                f'{self.model.name} may serve as --init of a new run'
            ) from None
        self.saved = f'the checkpoint of {state["where"]} is in {self.model}'
        return state

    def save(self, model: TKN, stage: Stage, state: dict, note: str) -> None:
        """State and weights, both or none: a failure leaves those of the last time as they are.

        Args:
            model: the network.
            stage: that was running.
            state: all else that the run needs to go on.
            note: for the checkpoint.
        """
        where = f'{stage.name} step {stage.step}'
        weights = stage.average_of(model) if stage.average else model
        try:
            with whole_file(self._state) as part:
                torch.save({**state, 'where': where, 'stage_state': stage.state()}, part)
                save_checkpoint(self.model, weights, training=f'{note}; {where}')
            self.saved = f'the checkpoint of {where} is in {self.model}'
            self._append()
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = ' '.join(str(error).split())[:200]
            free = shutil.disk_usage(self.path).free / 1e6
            left = (
                f'{self.saved}, intact. Make room and go on'
                if self._state.is_file()
                else 'nothing was saved before. Make room and begin again'
            )
            raise SavingError(
                f'{self.path}: saving failed at {where} with {free:.1f} MB free '
                f'({reason}); {left} with --resume'
            ) from None

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
