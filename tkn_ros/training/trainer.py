"""A whole training run: data, stages, saving, pictures, and going on where it was interrupted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from tkn_ros.datasets.clips import Clip, load_clips, long_enough, run_with_most_motion, warn
from tkn_ros.datasets.find import absolute
from tkn_ros.datasets.recording import TRAIN
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.model.tkn import TKN
from tkn_ros.training.background_stage import background_stage
from tkn_ros.training.interrupt import Interrupt
from tkn_ros.training.pictures import training_picture
from tkn_ros.training.processes import Processes
from tkn_ros.training.run_folder import RunFolder, SavingError
from tkn_ros.training.settings import Settings, StageSettings, settings_from_dict, settings_to_dict
from tkn_ros.training.stage import Schedule, Stage, TrainingError
from tkn_ros.training.stages import (
    detect_keypoints,
    detector_stage,
    joint_stage,
    predictor_stage,
)
from tkn_ros.video.writers import write_image

SHARES = {'detector': 3, 'predictor': 2, 'background': 4, 'joint': 3}  # of the minutes
SAVE_SECONDS, PICTURE_SECONDS = 60.0, 120.0
RESERVE = 0.97  # of the minutes: the rest is for starting, saving and the last step
FRAME_LIMIT = 20  # frames of a picture's prediction


@dataclass(frozen=True)
class TrainConfig:
    """What was asked for: the settings, and what they are applied to. run.json holds it.

    data: as `find_recordings` knows it; paths become absolute, to be found from anywhere.
    """

    settings: Settings
    data: tuple[str, ...]
    part: tuple[float, float] = (0.0, 1.0)
    topic: str | None = None
    init: str = ''

    def __post_init__(self):
        object.__setattr__(self, 'data', tuple(absolute(spec) for spec in self.data))

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return json.loads(json.dumps({**asdict(self), 'settings': settings_to_dict(self.settings)}))

    @staticmethod
    def from_dict(table: dict) -> TrainConfig:
        """Inverse of `to_dict`."""
        return TrainConfig(
            settings_from_dict(table['settings'], 'run.json'),
            tuple(table['data']),
            tuple(table['part']),
            table['topic'],
            table['init'],
        )


@dataclass(frozen=True)
class RunOptions:
    """What does not change the result (but for the minutes): where and how it is computed.

    minutes: 0 for no limit. save_every, picture_every: in seconds.
    """

    cache: Path
    device: str = 'cpu'
    minutes: float = 0.0
    save_every: float = SAVE_SECONDS
    picture_every: float = PICTURE_SECONDS
    tensorboard: bool = True


def difference(asked: dict, found: dict, where: str = '') -> str:
    """The first entry in which two orders differ, as text; empty if they are the same."""
    for name in asked.keys() | found.keys():
        a, b = asked.get(name), found.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            inner = difference(a, b, f'{where}{name}.')
            if inner:
                return inner
        elif a != b:
            return f'{where}{name} is {json.dumps(a)}, there it was {json.dumps(b)}'
    return ''


def train(
    config: TrainConfig,
    out: str | Path,
    options: RunOptions,
    processes: Processes | None = None,
    resume: bool = False,
) -> TKN:
    """Run all stages, or those that are left, and return the model in evaluation mode.

    Raises KeyboardInterrupt after Ctrl-C (once: all is saved), TrainingError for what prevents
    going on, ValueError for data that cannot be used.
    """
    begun = time.monotonic()
    processes = processes or Processes()
    folder, settings = RunFolder(out), config.settings
    if 'background' in settings.stages and not settings.model.background:
        raise TrainingError(
            'stages has "background", and the model has none of its own: add a '
            'table [model.background] to the config, or leave that stage out'
        )
    settings.check_shared_by(processes.count)
    clips = _shared_clips(config, options, processes)
    data = [[Path(c.name).name, len(c)] for c in clips]
    state = folder.read_state() if resume else None
    if processes.is_main and not (resume and folder.exists):
        folder.begin({**config.to_dict(), 'clips': data})
    if resume and state and folder.read()['clips'] != data:
        raise TrainingError(
            f'{folder.path}: the clips are not those that the run began with; '
            'restore them, or start again with --init'
        )
    processes.wait()
    model = _build(config).to(options.device)
    board = _tensorboard(folder.path) if processes.is_main and options.tensorboard else None
    run = _Run(config, options, processes, folder, model, clips, board)
    first = 0
    if state:
        model.load_state_dict(state['model'])
        first, run.spent = state['stage'], state['spent']
        if state['finished']:
            warn(f'{folder.path}: this run is finished')
            return load_checkpoint(folder.model, options.device)
    run.begun = begun
    for number, name in enumerate(settings.stages):
        if number >= first:
            run.stage(number, name, state['stage_state'] if state and number == first else None)
    run.close()
    return model.eval()


def _shared_clips(config: TrainConfig, options: RunOptions, processes: Processes) -> list[Clip]:
    """The clips; the first process of each machine prepares them, the others wait."""
    model, say = config.settings.model, (warn if processes.is_main else lambda message: None)

    def load() -> list[Clip]:
        clips = load_clips(
            config.data,
            model.height,
            model.width,
            options.cache,
            TRAIN,
            config.part,
            config.topic,
            say,
        )
        return long_enough(clips, *config.settings.frames_needed, say)

    if processes.local == 0:
        clips = load()
    processes.wait()
    return clips if processes.local == 0 else load()


def _build(config: TrainConfig) -> TKN:
    network = config.settings.model
    if config.init:
        model = load_checkpoint('' if config.init == 'default' else config.init, expected=network)
        model.config = network  # window and size may be chosen otherwise
        return model
    torch.manual_seed(config.settings.seed)
    return build(network)


def _tensorboard(path: Path):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warn('no logs for TensorBoard, since it is not installed: pip install tensorboard')
        return None
    try:
        return SummaryWriter(str(path / 'tensorboard'))
    except OSError as error:
        warn(
            f'no logs for TensorBoard, since {path}/tensorboard cannot be written '
            f'({error.strerror or error})'
        )
        return None


class _Run:
    """One run in its course."""

    def __init__(
        self,
        config: TrainConfig,
        options: RunOptions,
        processes: Processes,
        folder: RunFolder,
        model: TKN,
        clips: Sequence[Clip],
        board,
    ):
        self.config, self.options, self.processes = config, options, processes
        self.folder, self.model, self.clips, self.board = folder, model, clips, board
        self.begun, self.spent = time.monotonic(), 0.0  # spent: before this process, [s]
        n = model.config.window
        length = n + min(FRAME_LIMIT, config.settings.horizon)
        longest = max((c.frames for c in clips), key=len)
        self.shown = run_with_most_motion(longest, min(length, len(longest)))
        if len(longest) <= n:
            self.shown = None

    def stage(self, number: int, name: str, restored: dict | None) -> None:
        """Run one stage from its start or from a saved state to its end."""
        stage = self._make(number, name, restored['elapsed'] if restored else 0.0)
        if restored:
            stage.restore(restored)
        bar = tqdm(
            total=stage.schedule.steps,
            initial=stage.step,
            desc=name,
            unit='step',
            mininterval=1.0 if sys.stderr.isatty() else 30.0,
            disable=not self.processes.is_main,
        )
        saved = drawn = time.monotonic()
        try:
            with bar, Interrupt(self.processes.is_main) as interrupt:
                for loss in stage:
                    self._note(stage, loss, bar)
                    now = time.monotonic()
                    if self.processes.broadcast(interrupt.requested):
                        self._save(number, stage)
                        bar.close()
                        self._say(f'stopped; {self.folder.saved}. Go on with --resume')
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
        self._say(f'{name}: {stage.step} steps, loss {loss:.6f}')

    def _make(self, number: int, name: str, elapsed: float) -> Stage:
        s, model = self.config.settings, self.model
        stage: StageSettings = getattr(s, name)
        frames = [c.frames for c in self.clips]
        lengths = np.sqrt([len(f) for f in frames])  # a long recording is not all there is
        shared = {
            'seed': s.seed,
            'weights': lengths,
            'augmentation': s.augmentation,
            'processes': self.processes,
        }
        keypoints = []
        if name == 'predictor':
            keypoints = detect_keypoints(model.detector, frames, mirrored=s.augmentation.flip)
            shared['weights'] = np.tile(lengths, len(keypoints) // len(frames))
        schedule = Schedule(
            stage.steps_for(len(frames)),
            stage.lr,
            s.warmup,
            s.weight_decay,
            s.clip,
            s.ema,
            self._seconds(number, elapsed),
            s.half,
        )
        if name == 'detector':
            return detector_stage(
                model.detector,
                frames,
                schedule,
                stage.batch,
                s.max_gap,
                **shared,
                targets=s.targets,
            )
        if name == 'predictor':
            return predictor_stage(
                model.predictor, keypoints, schedule, model.config.window, stage.batch, **shared
            )
        if name == 'background':
            return background_stage(model, frames, schedule, stage.batch, s.ahead, **shared)
        return joint_stage(model, frames, schedule, stage.batch, s.ahead, **shared)

    def _seconds(self, number: int, elapsed: float) -> float:
        """What this stage has had, and its part of the minutes that are left."""
        if not self.options.minutes:
            return 0.0
        left = RESERVE * self.options.minutes * 60 - self._spent()
        shares = [SHARES[name] for name in self.config.settings.stages[number:]]
        return elapsed + max(1.0, self.processes.broadcast(left * shares[0] / sum(shares)))

    def _spent(self) -> float:
        return self.spent + time.monotonic() - self.begun

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

    def _draw(self, stage: Stage) -> None:
        if not self.processes.is_main or self.shown is None:
            return
        picture = training_picture(self.model, self.shown)
        with self._spared():
            write_image(self.folder.pictures / f'{stage.name}_{stage.step:06d}.png', picture)
            if self.board:
                self.board.add_image(stage.name, picture, stage.step, dataformats='HWC')

    @contextmanager
    def _spared(self):
        """A run does not end for pictures and logs: where they fail it goes on without them."""
        try:
            yield
        except OSError as error:
            self.shown = self.board = None
            self._say(
                f'no more pictures and logs for TensorBoard: {self.folder.path} cannot be '
                f'written ({error.strerror or error}); the training goes on'
            )

    def close(self) -> None:
        """At the end of the run."""
        if self.board:
            with self._spared():
                self.board.close()

    def _say(self, message: str) -> None:
        if self.processes.is_main:
            warn(message)
