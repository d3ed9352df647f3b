"""SIGTERM and SIGINT end `tkn` in order at any moment: no traceback, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ros_rig import ros_or_skip
from small_models import moving_square, repeat_last_model

ros_or_skip()

from tkn_ros.install import install_prefix  # noqa: E402
from tkn_ros.model.checkpoints import save_checkpoint  # noqa: E402
from tkn_ros.video.writers import write_video  # noqa: E402

PATIENCE = 90.0  # [s] to come to a moment on a busy machine
BY = 20.0  # [s] after which it hangs; alone on a machine it takes below 2


def has_loaded(process, library: str) -> bool:
    return library in Path(f'/proc/{process.pid}/maps').read_text()


MOMENTS = {
    'while torch is imported': lambda process, folder: has_loaded(process, 'libtorch_cpu'),
    'while it writes': lambda process, folder: any(folder.glob('.out.mp4.*.part')),
}


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('moment', MOMENTS)
def test_tkn_ends_at_any_moment(tmp_path, moment, how):
    write_video(tmp_path / 'in.mp4', [*moving_square(60, 240, 320)] * 20, 25)
    save_checkpoint(tmp_path / 'small.safetensors', repeat_last_model())
    command = [install_prefix() / 'bin/tkn', 'predict', 'in.mp4', '-o', 'out.mp4']
    process = subprocess.Popen(
        [*command, '--weights', 'small.safetensors', '--horizon', '2'],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE
    while process.poll() is None and not MOMENTS[moment](process, tmp_path):
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(how)
    try:
        _, said = process.communicate(timeout=BY)
    finally:
        process.kill()
    # before Python runs our code the signal itself ends it
    assert process.returncode in (130, -how), said
    assert 'Traceback' not in said and 'terminate called' not in said, said
    assert sorted(p.name for p in tmp_path.iterdir()) == ['in.mp4', 'small.safetensors']


STUCK = """
import signal, sys, time
from tkn_ros.stop_signals import stopping_within

class Destructor:
    def __del__(self):
        try:
            print('ready', flush=True)
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:  # as an import or a callback may swallow it
            pass

with stopping_within(0.5):
    Destructor()
    while True:
        time.sleep(0.01)
"""


def test_an_interrupt_that_is_swallowed_ends_it_all_the_same():
    process = subprocess.Popen(
        [sys.executable, '-c', STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == 'ready\n'
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=BY)
    assert process.returncode == 130 and said.strip() == 'tkn: stopped'


CHILD = """
import os, signal, sys, time
{begin}

def end_a_child():
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(7)
    time.sleep(0.3)
    os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

{inside}
    assert end_a_child() == -signal.SIGTERM
    time.sleep(2.0)  # longer than either grace
    print('goes on', flush=True)
"""
WATCHES = {
    'tkn': ('from tkn_ros.stop_signals import stopping_within', 'with stopping_within(0.5):'),
    'a node': (
        'from tkn_ros.nodes.signals import watch\nwatch.begin()\nwatch.node_runs(lambda: 0, 0.5)',
        'if True:',
    ),
}


@pytest.mark.parametrize('name', WATCHES)
def test_the_end_of_a_forked_child_is_not_the_parents(name):
    """Libraries fork (OpenVINO's converter would) and end what they forked by SIGTERM."""
    begin, inside = WATCHES[name]
    ended = subprocess.run(
        [sys.executable, '-c', CHILD.format(begin=begin, inside=inside)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0 and ended.stdout == 'goes on\n', ended.stderr
    assert 'Traceback' not in ended.stderr, ended.stderr
