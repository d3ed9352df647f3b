"""Options that several commands share."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_HORIZON = 1000  # frames
MOST = 1_000_000  # of anything that is counted by an option


def _number(
    text: str, kind: Callable[[str], Any], least: float, below: float, expected: str
) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not least <= value < below:
        raise argparse.ArgumentTypeError(f'{text[:40]}: expected {expected}')
    return value


def positive(text: str) -> int:
    """A whole number from 1 to a million."""
    return _number(text, int, 1, MOST + 1, f'a whole number from 1 to {MOST}')


def frames_ahead(text: str) -> int:
    """A horizon: 1 to 1000 frames, as the node has it."""
    value = positive(text)
    if value > MAX_HORIZON:
        raise argparse.ArgumentTypeError(f'{text}: expected 1 to {MAX_HORIZON} frames')
    return value


def seed(text: str) -> int:
    """A whole number from 0 to 2^63 - 1."""
    return _number(text, int, 0, 2**63, 'a whole number from 0 to 2^63 - 1')


def duration(text: str) -> float:
    """A finite number of at least 0."""
    return _number(text, float, 0, math.inf, 'a number of at least 0')


def share(text: str) -> tuple[float, float]:
    """'0:0.6' -> (0.0, 0.6)."""
    try:
        first, last = (float(part) for part in text.split(':'))
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text}: expected two shares, as 0:0.6') from None
    if not 0 <= first < last <= 1:
        raise argparse.ArgumentTypeError(f'{text}: expected 0 <= first < last <= 1, as 0:0.6')
    return first, last


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--data, and what to take of it."""
    parser.add_argument(
        '--data',
        nargs='+',
        required=required,
        default=[],
        metavar='PATH',
        help='video files, folders of images, rosbags, folders of any of these, the folder of KTH '
        'or Human3.6M, a file of MNIST digits, .npy or .npz arrays, or synthetic:COUNT',
    )
    parser.add_argument(
        '--part',
        type=share,
        default=(0.0, 1.0),
        metavar='FIRST:LAST',
        help='this share of each recording, as 0:0.6 (default: all)',
    )
    parser.add_argument('--topic', help='of rosbags with several image topics, which one')
    add_cache(parser)


def add_cache(parser: argparse.ArgumentParser) -> None:
    """--cache."""
    parser.add_argument(
        '--cache', metavar='DIR', help='where resized clips are kept (default: ~/.cache/tkn_ros)'
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """--force."""
    parser.add_argument(
        '--force', action='store_true', help='replace what is there already, but never an input'
    )


def cache_folder(options: argparse.Namespace) -> Path:
    """What --cache says."""
    from tkn_ros.datasets.prepared import default_folder

    return Path(options.cache) if options.cache else default_folder()


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device."""
    parser.add_argument(
        '--device',
        default='auto',
        metavar='DEVICE',
        help='auto, cpu, cuda or cuda:N (default: %(default)s)',
    )


def add_horizon(parser: argparse.ArgumentParser, what: str) -> None:
    """--horizon; what: of which frames it is the number."""
    parser.add_argument(
        '--horizon',
        type=frames_ahead,
        default=10,
        metavar='FRAMES',
        help=f'{what} (default: %(default)s)',
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    """--weights, the bundled ones by default."""
    parser.add_argument(
        '--weights',
        default='',
        metavar='FILE',
        help='a .safetensors file (default: the bundled weights)',
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json and --force, for commands that print tables."""
    parser.add_argument('--json', metavar='FILE', help='write the rows here as well')
    add_force(parser)


def add_out(parser: argparse.ArgumentParser, folder: str, what: str) -> None:
    """--out, a folder for what a command makes.

    Args:
        parser: of the command.
        folder: the default.
        what: is kept there.
    """
    parser.add_argument(
        '--out',
        default=folder,
        metavar='DIR',
        help=f'where {what} are kept (default: %(default)s)',
    )


def add_table_data(parser: argparse.ArgumentParser) -> None:
    """--data, --test and --horizon of the tables whose networks are trained first."""
    parser.add_argument(
        '--data',
        nargs='+',
        required=True,
        metavar='PATH',
        help='what to train on: whatever `tkn train` reads',
    )
    parser.add_argument(
        '--test',
        nargs='+',
        default=[],
        metavar='PATH',
        help='what to test on (default: the test split of data sets that have '
        'one, otherwise the last fifth of each recording)',
    )
    parser.add_argument(
        '--horizon',
        type=frames_ahead,
        default=20,
        metavar='FRAMES',
        help='frames to predict in the test (default: %(default)s)',
    )
