"""`tkn tables`: the paper's tables beside this implementation."""

from __future__ import annotations

import argparse
from pathlib import Path

from tkn_ros.commands.options import add_cache, cache_folder, positive

LEAST_SIDE = 16  # [pixel]: the kernels of 2x2 pixels take six rows off before the maps are that low


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `tkn tables`."""
    kinds = parser.add_subparsers(required=True, metavar='TABLES')

    sizes = kinds.add_parser(
        'sizes', help='Tables III, IV, V, VII, IX: parameters and multiply-accumulates'
    )
    sizes.add_argument('--json', metavar='FILE', help='write the rows here as well')
    sizes.set_defaults(kind=_sizes)

    ablations = kinds.add_parser(
        'ablations',
        help='Tables V to IX: train and evaluate every row at an equal budget',
        description='Trains every detector and predictor of Tables V to IX for the same number of '
        'steps. Stopped, it goes on where it was when called again.',
    )
    ablations.add_argument(
        '--data',
        nargs='+',
        required=True,
        metavar='PATH',
        help='what to train on: whatever `tkn train` reads',
    )
    ablations.add_argument(
        '--test',
        nargs='+',
        default=[],
        metavar='PATH',
        help='what to test on (default: the test split of data sets that have '
        'one, otherwise the last fifth of each recording)',
    )
    ablations.add_argument(
        '--budget',
        type=positive,
        required=True,
        metavar='STEPS',
        help='training steps for each detector and each predictor',
    )
    ablations.add_argument(
        '--out',
        default='out/ablations',
        metavar='DIR',
        help='where results and detectors are kept (default: %(default)s)',
    )
    ablations.add_argument(
        '--tables',
        nargs='+',
        choices=('V', 'VI', 'VII', 'VIII', 'IX'),
        default=('V', 'VI', 'VII', 'VIII', 'IX'),
        metavar='TABLE',
        help='V, VI, VII, VIII, IX (default: all)',
    )
    ablations.add_argument(
        '--horizon',
        type=positive,
        default=20,
        metavar='FRAMES',
        help='frames to predict in the test (default: %(default)s)',
    )
    ablations.add_argument('--batch', type=positive, default=32, help='default: %(default)s')
    ablations.add_argument(
        '--size',
        type=positive,
        default=64,
        metavar='PIXELS',
        help='side of the square frames, a multiple of 4 (default: %(default)s)',
    )
    ablations.add_argument('--seed', type=int, default=0)
    add_cache(ablations)
    ablations.set_defaults(kind=_ablations)


def run(options: argparse.Namespace) -> None:
    """`tkn tables sizes` or `tkn tables ablations`."""
    options.kind(options)


def _sizes(options: argparse.Namespace) -> None:
    from tkn_ros.paper.sizes import format_sizes, size_rows, sizes_as_json, write_json

    rows = size_rows()
    if options.json:
        write_json(options.json, sizes_as_json(rows))
    print(format_sizes(rows))


def _ablations(options: argparse.Namespace) -> None:
    from tkn_ros.datasets.clips import load_clips
    from tkn_ros.datasets.find import find_recordings
    from tkn_ros.datasets.recording import TEST, TRAIN
    from tkn_ros.paper.ablations import format_ablations, run_ablations

    if options.size % 4 or options.size < LEAST_SIDE:
        raise ValueError(f'--size is {options.size}, expected a multiple of 4 from {LEAST_SIDE} on')
    cache = cache_folder(options)

    def read(paths, **which):
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
