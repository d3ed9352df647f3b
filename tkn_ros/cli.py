# PYTHON_ARGCOMPLETE_OK
"""The command `tkn`; also `python -m tkn_ros.cli`.

Each subcommand is a module of `commands/`: `add_arguments` and `run`. torch is imported only in
`run`, so that `tkn --help` and the shell's completion answer at once.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from tkn_ros.commands import benchmark, doctor, evaluate, export, predict, tables, train
from tkn_ros.stop_signals import STOPPED, end_at_once, stopping_within
from tkn_ros.version import VERSION

BAD_INPUT = (  # what another command line or another file would fix
    ValueError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def command_parser() -> argparse.ArgumentParser:
    """All commands with their options; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(
        prog='tkn',
        description='Transformer-based keypoint prediction: the next seconds of a video.',
    )
    parser.add_argument('--version', action='version', version=f'tkn {VERSION}')
    commands = parser.add_subparsers(metavar='COMMAND')
    for name, module, summary in (
        ('train', train, 'learn from any recordings'),
        ('evaluate', evaluate, 'PSNR and SSIM of predictions beside trivial ones'),
        ('predict', predict, "a video's frames as they had been predicted"),
        ('benchmark', benchmark, 'how fast each backend is here, and what it costs'),
        ('export', export, 'the network as ONNX, OpenVINO IR or a PyTorch program'),
        ('doctor', doctor, 'is all well on this machine, and what to do where not'),
        ('tables', tables, "the paper's tables beside this implementation"),
    ):
        parser_of_it = commands.add_parser(name, help=summary)
        module.add_arguments(parser_of_it)
        parser_of_it.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0: done. 2: it cannot be done as it was asked for, which one line says, with what to give
    instead. 1: it failed on the way, as by a full disk, one line as well. 130: stopped by SIGINT or
    SIGTERM.
    """
    try:
        with stopping_within():
            return _run(arguments)
    except BAD_INPUT as error:
        return _fail(error, 2)
    except (OSError, RuntimeError) as error:
        return _fail(error, 1)
    except MemoryError:
        return _fail('there is not enough memory; take a shorter or smaller recording', 1)
    except KeyboardInterrupt:
        print('\ntkn: stopped', file=sys.stderr)
        return STOPPED


def _run(arguments: Sequence[str] | None) -> int:
    parser = command_parser()
    if '_ARGCOMPLETE' in os.environ:  # the shell asks what may follow
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    if hasattr(options, 'run'):
        return options.run(options) or 0
    parser.print_help()
    return 0


def _fail(error: object, status: int) -> int:
    print(f'tkn: {" ".join(str(error).split())}', file=sys.stderr)
    return status


def command() -> int:
    """What the shell starts: `main`, and an end that no signal and no native thread can spoil."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # before and after: end, without a traceback
    status = main()
    if status == STOPPED:
        end_at_once(status)
    return status


if __name__ == '__main__':
    sys.exit(command())
