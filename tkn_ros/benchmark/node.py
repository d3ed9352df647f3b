"""The node's speed as its users meet it: cameras, the node and listeners, each a process."""

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tkn_ros.install import install_prefix
from tkn_ros.transports import both_sides

START_UP = 120.0  # [s] within which the node must be ready: a first start converts graphs
END = 30.0  # [s] to end
SETTLED = 60.0  # [s] after which memory that grows is a leak; a third of shorter runs
TEN_MINUTES = 600.0  # [s]
NAMES = ('left', 'right', 'third', 'fourth')  # of several cameras


@dataclass(frozen=True)
class NodeSetting:
    """What is measured.

    Attributes:
        size: (width, height) of the cameras [pixel].
        rate: of each camera [Hz].
        seconds: how long.
        frames: whether predicted frames are received, too.
        parameters: of the node.
        cameras: how many.
    """

    size: tuple[int, int] = (640, 480)
    rate: float = 30.0
    seconds: float = 20.0
    frames: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    cameras: int = 1


def measure_node(setting: NodeSetting) -> dict[str, Any]:
    """Figures of one run, over loopback; RuntimeError with the node's log where it does not start.

    Of each of the `cameras`: `sent`; `counted`, the predictor's counters after the first two
    seconds; latencies from an image's stamp to the arrival of its keypoints, or of its last frame,
    at the listener, `latency_quarters_ms` their medians in the quarters of the run. Of the node's
    process: `cpu_share` of one core, `resident_mib` at the end, and `growth_mib`, the slope of its
    memory, in MiB for ten minutes; None for a run too short to have one.
    """
    environment = {
        **os.environ,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_DOMAIN_ID': str(os.getpid() % 100 + 1),
        **both_sides(os.environ),
    }
    if not 1 <= setting.cameras <= len(NAMES):
        raise ValueError(f'cameras is {setting.cameras}, expected 1 to {len(NAMES)}')
    names = NAMES[: setting.cameras] if setting.cameras > 1 else ('',)
    with tempfile.TemporaryDirectory() as folder, _Processes(environment) as started:
        log = Path(folder) / 'predictor.log'
        node = _ready(started, setting, names, log)
        listeners = [started.start('probe_listener', _heard(setting, n), n) for n in names]
        for listener in listeners:
            assert listener.stdout is not None
            listener.stdout.readline()  # it has found the predictor, or has ended
        cameras = [started.start('probe_camera', _shown(setting), n) for n in names]
        process = psutil.Process(node.pid)
        before, begun = process.cpu_times(), time.monotonic()
        try:
            memory = _memory_until(cameras, process, begun, setting.seconds + START_UP)
        except psutil.Error:
            raise RuntimeError(f'the predictor ended early: {log.read_text().strip()}') from None
        used, took = process.cpu_times(), time.monotonic() - begun
        sent = [json.loads(camera.communicate(timeout=END)[0]) for camera in cameras]
        time.sleep(1.5)  # the last predictions and a status are on their way
        found = []
        for listener in listeners:
            listener.send_signal(signal.SIGINT)
            found.append(json.loads(listener.communicate(timeout=END)[0]))
        node.send_signal(signal.SIGINT)
        node.wait(END)
    spent = used.user + used.system - before.user - before.system
    return {
        'cameras': [{**s, **f, 'ros_share': _ros_share(f)} for s, f in zip(sent, found)],
        'cpu_share': round(spent / took, 3),
        'resident_mib': round(memory[-1][1], 1),
        'growth_mib': _growth(memory),
    }


def _shown(setting: NodeSetting) -> dict[str, Any]:
    """Parameters of a camera."""
    width, height = setting.size
    return {
        'width': width,
        'height': height,
        'rate': float(setting.rate),
        'seconds': float(setting.seconds),
    }


def _heard(setting: NodeSetting, name: str) -> dict[str, Any]:
    """Parameters of the listener to the camera `name`."""
    steps = setting.parameters.get('steps') or [setting.parameters.get('horizon', 10)]
    return {
        'frames': setting.frames,
        'last_step': steps[-1],
        'skip': int(2 * setting.rate),
        'camera': name,
    }


class _Processes:
    """Nodes of this package; none outlives the `with` block."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.started: list[subprocess.Popen[Any]] = []

    def start(
        self, name: str, parameters: dict[str, Any], camera: str = '', log: Path | None = None
    ) -> subprocess.Popen[Any]:
        """Start a node; its output is piped, or goes into `log`."""
        space = f'/tkn/{camera}'.rstrip('/')
        words = [str(install_prefix() / 'lib' / 'tkn_ros' / name), '--ros-args']
        words += ['-r', f'__ns:={space}']
        for key, value in parameters.items():
            words += ['-p', f'{key}:={json.dumps(value)}']
        kept: dict[str, Any] = {'env': self.environment, 'text': True}
        process: subprocess.Popen[str]
        if log is None:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, **kept)
        else:
            with open(log, 'wb') as file:
                process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, **kept)
        self.started.append(process)
        return process

    def __enter__(self) -> '_Processes':
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()


def _ready(
    started: _Processes, setting: NodeSetting, names: tuple[str, ...], log: Path
) -> subprocess.Popen[Any]:
    """The predictor, waiting for images."""
    parameters = dict(setting.parameters)
    if len(names) > 1:
        parameters['cameras'] = [f'{name}=/tkn/{name}/image' for name in names]
    node = started.start('predictor', parameters, log=log)
    end = time.monotonic() + START_UP
    while log.read_text().count('waiting for images') < len(names):
        if node.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f'the predictor did not start: {log.read_text().strip()}')
        time.sleep(0.1)
    return node


def _memory_until(
    cameras: list[subprocess.Popen[Any]], process: psutil.Process, begun: float, limit: float
) -> list[tuple[float, float]]:
    """(time [s], resident [MiB]) each second until all cameras have ended, at least one.

    RuntimeError where that takes longer than `limit` [s].
    """
    found = []
    while True:
        passed = time.monotonic() - begun
        found.append((passed, process.memory_info().rss / 2**20))
        if all(camera.poll() is not None for camera in cameras):
            return found
        if passed > limit:
            raise RuntimeError(f'a camera did not end within {limit:.0f} s: no subscriber came')
        time.sleep(1.0)


def _growth(memory: list[tuple[float, float]]) -> float | None:
    """Slope of a line through the memory once it has settled, in MiB for ten minutes."""
    times, sizes = np.array(memory).T
    settled = times >= min(SETTLED, times[-1] / 3)
    if settled.sum() < 3:
        return None
    slope = np.polyfit(times[settled], sizes[settled], 1)[0]
    return round(float(slope) * TEN_MINUTES, 2)


def _ros_share(found: dict[str, Any]) -> float | None:
    """Of the way from stamp to keypoints, what is not the prediction itself."""
    latency, own = found['latency_ms'].get('p50', 0), found['processing_ms'].get('p50', 0)
    return round(1 - own / latency, 3) if latency else None
