"""A whole training run: data, stages, saving, pictures, and resuming where it was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tkn_ros.baselines.checkpoints import load_network
from tkn_ros.baselines.networks import AnyNetwork, build_network
from tkn_ros.datasets.clips import Clip, load_clips, long_enough, warn
from tkn_ros.datasets.recording import TRAIN
from tkn_ros.training.config import RunOptions, TrainConfig
from tkn_ros.training.processes import Processes
from tkn_ros.training.run import Run, clock_of
from tkn_ros.training.run_folder import RunFolder
from tkn_ros.training.stage import TrainingError


def train(
    config: TrainConfig,
    out: str | Path,
    options: RunOptions,
    processes: Processes | None = None,
    resume: bool = False,
) -> AnyNetwork:
    """Run all stages, or those that are left, and return the model in evaluation mode.

    Raises KeyboardInterrupt after Ctrl-C (once: all is saved), TrainingError for what prevents
    going on, ValueError for data that cannot be used.

    Args:
        config: what to train, on what.
        out: folder of the run.
        options: where and how it is computed.
        processes: that share a step; None: this one alone.
        resume: continue the run in `out`.
    """
    begun = clock_of(options)()
    processes = processes or Processes()
    folder, settings = RunFolder(out), config.settings
    settings.check_stages()
    settings.check_shared_by(processes.count)
    model = _build(config).to(options.device)  # before anything is written: it may be refused
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
    board = _tensorboard(folder.path) if processes.is_main and options.tensorboard else None
    run = Run(config, options, processes, folder, model, clips, board)
    first = 0
    if state:
        try:
            model.load_state_dict(state['model'])
        except RuntimeError as error:
            reason = ' '.join(str(error).split())[:200]
            raise TrainingError(
                f'{folder.path}: the saved state is of another network ({reason}); start again '
                'with --init'
            ) from None
        first, run.spent = state['stage'], state['spent']
        if state['finished']:
            warn(f'{folder.path}: this run is finished')
            return load_network(folder.model, options.device)
    run.begun = begun
    for number, name in enumerate(settings.stages):
        if number >= first:
            run.stage(number, name, state['stage_state'] if state and number == first else None)
    run.close()
    return model.eval()


def _shared_clips(config: TrainConfig, options: RunOptions, processes: Processes) -> list[Clip]:
    """The clips; the first process of each machine prepares them, the others wait."""
    height, width = config.settings.clip_size
    say = warn if processes.is_main else (lambda message: None)

    def load() -> list[Clip]:
        clips = load_clips(
            config.data,
            height,
            width,
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


def _build(config: TrainConfig) -> AnyNetwork:
    network = config.settings.model
    if config.init:
        model = load_network('' if config.init == 'default' else config.init, expected=network)
        model.config = network  # window and size of a TKN may be chosen otherwise
        return model
    torch.manual_seed(config.settings.seed)
    return build_network(network)


def _tensorboard(path: Path) -> Any:
    """A `SummaryWriter`, or None where there is none."""
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
