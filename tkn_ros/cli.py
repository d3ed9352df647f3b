"""The command `tkn`; also `python -m tkn_ros.cli`.

Each subcommand is one function that adds its arguments and names the function that runs it (the
larger ones are modules of `commands/`). torch is imported only there, so that `tkn --help` answers
at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tkn_ros.commands import benchmark, evaluate, export, predict, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an error in one line, 130 if stopped."""
    parser = argparse.ArgumentParser(prog='tkn', description=(
        'Transformer-based keypoint prediction: the next seconds of a video.'))
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, module, summary in (
            ('train', train, 'learn from any recordings'),
            ('evaluate', evaluate, 'PSNR and SSIM of predictions beside trivial ones'),
            ('predict', predict, "a video's frames as they had been predicted"),
            ('benchmark', benchmark, 'how fast each backend is here, and what it costs'),
            ('export', export, 'the network as ONNX, OpenVINO IR or a PyTorch program')):
        parser_of_it = commands.add_parser(name, help=summary)
        module.add_arguments(parser_of_it)
        parser_of_it.set_defaults(run=module.run)
    _add_tables(commands)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, RuntimeError) as error:
        print(f'tkn: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ntkn: stopped', file=sys.stderr)
        return 130
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'{text}: expected a number of at least 1')
    return value


def _add_tables(commands) -> None:
    tables = commands.add_parser('tables', help="the paper's tables beside this implementation")
    kinds = tables.add_subparsers(required=True, metavar='TABLES')

    sizes = kinds.add_parser('sizes', help='Tables III, IV, V, VII, IX: parameters and '
                                           'multiply-accumulates')
    sizes.add_argument('--json', metavar='FILE', help='write the rows here as well')
    sizes.set_defaults(run=_sizes)

    ablations = kinds.add_parser(
        'ablations', help='Tables V to IX: train and evaluate every row at an equal budget',
        description='Trains every detector and predictor of Tables V to IX for the same number of '
                    'steps. Stopped, it goes on where it was when called again.')
    ablations.add_argument('--data', nargs='+', required=True, metavar='PATH',
                           help='videos to train on: files, folders of images or rosbags')
    ablations.add_argument('--test', nargs='+', default=[], metavar='PATH',
                           help='videos to test on (default: the last fifth of each of --data)')
    ablations.add_argument('--budget', type=_positive, required=True, metavar='STEPS',
                           help='training steps for each detector and each predictor')
    ablations.add_argument('--out', default='out/ablations', metavar='DIR',
                           help='where results and detectors are kept (default: %(default)s)')
    ablations.add_argument('--tables', nargs='+', choices=('V', 'VI', 'VII', 'VIII', 'IX'),
                           default=('V', 'VI', 'VII', 'VIII', 'IX'), metavar='TABLE',
                           help='V, VI, VII, VIII, IX (default: all)')
    ablations.add_argument('--horizon', type=_positive, default=20, metavar='FRAMES',
                           help='frames to predict in the test (default: %(default)s)')
    ablations.add_argument('--batch', type=_positive, default=32, help='default: %(default)s')
    ablations.add_argument('--size', type=_positive, default=64, metavar='PIXELS',
                           help='side of the square frames (default: %(default)s)')
    ablations.add_argument('--seed', type=int, default=0)
    ablations.set_defaults(run=_ablations)


def _sizes(options: argparse.Namespace) -> None:
    from tkn_ros.learning.tables import format_sizes, size_rows, sizes_as_json, write_json
    rows = size_rows()
    if options.json:
        write_json(options.json, sizes_as_json(rows))
    print(format_sizes(rows))


def _ablations(options: argparse.Namespace) -> None:
    from tkn_ros.learning.ablations import format_ablations, run_ablations
    clips = [_read_clip(path, options.size) for path in options.data]
    if options.test:
        train, test = clips, [_read_clip(path, options.size) for path in options.test]
    else:
        cuts = [len(clip) * 4 // 5 for clip in clips]
        train = [clip[:cut] for clip, cut in zip(clips, cuts)]
        test = [clip[cut:] for clip, cut in zip(clips, cuts)]
    names = ', '.join(Path(p).name for p in options.data)
    tested = ', '.join(Path(p).name for p in options.test) or 'last fifth of each'
    results = run_ablations(train, test, options.budget, Path(options.out), options.tables,
                            options.horizon, options.batch, options.seed,
                            f'trained on {names}, tested on {tested}')
    print(format_ablations(results, options.tables))


def _read_clip(path: str, side: int):
    """All frames of a video, resized: (T, side, side, 3) uint8."""
    from tqdm import tqdm

    from tkn_ros.learning.clips import resize_clip
    from tkn_ros.video.frame import VideoError
    from tkn_ros.video.open import open_source
    with open_source(path) as source:
        frames = [resize_clip([f.image], side, side)[0]
                  for f in tqdm(source, desc=str(path), unit='frame', leave=False, disable=None)]
    if not frames:
        raise VideoError(f'{path}: it has no readable frame; give another video')
    import numpy as np
    return np.stack(frames)


if __name__ == '__main__':
    sys.exit(main())
