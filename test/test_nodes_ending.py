"""A node that is asked to end does so from whatever it is doing, and says how it is used."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ros_rig import Process, launcher, ros_or_skip
from ros_station import PATIENCE

ros_or_skip()

from tkn_ros.nodes.launched import PARENT as PARENT_VARIABLE  # noqa: E402

BY = 10.0  # [s] after which a node that was asked to end hangs; alone on a machine it takes below 2


def wait_for(process: Process, condition) -> None:
    end = time.monotonic() + PATIENCE
    while process.alive() and not condition():
        assert time.monotonic() < end, process.log()
        time.sleep(0.005)


def has_loaded(process: Process, library: str) -> bool:
    try:
        return library in Path(f'/proc/{process.process.pid}/maps').read_text()
    except OSError:
        return False


def has_handler(process: Process) -> bool:
    """Whether Python's handlers of signals are in place."""
    try:
        status = Path(f'/proc/{process.process.pid}/status').read_text()
    except OSError:
        return False
    caught = int(re.search(r'SigCgt:\s*(\w+)', status)[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


MOMENTS = {
    'before the imports': has_handler,
    'while rclpy is imported': lambda p: has_loaded(p, 'librcl.so'),
    'while torch is imported': lambda p: has_loaded(p, 'libtorch_cpu'),
    'while it warms up': lambda p: has_loaded(p, 'openvino') or 'configuring' in p.log(),
    'while it waits for images': lambda p: 'waiting for images' in p.log(),
}


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('moment', MOMENTS)
def test_it_ends_at_any_moment(tmp_path, moment, how):
    process = Process('predictor', tmp_path, {'__ns': '/ending'})
    try:
        wait_for(process, lambda: MOMENTS[moment](process))
        process.process.send_signal(how)
        assert process.process.wait(BY) == 0, process.log()
        assert 'Traceback' not in process.log(), process.log()
    finally:
        if process.alive():
            process.process.kill()
            process.process.wait()


@pytest.mark.parametrize('name', ['predictor', 'replay', 'recorder'])
def test_help_prints_the_usage_and_starts_no_node(name):
    ended = subprocess.run([launcher(name), '--help'], text=True, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert f'usage: ros2 run tkn_ros {name}' in ended.stdout
    assert '--ros-args' in ended.stdout


def test_an_argument_that_no_node_has_is_refused():
    ended = subprocess.run(
        [launcher('predictor'), '--horizon', '3'],
        text=True,
        capture_output=True,
    )
    assert ended.returncode == 2 and '"--horizon"' in ended.stderr
    assert '-p NAME:=VALUE' in ended.stderr


PARENT = """
import os, subprocess, sys, time
from tkn_ros.nodes.launched import launched
words = [sys.argv[1], '--ros-args', '-p', 'bag:=' + sys.argv[2]]
environment = {**os.environ, **(launched() if sys.argv[3] == 'launched' else {})}
print(subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether it runs; one that waits to be fetched by its parent does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize('kind', ['launched', 'other'])
def test_a_launched_node_ends_with_its_launch(tmp_path, kind, how):
    """`ros2 launch` leaves its processes behind when it is ended so; a shell's node stays."""
    bag = str(tmp_path / 'bag.mcap')
    parent = subprocess.Popen(
        [sys.executable, '-c', PARENT, launcher('recorder'), bag, kind],
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(parent.stdout.readline())
    try:
        end = time.monotonic() + PATIENCE
        while 'librcl.so' not in Path(f'/proc/{child}/maps').read_text():  # its signals are watched
            assert alive(child) and time.monotonic() < end
            time.sleep(0.05)
        parent.send_signal(how)
        parent.wait(BY)
        end = time.monotonic() + (BY if kind == 'launched' else 2)
        while alive(child) and time.monotonic() < end:
            time.sleep(0.05)
        assert alive(child) == (kind == 'other')
        if kind == 'other':
            os.kill(child, signal.SIGTERM)
            while alive(child):
                assert time.monotonic() < end + BY
                time.sleep(0.05)
    finally:
        parent.kill()
        parent.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_a_node_whose_launch_has_gone_already_ends(tmp_path):
    gone = subprocess.run(
        [sys.executable, '-c', 'import os; print(os.getpid())'], capture_output=True, text=True
    )
    ended = subprocess.run(
        [launcher('recorder'), '--ros-args', '-p', f'bag:={tmp_path / "bag.mcap"}'],
        env={**os.environ, PARENT_VARIABLE: gone.stdout.strip()},
        timeout=PATIENCE,
    )
    assert ended.returncode == 0
