"""One training run: its stages, saving, pictures and logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.datasets.clips import Clip, run_with_most_motion, warn
from tkn_ros.training.build_stage import build_stage
from tkn_ros.training.config import RunOptions, TrainConfig
from tkn_ros.training.interrupt import Interrupt
from tkn_ros.training.pictures import training_picture
from tkn_ros.training.processes import Processes
from tkn_ros.training.run_folder import RunFolder, SavingError
from tkn_ros.training.stage import Stage, TrainingError
from tkn_ros.video.writers import write_image

SHARES = {  # of the minutes
    'detector': 3,
    'predictor': 2,
    'motion': 3,
    'tracks': 4,
    'background': 4,
    'joint': 3,
    'finetune': 3,
    'finetune_background': 3,
    'frames': 1,
}
RESERVE = 0.97  # of the minutes: the rest is for starting, saving and the last step
FRAME_LIMIT = 20  # frames of a picture's prediction


def clock_of(options: RunOptions) -> Callable[[], float]:
    """What the minutes of a run are counted by, in seconds."""
    return time.process_time if options.processor_time else time.monotonic


class Run:
    """One run.

    Args:
        config: what to train, on what.
        options: where and how it is computed.
        processes: that share a step; None: this one alone.
        folder: of the run.
        model: the network.
        clips: of the settings' `clip_size`.
        board: of TensorBoard, or None.
    """

    def __init__(
        self,
        config: TrainConfig,
        options: RunOptions,
        processes: Processes,
        folder: RunFolder,
        model: AnyNetwork,
        clips: Sequence[Clip],
        board: Any,
    ) -> None:
        self.config, self.options, self.processes = config, options, processes
        self.folder, self.model, self.clips, self.board = folder, model, clips, board
        self.clock = clock_of(options)
        self.begun, self.spent = self.clock(), 0.0  # spent: before this process, [s]
        n = model.config.window
        length = n + min(FRAME_LIMIT, config.settings.horizon)
        longest = max((c.frames for c in clips), key=len)
        self.shown: np.ndarray | None = None
        if len(longest) > n:
            self.shown = run_with_most_motion(longest, min(length, len(longest)))

    def stage(self, number: int, name: str, restored: dict[str, Any] | None) -> None:
        """Run one stage from its start or from a saved state to its end.

        Args:
            number: of the stage in the run.
            name: of the stage.
            restored: a saved state, or None.
        """
        seconds = self._seconds(number)
        stage = build_stage(
            name, self.model, self.clips, self.config.settings, seconds, self.processes
        )
        stage.clock = self.clock
        if restored:
            self._restore(stage, restored)
        bar = tqdm(
            total=stage.schedule.steps,
            initial=stage.step,
            desc=name,
            unit='step',
            mininterval=1.0 if sys.stderr.isatty() else 30.0,
            disable=not self.processes.is_main,
        )
        saved = drawn = self.clock()
        try:
            with bar, Interrupt(self.processes.is_main) as interrupt:
                for loss in stage:
                    self._note(stage, loss, bar)
                    now = self.clock()
                    if self.processes.broadcast(interrupt.requested):
                        self._save(number, stage)
                        bar.close()
                        self._report(f'stopped; {self.folder.saved}. Continue with --resume')
                        raise KeyboardInterrupt
                    if now - saved >= self.options.save_every:
                        self._save(number, stage)
                        saved = now
                    if now - drawn >= self.options.picture_every:
                        self._draw(stage)
                        drawn = now
        except SavingError:
            raise
        except TrainingError as error:
            raise TrainingError(f'{error}; {self.folder.saved}') from None
        self._save(number, stage, finished=number + 1 == len(self.config.settings.stages))
        loss = stage.finish()
        self._draw(stage)
        self._report(f'{name}: {stage.step} steps, loss {loss:.6f}')

    def _restore(self, stage: Stage, state: dict[str, Any]) -> None:
        try:
            stage.restore(state)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = ' '.join(str(error).split())[:200]
            raise TrainingError(
                f'{self.folder.path}: the saved state does not fit stage {stage.name} ({reason}); '
                f'the weights in {self.folder.model.name} may serve as --init of a new run'
            ) from None
        stage.grant(state['elapsed'])

    def _seconds(self, number: int) -> float:
        """This stage's part of the minutes that are left."""
        if not self.options.minutes:
            return 0.0
        left = RESERVE * self.options.minutes * 60 - self._spent()
        shares = [SHARES[name] for name in self.config.settings.stages[number:]]
        return max(1.0, self.processes.broadcast(left * shares[0] / sum(shares)))

    def _spent(self) -> float:
        return self.spent + self.clock() - self.begun

    def _note(self, stage: Stage, loss: float, bar: tqdm) -> None:
        if not self.processes.is_main:
            return
        self.folder.log(stage, loss)
        if stage.schedule.seconds:  # so that the time left is that of the budget
            bar.total = max(stage.step, round(stage.step / max(stage.progress, 1e-9)))
        bar.set_postfix(loss=f'{stage.mean_loss:.6f}', refresh=False)
        bar.update()
        if self.board and stage.step % 10 == 0:
            with self._spared():
                self.board.add_scalar(f'loss/{stage.name}', loss, stage.step)

    def _save(self, number: int, stage: Stage, finished: bool = False) -> None:
        if self.processes.is_main:
            state = {
                'stage': number,
                'spent': self._spent(),
                'finished': finished,
                'model': self.model.state_dict(),
            }
            data = ', '.join(Path(p).name for p in self.config.data)
            self.folder.save(self.model, stage, state, f'tkn train on {data}')
            if self.options.keep:
                self.folder.keep(self._spent())

    def _draw(self, stage: Stage) -> None:
        if not self.processes.is_main or self.shown is None:
            return
        picture = training_picture(self.model, self.shown)
        with self._spared():
            write_image(self.folder.pictures / f'{stage.name}_{stage.step:06d}.png', picture)
            if self.board:
                self.board.add_image(stage.name, picture, stage.step, dataformats='HWC')

    @contextmanager
    def _spared(self) -> Iterator[None]:
        """Pictures and logs that cannot be written are left out; the run continues."""
        try:
            yield
        except OSError as error:
            self.shown = self.board = None
            self._report(
                f'no more pictures and logs for TensorBoard: {self.folder.path} cannot be '
                f'written ({error.strerror or error}); the training continues'
            )

    def close(self) -> None:
        """At the end of the run."""
        if self.board:
            with self._spared():
                self.board.close()

    def _report(self, message: str) -> None:
        if self.processes.is_main:
            warn(message)
