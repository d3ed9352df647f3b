"""The command `tkn` as the installation brings it."""

import os
import subprocess
from pathlib import Path

from ros_rig import ros_or_skip

ros_or_skip()


def test_the_command_is_installed_and_needs_no_activated_environment(tmp_path):
    from tkn_ros.install import install_prefix

    command = Path(install_prefix()) / 'bin/tkn'
    done = subprocess.run(
        [command, 'train', '--out', 'run'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'PATH': '/usr/bin:/bin'},
    )
    assert (done.returncode, done.stderr) == (2, 'tkn: what to learn from? give --data PATH\n')
