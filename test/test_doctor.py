"""`tkn doctor` on this machine as it is, and on one where something is wrong."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ros_rig import ros_or_skip
from ros_station import PATIENCE

from tkn_ros.commands import doctor_machine, doctor_ros
from tkn_ros.model.checkpoints import DEFAULT_WEIGHTS
from tkn_ros.transports import PROFILE_VARIABLES, TRANSPORTS_VARIABLE

ros_or_skip()


def doctor(folder, *words):
    """Run the command. Returns its exit status and its findings by name."""
    done = subprocess.run(
        [sys.executable, '-m', 'tkn_ros.cli', 'doctor', '--json', *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, 'TKN_CACHE_DIR': str(folder)},
        timeout=3 * PATIENCE,
    )
    assert done.stdout, done.stderr
    return done.returncode, {f['name']: f for f in json.loads(done.stdout)}


def test_all_is_well_with_our_transports(tmp_path, tiny_weights):
    status, found = doctor(tmp_path, '--weights', str(tiny_weights))
    assert status == 0, found
    assert {'Python', 'GPU', 'weights', 'backends', 'cache', 'ROS 2'} <= set(found)
    assert found['DDS, reliable']['figures']['received'] == doctor_ros.COUNT
    assert found['DDS, best effort']['status'] == 'ok'
    assert found['backends']['figures']['ms']['eager'] > 0
    assert all(f['todo'] for f in found.values() if f['status'] != 'ok')


def test_lost_images_are_counted_and_the_way_out_is_measured(monkeypatch):
    for name in (*PROFILE_VARIABLES, TRANSPORTS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    found = {f.name: f for f in doctor_ros.loopback()}
    lossy = found['DDS, best effort']
    assert lossy.status == 'problem'
    assert 0 < lossy.figures['received'] < lossy.figures['received_with_profile']
    assert 'export FASTRTPS_DEFAULT_PROFILES_FILE=' in lossy.todo
    assert Path(lossy.todo.split('FILE=')[1].split()[0]).is_file()
    assert found['DDS, reliable'].status == 'ok'


def test_shared_memory_that_nobody_holds_is_named(tmp_path):
    assert doctor_ros.shared_memory(tmp_path).status == 'ok'
    for name in ('fastrtps_0a', 'fastrtps_0b', 'fastrtps_port7411'):
        (tmp_path / name).write_bytes(bytes(2**20))
        (tmp_path / f'{name}_el').touch()
    with (tmp_path / 'fastrtps_0a_el').open('rb') as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        found = doctor_ros.shared_memory(tmp_path)
    assert found.status == 'warning' and found.figures == {'files': 2, 'mib': 2.0}
    assert 'fastdds shm clean' in found.todo


def test_a_running_node_holds_its_shared_memory(station):
    folder = Path('/dev/shm')
    own = [p for p in folder.glob('fastrtps_*_el') if p.stat().st_uid == os.getuid()]
    assert any(doctor_ros._is_locked(path) for path in own)


def test_a_problem_is_the_exit_status(tmp_path):
    broken = tmp_path / 'broken.safetensors'
    broken.write_bytes(b'not weights')
    status, found = doctor(tmp_path, '--weights', str(broken))
    assert status == 1
    assert found['weights']['status'] == 'problem' and 'cannot be read' in found['weights']['text']


def test_a_changed_file_is_not_the_published_one(tmp_path):
    for name in (DEFAULT_WEIGHTS.name, 'SHA256SUMS'):
        shutil.copy(DEFAULT_WEIGHTS.parent / name, tmp_path)
    copy = tmp_path / DEFAULT_WEIGHTS.name
    assert doctor_machine.weights(str(copy)).text.endswith('as published')
    changed = bytearray(copy.read_bytes())
    changed[-1] ^= 1
    copy.write_bytes(changed)
    found = doctor_machine.weights(str(copy))
    assert found.status == 'problem' and 'not the published file' in found.text and found.todo


def test_every_bundled_file_has_its_checksum():
    lines = (DEFAULT_WEIGHTS.parent / 'SHA256SUMS').read_text().splitlines()
    bundled = sorted(DEFAULT_WEIGHTS.parent.glob('*.safetensors'))
    assert sorted(line.split()[1] for line in lines) == [path.name for path in bundled]
    for path in bundled:
        assert doctor_machine.weights(str(path)).text.endswith('as published')


def test_without_ros_it_says_what_works(monkeypatch):
    monkeypatch.setitem(sys.modules, 'rclpy', None)  # as where there is none
    found = doctor_ros.ros()
    assert found.status == 'warning' and 'no rclpy' in found.text and 'make setup' in found.todo


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('TKN_CACHE_DIR', str(tmp_path / 'file' / 'cache'))
    found = doctor_machine.cache()
    assert found.status == 'warning' and 'TKN_CACHE_DIR' in found.todo


@pytest.mark.parametrize('words', [['--help'], ['--json', '--help']])
def test_help_answers(words):
    done = subprocess.run(
        [sys.executable, '-m', 'tkn_ros.cli', 'doctor', *words], capture_output=True, text=True
    )
    assert done.returncode == 0 and 'Exit status 1' in done.stdout
