"""`tkn tables`: the paper's tables beside this implementation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tkn_ros.commands.options import (
    add_cache,
    add_device,
    add_force,
    add_json,
    add_out,
    add_table_data,
    cache_folder,
    duration,
    positive,
    seed,
)
from tkn_ros.commands.tables_trained import add_trained

LEAST_SIDE = 16  # [pixel]: the kernels of 2x2 pixels take six rows off before the maps are that low


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `tkn tables`."""
    kinds = parser.add_subparsers(required=True, metavar='TABLES')

    sizes = kinds.add_parser(
        'sizes', help='Tables III, IV, V, VII, IX: parameters and multiply-accumulates'
    )
    add_json(sizes)
    sizes.set_defaults(kind=_sizes)

    speed = kinds.add_parser(
        'speed',
        help="Table I's test columns and Table IV: every network timed on equal input",
        description='Times all networks of Table I and two of today in turns: 64x64x3, 10 -> 20 '
        'frames, and 128x128x3, 4 -> 4, batch 1; each in eager PyTorch and on its fastest runtime. '
        'The first time it converts networks for some minutes, and keeps their graphs.',
    )
    speed.add_argument(
        '--seconds',
        type=duration,
        default=60.0,
        help='how long each of the two races lasts (default: %(default)s)',
    )
    speed.add_argument(
        '--networks',
        nargs='+',
        default=[],
        metavar='NAME',
        help='these alone: names as of `tkn train --model`, tkn, tkn-wo-tp, tkn-sequential',
    )
    speed.add_argument(
        '--threads', type=positive, default=0, help="of the CPU (default: PyTorch's number)"
    )
    add_json(speed)
    add_out(speed, 'out/tables', 'converted graphs')
    add_device(speed)
    speed.set_defaults(kind=_speed)

    ablations = kinds.add_parser(
        'ablations',
        help='Tables V to IX: train and evaluate every row at an equal budget',
        description='Trains every detector and predictor of Tables V to IX for the same number of '
        'steps. Stopped, it goes on where it was when called again.',
    )
    add_table_data(ablations)
    ablations.add_argument(
        '--budget',
        type=positive,
        required=True,
        metavar='STEPS',
        help='training steps for each detector and each predictor',
    )
    add_out(ablations, 'out/ablations', 'results and detectors')
    ablations.add_argument(
        '--tables',
        nargs='+',
        choices=('V', 'VI', 'VII', 'VIII', 'IX'),
        default=('V', 'VI', 'VII', 'VIII', 'IX'),
        metavar='TABLE',
        help='V, VI, VII, VIII, IX (default: all)',
    )
    ablations.add_argument('--batch', type=positive, default=32, help='default: %(default)s')
    ablations.add_argument(
        '--size',
        type=positive,
        default=64,
        metavar='PIXELS',
        help='side of the square frames, a multiple of 4 (default: %(default)s)',
    )
    ablations.add_argument('--seed', type=seed, default=0)
    add_force(ablations)
    add_cache(ablations)
    ablations.set_defaults(kind=_ablations)

    add_trained(kinds)


def run(options: argparse.Namespace) -> None:
    """One of the kinds of tables."""
    options.kind(options)


def _sizes(options: argparse.Namespace) -> None:
    from tkn_ros.output_files import check_output_file
    from tkn_ros.paper.sizes import format_sizes, size_rows, sizes_as_json, write_json

    if options.json:
        check_output_file(options.json, force=options.force)
    rows = size_rows()
    if options.json:
        write_json(options.json, sizes_as_json(rows))
    print(format_sizes(rows))


def _speed(options: argparse.Namespace) -> None:
    import torch

    from tkn_ros.model.devices import select_device
    from tkn_ros.output_files import check_output_file
    from tkn_ros.paper.sizes import write_json
    from tkn_ros.paper.speed import NETWORKS, measure_speed
    from tkn_ros.paper.speed_table import format_speed

    unknown = [name for name in options.networks if name not in NETWORKS]
    if unknown:
        raise ValueError(
            f'--networks: "{unknown[0]}" is unknown; use some of {", ".join(NETWORKS)}'
        )
    if options.json:
        check_output_file(options.json, force=options.force)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = select_device(options.device)
    graphs = Path(options.out) / 'graphs'
    speed = measure_speed(graphs, options.seconds, device, options.networks or NETWORKS)
    if options.json:
        write_json(options.json, speed.as_json())
    print(format_speed(speed))


def _ablations(options: argparse.Namespace) -> None:
    from tkn_ros.datasets.clips import load_clips
    from tkn_ros.datasets.find import find_recordings
    from tkn_ros.datasets.recording import TEST, TRAIN
    from tkn_ros.output_files import check_output_folder
    from tkn_ros.paper.ablations import RESULTS, format_ablations, run_ablations

    check_output_folder(options.out, [*options.data, *options.test], options.force, [RESULTS])
    if options.size % 4 or options.size < LEAST_SIDE:
        raise ValueError(f'--size is {options.size}, expected a multiple of 4 from {LEAST_SIDE} on')
    cache = cache_folder(options)

    def read(paths: list[str], **which: Any) -> list[Any]:
        return [
            clip.frames for clip in load_clips(paths, options.size, options.size, cache, **which)
        ]

    if options.test:
        train, test = read(options.data), read(options.test)
        tested = ', '.join(Path(p).name for p in options.test)
    elif any(r.split for path in options.data for r in find_recordings(path)):
        train, test = read(options.data, split=TRAIN), read(options.data, split=TEST)
        tested = 'the test split'
    else:
        train, test = read(options.data, part=(0.0, 0.8)), read(options.data, part=(0.8, 1.0))
        tested = 'last fifth of each'
    names = ', '.join(Path(p).name for p in options.data)
    results = run_ablations(
        train,
        test,
        options.budget,
        Path(options.out),
        options.tables,
        options.horizon,
        options.batch,
        options.seed,
        f'trained on {names}, tested on {tested}',
    )
    print(format_ablations(results, options.tables))
