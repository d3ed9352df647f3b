"""`tkn evaluate`: how good are the predictions, beside trivial ones?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tkn_ros.commands.evaluate_bags import add_bag_arguments, run_bags, run_compare
from tkn_ros.commands.options import (
    add_data,
    add_device,
    add_force,
    add_horizon,
    add_weights,
    cache_folder,
    positive,
)

DESCRIPTION = (
    'PSNR and SSIM of the predicted frames, for each future step and overall, beside repeating '
    'the last frame and moving the keypoints at constant velocity; and what the predicted '
    'keypoints are worth: whether they sit on what moves, and how far they are from where it '
    'went, beside staying and constant velocity. The same input gives the same figures. Of KTH '
    'and Human3.6M the test split is taken.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    parser.description = DESCRIPTION
    add_data(parser, required=False)
    add_weights(parser)
    add_horizon(parser, 'frames to predict')
    parser.add_argument(
        '--split',
        choices=('test', 'train', 'all'),
        default='test',
        help='of data sets that have one (default: %(default)s)',
    )
    parser.add_argument(
        '--runs',
        type=positive,
        default=0,
        metavar='COUNT',
        help='predictions for each clip at most, evenly spread (default: all)',
    )
    parser.add_argument(
        '--no-keypoints', action='store_true', help='judge pictures only, which is faster'
    )
    parser.add_argument(
        '--judged',
        type=positive,
        default=0,
        metavar='COUNT',
        help='predictions for each clip at most whose keypoints are judged (default: 120)',
    )
    parser.add_argument(
        '--tracks',
        metavar='FILE',
        help='labelled boxes of the persons in the recording, of which --data names one then: '
        'MOTChallenge text (frame from 1, id, x, y, width, height, ..); their keypoints are '
        'judged as well',
    )
    parser.add_argument(
        '--tracks-scale',
        type=float,
        nargs=2,
        default=(1.0, 1.0),
        metavar=('SX', 'SY'),
        help="what the boxes' pixels are multiplied by to be the recording's (default: 1 1)",
    )
    parser.add_argument('--json', metavar='FILE', help='write the figures here as well')
    parser.add_argument(
        '--report', metavar='DIR', help='write plots, strips of frames and a table into this folder'
    )
    add_force(parser)
    add_device(parser)
    add_bag_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print; the exit status."""
    chosen = [bool(options.data), bool(options.bag), bool(options.compare)]
    if sum(chosen) != 1:
        raise ValueError('give one of --data, --bag and --compare')
    if options.bag:
        return run_bags(options)
    if options.compare:
        return run_compare(options)
    _run_clips(options)
    return 0


def _run_clips(options: argparse.Namespace) -> None:
    from tkn_ros.baselines.checkpoints import load_network
    from tkn_ros.baselines.frames import Baseline
    from tkn_ros.datasets.clips import load_clips, long_enough
    from tkn_ros.evaluation.comparison import compare, format_comparison
    from tkn_ros.evaluation.keypoint_figures import MOST
    from tkn_ros.evaluation.point_tracks import read_tracks
    from tkn_ros.evaluation.report import FIGURES, write_report
    from tkn_ros.model.devices import select_device
    from tkn_ros.output_files import check_output_file, check_output_folder
    from tkn_ros.paper.kth_tables import format_kth
    from tkn_ros.whole_file import whole_file

    if options.no_keypoints and (options.tracks or options.judged):
        name = 'tracks' if options.tracks else 'judged'
        raise ValueError(f'--{name} is of keypoints: leave out one of it and --no-keypoints')
    inputs = [*options.data, *filter(None, (options.weights, options.tracks))]
    if options.json:
        check_output_file(options.json, inputs, options.force)
    if options.report:
        check_output_folder(options.report, inputs, options.force, [FIGURES])
    tracks = read_tracks(options.tracks, options.tracks_scale) if options.tracks else None
    model = load_network(options.weights, select_device(options.device))
    if isinstance(model, Baseline):
        print('this network has no keypoints: its pictures alone are judged', file=sys.stderr)
    config, horizon = model.config, options.horizon
    cache = cache_folder(options)
    split = '' if options.split == 'all' else options.split
    clips = load_clips(
        options.data, config.height, config.width, cache, split, options.part, options.topic
    )
    clips = long_enough(
        clips, config.window + horizon, f'window {config.window} + horizon {horizon}'
    )
    judged = 0 if options.no_keypoints else options.judged or MOST
    results = compare(model, clips, horizon, options.runs, judged, tracks)
    print(format_comparison(results))
    print(format_kth(results, model), end='')
    if options.json:
        with whole_file(options.json) as part:
            part.write_text(json.dumps(results, indent=1) + '\n')
    if options.report:
        write_report(options.report, model, clips, results)
        print(f'\nreport: {Path(options.report) / "report.md"}')
