"""What `ros2 run tkn_ros NODE` starts: signals first, then what takes seconds to import."""

import importlib
import sys
import traceback

from tkn_ros.nodes.launched import end_with_parent
from tkn_ros.nodes.signals import watch
from tkn_ros.stop_signals import end_at_once

USAGE = """usage: ros2 run tkn_ros {name} [--ros-args ..]
  -p NAME:=VALUE      set a parameter
  -r NAME:=TOPIC      remap a topic
  --params-file FILE  set parameters from a file

{about}
"""


def start(name: str, arguments: list[str] | None = None) -> int:
    """Run the node `name` of this package. Returns the exit status of what starts no node.

    The process ends with its node, and native threads that are still at work with it: the
    interpreter's own way out would be disturbed by them, and they by it.

    Args:
        name: of the module `NAME_node`.
        arguments: of the command line; None: the process's own.
    """
    watch.begin()
    end_with_parent()
    own = own_arguments(sys.argv[1:] if arguments is None else arguments)
    module = f'tkn_ros.nodes.{name}_node'
    if not own:
        try:
            status = importlib.import_module(module).main()
        except Exception:
            traceback.print_exc()
            status = 1
        end_at_once(status)
    if own[0] in ('-h', '--help'):
        print(usage(name))
        return 0
    print(
        f'{name}: unknown argument "{own[0]}"; parameters are given as '
        '--ros-args -p NAME:=VALUE, see --help',
        file=sys.stderr,
    )
    return 2


def own_arguments(arguments: list[str]) -> list[str]:
    """Those that are not ROS's, which stand between --ros-args and -- or the end."""
    own, of_ros = [], False
    for argument in arguments:
        if argument == '--ros-args':
            of_ros = True
        elif of_ros:
            of_ros = argument != '--'
        else:
            own.append(argument)
    return own


def usage(name: str) -> str:
    """The help of a node: what it does, and its parameters where they are listed in a table."""
    module = importlib.import_module(f'tkn_ros.nodes.{name}_node')
    text = USAGE.format(name=name, about=(module.__doc__ or '').strip())
    table = getattr(module, 'PARAMETERS', ())
    lines = [f'  {p.name:<18} {p.description} (default: {p.default!r})' for p in table]
    return '\n'.join([text, 'parameters:', *lines] if lines else [text.rstrip()])
