"""The command `tkn` itself: help, version, completion."""

import os
import subprocess
import sys

import pytest

from tkn_ros.cli import main
from tkn_ros.version import VERSION


def test_without_arguments_it_helps(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert out.startswith('usage: tkn') and 'train' in out and not err


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(['--version'])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f'tkn {VERSION}\n'


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(['fly'])
    assert stop.value.code == 2
    assert "invalid choice: 'fly'" in capsys.readouterr().err


@pytest.mark.parametrize(
    'line, expected',
    [
        ('tkn ', {'train', 'evaluate', 'predict', 'benchmark', 'export', 'doctor', 'tables'}),
        ('tkn export --format ', {'onnx', 'openvino', 'torch'}),
        ('tkn train --no-t', {'--no-tensorboard'}),
    ],
)
def test_the_shell_completes(line, expected, tmp_path):
    """As bash asks it, by what `register-python-argcomplete tkn` puts into the shell."""
    pytest.importorskip('argcomplete')
    answer = tmp_path / 'answer'
    environment = {
        **os.environ,
        '_ARGCOMPLETE': '1',
        'COMP_LINE': line,
        '_ARGCOMPLETE_IFS': '\n',
        'COMP_POINT': str(len(line)),
        '_ARGCOMPLETE_STDOUT_FILENAME': str(answer),
    }
    command = 'import sys; from tkn_ros.cli import main; sys.argv[0] = "tkn"; main()'
    subprocess.run([sys.executable, '-c', command], env=environment, check=True, cwd=tmp_path)
    assert expected <= {word.strip() for word in answer.read_text().split('\n')}


def test_completion_and_help_do_not_load_torch():
    command = (
        'import sys; from tkn_ros.cli import command_parser; command_parser(); '
        'print({"torch", "cv2", "numpy", "rclpy"} & set(sys.modules))'
    )
    done = subprocess.run(
        [sys.executable, '-c', command], capture_output=True, text=True, check=True
    )
    assert done.stdout == 'set()\n'
