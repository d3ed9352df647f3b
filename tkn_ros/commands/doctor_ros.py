"""What `tkn doctor` looks at of ROS; imports none of it, so that it works without."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tkn_ros.commands.finding import Finding
from tkn_ros.install import install_prefix
from tkn_ros.transports import both_sides, configured

COUNT, RATE = 100, 30  # images of 640x480 [Hz]
ENOUGH = {'reliable': COUNT, 'best effort': 98}  # a best-effort image may be lost to a busy machine
PATIENCE = 60.0  # [s]


def ros() -> Finding:
    """Whether ROS 2 is there, with this package's messages."""
    figures = {
        'distribution': os.environ.get('ROS_DISTRO', ''),
        'rmw': os.environ.get('RMW_IMPLEMENTATION', ''),
        'domain': os.environ.get('ROS_DOMAIN_ID', '0'),
        'range': os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', ''),
    }
    if importlib.util.find_spec('rclpy') is None:
        return Finding(
            'ROS 2',
            'warning',
            'not found (no rclpy): train, evaluate, predict and benchmark work, the nodes do not',
            'source /opt/ros/<distribution>/setup.bash, or run make setup',
            figures,
        )
    try:
        prefix = install_prefix()
    except FileNotFoundError:
        prefix = None
    if prefix is None or importlib.util.find_spec('tkn_ros.msg') is None:
        return Finding(
            'ROS 2',
            'problem',
            'rclpy is there, but not the messages of this package',
            'build and source the workspace (colcon build), or make setup; do not start it from '
            'the source folder',
            figures,
        )
    text = (
        f'{figures["distribution"] or "not sourced, from wheels"}, '
        f'{figures["rmw"] or "the default middleware"}, domain {figures["domain"]}, '
        f'discovery range {figures["range"] or "SUBNET (default)"}; package in {prefix}'
    )
    return Finding('ROS 2', 'ok', text, figures=figures)


def shared_memory(folder: Path = Path('/dev/shm')) -> Finding:
    """What processes that were killed left behind of Fast DDS's files.

    Beside each of them is one that its process locks for as long as it lives.
    """
    left = [lock for lock in folder.glob('fastrtps_*_el') if not _is_locked(lock)]
    files = [lock.with_name(lock.name.removesuffix('_el')) for lock in left]
    size = sum(file.stat().st_size for file in files if file.exists()) / 2**20
    if not left:
        return Finding('shared memory', 'ok', 'nothing is left of processes that were killed')
    return Finding(
        'shared memory',
        'warning',
        f'killed processes left {len(left)} files of Fast DDS in {folder}, {size:.0f} MiB',
        f'fastdds shm clean, or rm {folder}/*fastrtps_* while no ROS node runs',
        {'files': len(left), 'mib': round(size, 1)},
    )


def _is_locked(path: Path) -> bool:
    import fcntl  # not on Windows, which has no /dev/shm either

    try:
        with path.open('rb') as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # by its process; or somebody else's, or gone
        return True
    return False


def loopback() -> Iterator[Finding]:
    """How many images of a camera arrive from one process in another, with either QoS."""
    for quality in ENOUGH:
        name = f'DDS, {quality}'
        try:
            measured = stream(quality, dict(os.environ))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = ' '.join(str(error).split())
            yield Finding(name, 'problem', f'no stream could be sent: {said}', 'see ROS 2 above')
            continue
        count, latency = measured['received'], measured['latency_ms']
        text = f'{count} of {COUNT} images of 640x480 at {RATE} Hz arrived'
        text += f', {latency:.1f} ms old' if count else ''
        if count >= ENOUGH[quality]:
            yield Finding(name, 'ok', text, figures=measured)
        elif not count:
            todo = (
                'check the firewall, ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE; in '
                'containers share the network and /dev/shm'
            )
            yield Finding(name, 'problem', text, todo, measured)
        else:
            yield _lossy(name, quality, text, measured)


def stream(quality: str, environment: dict[str, str], count: int = COUNT) -> dict[str, Any]:
    """Send and count. Returns what the receiver prints, see `nodes/loopback.py`.

    Args:
        quality: `reliable` or `best effort`.
        environment: of both processes.
        count: images that are sent.
    """
    words = [sys.executable, '-m', 'tkn_ros.nodes.loopback']
    common = ['--topic', f'/tkn_doctor_{os.getpid()}/image', '--count', str(count)]
    common += ['--rate', str(RATE), *(['--reliable'] if quality == 'reliable' else [])]
    with (
        tempfile.TemporaryDirectory() as elsewhere,  # a source folder would shadow the messages
        subprocess.Popen(
            [*words, 'send', *common],
            env=environment,
            cwd=elsewhere,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as sender,
    ):
        try:
            done = subprocess.run(
                [*words, 'receive', *common],
                env=environment,
                cwd=elsewhere,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            if done.returncode:
                raise ValueError((done.stderr.strip().splitlines() or ['it ended early'])[-1])
            return json.loads(done.stdout.strip().splitlines()[-1])
        finally:
            sender.kill()


def _lossy(name: str, quality: str, text: str, measured: dict[str, Any]) -> Finding:
    """Images were lost: does our profile help here?"""
    if os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps').startswith('rmw_fastrtps'):
        profile = both_sides({})
        if not configured(os.environ):
            helped = stream(quality, {**os.environ, **profile})['received']
            figures = {**measured, 'received_with_profile': helped}
            todo = (
                f'with config/fastdds.xml {helped} of {COUNT} arrive: '
                f'export FASTRTPS_DEFAULT_PROFILES_FILE={next(iter(profile.values()))} for the '
                'camera driver and all that subscribe to it'
            )
            return Finding(name, 'problem', text, todo, figures)
        todo = (
            'raise the limits of socket buffers (sudo sysctl -w net.core.rmem_max=4194304 '
            'net.core.wmem_max=4194304), use config/fastdds.xml, or let the camera publish reliably'
        )
    else:
        todo = (
            'raise the limits of socket buffers (sudo sysctl -w net.core.rmem_max=16777216), see '
            'your middleware on large messages, or let the camera publish reliably'
        )
    return Finding(name, 'problem', text, todo, measured)
