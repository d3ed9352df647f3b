"""The running node needs no network: it predicts where there is nothing but the loopback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ros_rig import ros_or_skip
from ros_station import PATIENCE

ros_or_skip()

HERE = str(Path(__file__).resolve().parent)

CONSUMER = """
import os, pathlib, socket, sys
from ros_rig import PredictorRig
from ros_station import Station
from tkn_ros.msg import PredictedKeypoints

assert [name for _, name in socket.if_nameindex()] == ['lo'], socket.if_nameindex()
station = Station()
folder, weights = map(pathlib.Path, sys.argv[1:])
with PredictorRig(station, folder, 'alone', weights=weights, backend='eager') as rig:
    keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
    rig.prime(keypoints)
    ours, its = (os.readlink(f'/proc/{pid}/ns/net') for pid in ('self', rig.process.pid))
    assert ours == its
    print('predicted in', its)
    station.forget(keypoints)
station.close()
"""


def namespace() -> list[str]:
    """What runs a command where the loopback is the only network; skips where nothing may."""
    said = 'there is no unshare'
    for options in ('-n', '-rn'):
        if shutil.which('unshare') and shutil.which('ip'):
            start = ['unshare', options, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
            tried = subprocess.run([*start, 'true'], capture_output=True, text=True)
            if tried.returncode == 0:
                return start
            said = tried.stderr.strip()
    pytest.skip(f'network namespaces are not permitted here: {said}')


def test_a_node_with_nothing_but_the_loopback_predicts(tmp_path, tiny_weights):
    consumer = [sys.executable, '-c', CONSUMER, str(tmp_path), str(tiny_weights)]
    done = subprocess.run(
        [*namespace(), *consumer],
        cwd=tmp_path,  # not the source folder, without messages
        env=os.environ | {'PYTHONPATH': os.pathsep.join([HERE, os.environ.get('PYTHONPATH', '')])},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    outside = os.readlink('/proc/self/ns/net')
    assert done.stdout.startswith('predicted in net:') and outside not in done.stdout
