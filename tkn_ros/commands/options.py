"""Options that several commands share."""

import argparse
from pathlib import Path


def positive(text: str) -> int:
    """A whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f'{text}: expected a whole number of at least 1')
    return value


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


def add_weights(parser: argparse.ArgumentParser) -> None:
    """--weights, the bundled ones by default."""
    parser.add_argument(
        '--weights',
        default='',
        metavar='FILE',
        help='a .safetensors file (default: the bundled weights)',
    )
