"""`tkn benchmark`: how fast is it here, by which backend, and does it cost quality?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from tkn_ros.commands.benchmark_node import add_node_arguments, run_node
from tkn_ros.commands.options import add_force, duration, frames_ahead, positive

DESCRIPTION = (
    "Times whole predictions (a new frame's bytes in, all predicted frames' bytes out) by every "
    "backend in turns, the paper's own process among them (naive/: how many times faster than "
    'that), with the share of the speed that this machine could reach at most (roofline) and what '
    'the pictures lose. The backend that "auto" takes is starred.'
)
GROWTH = 'growth.md'  # marks a folder that holds tables of growth
SECONDS = 10.0  # of measuring at each setting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    parser.description = DESCRIPTION
    parser.add_argument(
        '--weights',
        default='full',
        metavar='FILE',
        help='"full": the paper\'s 19.1 M network, untrained, which is as fast as '
        'a trained one; "bundled"; or a .safetensors file (default: full)',
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='64x64, horizons 10 and 20, an answer within 50 seconds',
    )
    parser.add_argument(
        '--all',
        action='store_true',
        help='also the Human3.6M setting, and growth with horizon, window, size and cameras',
    )
    parser.add_argument(
        '--backends',
        nargs='+',
        metavar='NAME[:PRECISION]',
        help='e.g. openvino:int8 eager compile (default: those that "auto" tries)',
    )
    parser.add_argument(
        '--horizons', nargs='+', type=frames_ahead, default=[10, 20], metavar='FRAMES'
    )
    parser.add_argument(
        '--sizes',
        nargs='+',
        type=positive,
        default=[64],
        metavar='PIXELS',
        help='sides of square frames',
    )
    parser.add_argument('--window', type=positive, default=10, metavar='FRAMES')
    parser.add_argument('--cameras', nargs='+', type=positive, default=[1], metavar='COUNT')
    parser.add_argument(
        '--threads', type=positive, metavar='COUNT', help='of the CPU (default: all cores)'
    )
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--clips',
        nargs='+',
        metavar='PATH',
        help='real videos for the quality figures (default: synthetic scenes)',
    )
    parser.add_argument(
        '--quality-weights',
        default='paper-form',
        metavar='FILE',
        help='the trained network for the quality figures where --weights is '
        '"full" (default: the bundled weights of the form of the paper)',
    )
    parser.add_argument(
        '--seconds',
        type=duration,
        help=f'of measuring at each setting (default: {SECONDS:g}; of the node as in --node)',
    )
    add_node_arguments(parser)
    parser.add_argument('--json', metavar='FILE', help='write machine and rows here')
    parser.add_argument(
        '--growth', metavar='DIR', help='write the tables and the plot of growth into this folder'
    )
    add_force(parser)


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    _check_outputs(options)
    if options.node is not None:
        result = {'node': run_node(options, options.seconds)}
    else:
        from tkn_ros.commands.benchmark_backends import run_backends

        if options.seconds is None:
            options.seconds = SECONDS
        result = run_backends(options, Path(options.growth) / GROWTH if options.growth else None)
    if options.json:
        _write_json(options.json, result)


def _check_outputs(options: argparse.Namespace) -> None:
    from tkn_ros.output_files import check_output_file, check_output_folder

    files = {options.weights, options.quality_weights} - {'full', 'bundled', 'paper-form'}
    inputs = [*files, *(options.clips or ())]
    if options.json:
        check_output_file(options.json, inputs, options.force)
    if options.growth:
        check_output_folder(options.growth, inputs, options.force, [GROWTH])


def _write_json(path: str, result: dict[str, Any]) -> None:
    from tkn_ros.whole_file import whole_file

    with whole_file(path) as part:
        part.write_text(json.dumps(result, indent=1) + '\n')
