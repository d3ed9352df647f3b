"""`tkn export`: the network for other runtimes."""

from __future__ import annotations

import argparse

from tkn_ros.commands.options import add_force, add_weights, frames_ahead, positive

DESCRIPTION = (
    'Writes the network as ONNX, OpenVINO IR or a PyTorch program (torch.export), reads it again '
    'and compares it with the reference. Shapes are fixed. docs/speed.md says how to make a '
    'TensorRT engine of the ONNX file.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    parser.description = DESCRIPTION
    parser.add_argument('--format', choices=('onnx', 'openvino', 'torch'), default='onnx')
    add_weights(parser)
    parser.add_argument(
        '--out',
        default='out/export',
        metavar='DIR',
        help='folder to write into (default: %(default)s)',
    )
    parser.add_argument(
        '--parts',
        choices=('whole', 'stages'),
        default='',
        help='whole: one graph, frames in, frames and keypoints out; stages: its parts, for '
        'programs that keep a window of keypoints (default: whole; stages for weights whose '
        'keypoints are followed, as those of the bundled ones)',
    )
    parser.add_argument('--horizon', type=frames_ahead, default=10, metavar='FRAMES')
    parser.add_argument(
        '--window',
        type=positive,
        metavar='FRAMES',
        help='frames observed (default: as the weights were trained)',
    )
    parser.add_argument(
        '--cameras',
        type=positive,
        default=1,
        metavar='COUNT',
        help='batch size (default: %(default)s)',
    )
    add_force(parser)


def run(options: argparse.Namespace) -> None:
    """Export, check and print."""
    from tkn_ros.model.checkpoints import load_checkpoint
    from tkn_ros.output_files import check_output_folder
    from tkn_ros.streaming.export import DESCRIPTION_FILE, export

    check_output_folder(
        options.out, filter(None, [options.weights]), options.force, [DESCRIPTION_FILE]
    )
    model = load_checkpoint(options.weights)
    for done in export(
        model,
        options.out,
        options.format,
        options.parts,
        options.horizon,
        options.cameras,
        options.window or 0,
    ):
        print(
            f'{done.path}: {done.path.stat().st_size / 1e6:.1f} MB; differs from the reference '
            f'by {done.keypoints_error:.1e} in keypoints and features, by {done.frames_error} of '
            '255 in frames'
        )
