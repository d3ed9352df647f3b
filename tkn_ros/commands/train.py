"""`tkn train`: learn from any recordings."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tkn_ros.commands.options import (
    add_data,
    add_device,
    add_force,
    cache_folder,
    duration,
    frames_ahead,
    positive,
    seed,
)

if TYPE_CHECKING:
    from tkn_ros.baselines.networks import AnyNetwork
    from tkn_ros.training.config import RunOptions, TrainConfig
    from tkn_ros.training.processes import Processes
    from tkn_ros.training.settings import Settings

DESCRIPTION = (
    'Trains a network on recordings, no labels needed: the detector of keypoints first, then the '
    'predictor of where they go, then how the picture goes on. Stopped by Ctrl-C, it goes on with '
    '--resume. Weights, state, log and pictures are written into --out. See docs/training.md.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    parser.description = DESCRIPTION
    add_data(parser, required=False)
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of this run')
    parser.add_argument(
        '--config',
        metavar='NAME',
        help=(
            'a TOML file or a preset: camera (taken without --config), adapt (taken with --init), '
            'default (the recipe of the bundled weights), kth, human36m'
        ),
    )
    parser.add_argument(
        '--model',
        metavar='NAME',
        help=(
            'tkn (the default), or a network that predicts frames without keypoints: convlstm, '
            'predrnn, predrnnv2, phydnet, slamp, e3d-lstm, grid-keypoint, struct-vrnn, simvpv2, '
            'dmvfn; they take the preset frames'
        ),
    )
    parser.add_argument(
        '--init',
        metavar='WEIGHTS',
        help=('start from these weights: a .safetensors file, or "default" for the bundled ones'),
    )
    parser.add_argument(
        '--joint', action='store_true', help='end to end from the start instead of in two steps'
    )
    parser.add_argument('--steps', type=positive, help='of each stage')
    parser.add_argument(
        '--minutes',
        type=duration,
        default=0.0,
        help='stop after so long, reading the data included',
    )
    parser.add_argument('--batch', type=positive, help='examples of a step, over all processes')
    parser.add_argument('--seed', type=seed)
    parser.add_argument(
        '--size',
        type=positive,
        metavar='PIXELS',
        help='side of the square frames that the network works on',
    )
    parser.add_argument('--window', type=positive, help='frames observed')
    parser.add_argument(
        '--horizon',
        type=frames_ahead,
        help='frames predicted in joint training and when the result is evaluated',
    )
    parser.add_argument(
        '--test',
        nargs='+',
        default=[],
        metavar='PATH',
        help=('evaluate on these afterwards (default: the test split, where the data has one)'),
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on with the run in --out; its own settings and data hold',
    )
    parser.add_argument(
        '--save-every', type=duration, default=60.0, metavar='SECONDS', help='default: %(default)s'
    )
    parser.add_argument(
        '--picture-every',
        type=duration,
        default=120.0,
        metavar='SECONDS',
        help='default: %(default)s',
    )
    parser.add_argument('--no-tensorboard', action='store_true')
    parser.add_argument(
        '--keep-checkpoints',
        action='store_true',
        help='keep every checkpoint that is saved, in the folder checkpoints',
    )
    add_force(parser)
    add_device(parser)


def run(options: argparse.Namespace) -> None:
    """Train; then evaluate, where there is something to test on."""
    from tkn_ros.model.devices import select_device
    from tkn_ros.training.processes import init_processes

    device = select_device(options.device)
    if device == 'cuda':
        device = f'cuda:{os.environ.get("LOCAL_RANK", "0")}'
    with init_processes(device) as processes:
        try:
            _run(options, device, processes)
        except (ValueError, OSError, RuntimeError) as error:
            if processes.is_main:
                raise
            message = ' '.join(str(error).split())
            print(f'tkn: process {processes.rank}: {message}', file=sys.stderr)
            sys.exit(1)


def _run(options: argparse.Namespace, device: str, processes: Processes) -> None:
    from tkn_ros.output_files import check_output_file, check_output_folder
    from tkn_ros.training.config import RunOptions, TrainConfig, difference
    from tkn_ros.training.run_folder import FILES, RunFolder
    from tkn_ros.training.trainer import train

    folder = RunFolder(options.out)
    if folder.exists and not options.resume:
        raise ValueError(
            f'{options.out} holds a training run already; go on with --resume or give another --out'
        )
    if not (options.resume and folder.exists):
        init = [options.init] if options.init and options.init != 'default' else []
        check_output_folder(options.out, [*options.data, *options.test], options.force)
        for name in FILES:
            check_output_file(Path(options.out) / name, [*init, *options.data], options.force)
    config = _train_config(options) if options.data else None
    if options.resume and folder.exists:
        found = TrainConfig.from_dict(folder.read())
        problem = config and difference(config.to_dict(), found.to_dict())
        if problem:
            raise ValueError(
                f'{options.out} is a run of other settings: {problem}; leave them out '
                'with --resume, or give another --out'
            )
        config = found
    if config is None:
        raise ValueError(
            f'{options.out} holds no training run; give --data to begin one'
            if options.resume
            else 'what to learn from? give --data PATH'
        )
    processes.wait()  # all have looked before the first one writes
    cache = cache_folder(options)
    run_options = RunOptions(
        cache,
        device,
        options.minutes,
        options.save_every,
        options.picture_every,
        not options.no_tensorboard,
        options.keep_checkpoints,
    )
    model = train(config, options.out, run_options, processes, options.resume)
    if processes.is_main:
        print(f'weights: {folder.model}', flush=True)
        _evaluate(options, config, run_options, model)


def _train_config(options: argparse.Namespace) -> TrainConfig:
    from tkn_ros.training.config import TrainConfig

    settings = _settings(options)
    init = options.init or ''
    if init and init != 'default':
        init = str(Path(init).resolve())
    return TrainConfig(settings, tuple(options.data), options.part, options.topic, init)


def _settings(options: argparse.Namespace) -> Settings:
    from tkn_ros.baselines.checkpoints import load_network
    from tkn_ros.baselines.frames import BaselineConfig
    from tkn_ros.baselines.networks import name_of
    from tkn_ros.model.checkpoints import ARCHITECTURE
    from tkn_ros.model.tkn import TKNConfig
    from tkn_ros.training.settings import STAGES, load_settings

    init = None
    if options.init:
        init = load_network('' if options.init == 'default' else options.init).config
    network = options.model or (name_of(init) if init else '')
    if init and network != name_of(init):
        raise ValueError(
            f'--model {network}, and the weights of --init are of {name_of(init)}: leave --model '
            'out, or give other weights'
        )
    usual = 'adapt' if init else 'camera'
    if network not in ('', ARCHITECTURE):
        usual = 'frames'
    settings, says_model = load_settings(options.config or usual, network)
    without = isinstance(settings.model, BaselineConfig)
    if init and not says_model:
        settings = replace(settings, model=init)
        settings = _adapted(settings, options)
    if options.joint:
        if without:
            raise ValueError('--joint: a network without keypoints is always so trained')
        if settings.model.following:
            raise ValueError(
                '--joint: followed keypoints cannot be trained end to end; leave it out, or take '
                'a config without [model.following]'
            )
        settings = replace(settings, stages=('joint',))
    if options.seed is not None:
        settings = replace(settings, seed=options.seed)
    if options.horizon:
        settings = replace(settings, horizon=options.horizon, ahead=options.horizon)
    for name in STAGES:
        stage = getattr(settings, name)
        if options.steps:
            stage = replace(stage, steps=options.steps, epochs=0)
        if options.batch:
            stage = replace(stage, batch=options.batch)
        settings = replace(settings, **{name: stage})
    model = settings.model
    if options.size:
        if isinstance(model, TKNConfig):  # others say themselves what they take
            stride = 8 if model.following else model.detector.total_stride
            if options.size % stride:
                raise ValueError(f'--size is {options.size}, expected a multiple of {stride}')
        model = replace(model, height=options.size, width=options.size)
    if options.window:
        if isinstance(model, TKNConfig) and model.predictor.kind == 'mlp':
            model = replace(
                model,
                window=options.window,
                predictor=replace(model.predictor, window=options.window),
            )
        model = replace(model, window=options.window)
    return replace(settings, model=model)


def _adapted(settings: Settings, options: argparse.Namespace) -> Settings:
    """The stages of a config for any weights, as far as these have them."""
    from tkn_ros.baselines.frames import BaselineConfig
    from tkn_ros.training.settings import FOLLOWING_ONLY

    if settings.model.following or isinstance(settings.model, BaselineConfig):
        return settings
    stages = tuple(s for s in settings.stages if s not in FOLLOWING_ONLY)
    if not options.config and not settings.model.background:
        stages = ('joint',)
    return replace(settings, stages=stages)


def _evaluate(
    options: argparse.Namespace, config: TrainConfig, run_options: RunOptions, model: AnyNetwork
) -> None:
    from tkn_ros.datasets.clips import load_clips, long_enough
    from tkn_ros.datasets.find import knows_split
    from tkn_ros.datasets.recording import TEST
    from tkn_ros.evaluation.comparison import compare, format_comparison
    from tkn_ros.paper.kth_tables import format_kth

    paths = options.test or [p for p in config.data if knows_split(p, config.topic)]
    if not paths:
        return
    network, horizon = model.config, config.settings.horizon
    clips = load_clips(
        paths, network.height, network.width, run_options.cache, TEST, topic=config.topic
    )
    clips = long_enough(
        clips, network.window + horizon, f'window {network.window} + horizon {horizon}'
    )
    results = compare(model, clips, horizon)
    print(format_comparison(results))
    print(format_kth(results, model), end='')
