# PYTHON_ARGCOMPLETE_OK
"""The command `tkn`; also `python -m tkn_ros.cli`.

Each subcommand is a module of `commands/`: `add_arguments` and `run`. torch is imported only in
`run`, so that `tkn --help` and the shell's completion answer at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from tkn_ros.commands import benchmark, evaluate, export, predict, tables, train
from tkn_ros.version import VERSION


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
        ('tables', tables, "the paper's tables beside this implementation"),
    ):
        parser_of_it = commands.add_parser(name, help=summary)
        module.add_arguments(parser_of_it)
        parser_of_it.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an error in one line, 130 if stopped."""
    parser = command_parser()
    if '_ARGCOMPLETE' in os.environ:  # the shell asks what may follow
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    if not hasattr(options, 'run'):
        parser.print_help()
        return 0
    try:
        options.run(options)
    except (ValueError, OSError, RuntimeError) as error:
        print(f'tkn: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ntkn: stopped', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
