"""`make soak MINUTES=n`: a 60 Hz VGA camera with random faults before a real predictor over DDS.

Leaves soak.json and soak.png in `--out`: memory, latency, drops, and how long each recovery took.
Status 1 where the node ended, a recovery was missed or the books do not balance.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tkn_ros.transports import both_sides

# on this machine only, before anything imports rclpy
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
os.environ.update(both_sides(os.environ))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil
from lifecycle_rig import change
from ros_rig import PredictorRig, Station, stamp_of

from tkn_ros.msg import PredictedKeypoints

HERTZ, HEIGHT, WIDTH = 60, 480, 640
QUIET = (4.0, 10.0)  # [s] between two faults
PATIENCE = 30.0  # [s] after which a recovery counts as missed
FAULTS = (
    'pause',
    'burst',
    'loss',
    'backward',
    'forward',
    'garbage',
    'other size',
    'restart',
    'cycle',
)


class Soak:
    """One run in its course.

    Args:
        rig: of the predictor.
        seed: of the faults.
    """

    def __init__(self, rig: PredictorRig, seed: int) -> None:
        self.rig, self.rng = rig, np.random.default_rng(seed)
        self.frames = self._scene()
        self.offset, self.sent = 0, 0
        self.keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints', depth=10)
        self.rows: list[dict] = []  # a sample each second
        self.faults: list[dict] = []
        self.process = psutil.Process(rig.process.pid)
        self.latencies: list[float] = []

    def _scene(self) -> list[np.ndarray]:
        ground = self.rng.integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
        ground = np.repeat(np.repeat(ground, 8, 0), 8, 1)
        frames = []
        for i in range(120):
            frame = ground.copy()
            frame[200:280, 4 * i : 4 * i + 80] = (250, 200, 30)
            frames.append(frame)
        return frames

    def send(self, seconds: float, keep: float = 1.0, pause: float = 1 / HERTZ) -> None:
        """The camera for so long; keep: share of its images that arrive."""
        end = time.monotonic() + seconds
        due = time.monotonic()
        while (now := time.monotonic()) < end:
            if self.rng.random() < keep:
                image = self.frames[self.sent % len(self.frames)]
                self.rig.camera.send(time.time_ns() + self.offset, image)
            self.sent += 1
            due = max(due + pause, now - 0.1)
            self.rig.station.spin(max(0.0, due - time.monotonic()))
            self._listen()

    def _listen(self) -> None:
        for message in self.keypoints:
            self.latencies.append((time.time_ns() + self.offset - stamp_of(message)) / 1e6)
        self.last = self.keypoints[-1] if self.keypoints else getattr(self, 'last', None)
        self.keypoints.clear()

    def fault(self, kind: str) -> None:
        """Do something bad, then send good images until one is predicted from."""
        rig, camera = self.rig, self.rig.camera
        if kind == 'pause':
            rig.station.spin(3.0)
        elif kind == 'burst':
            for _ in range(200):
                camera.send(time.time_ns() + self.offset, self.frames[0])
        elif kind == 'loss':
            self.send(3.0, keep=0.7)
        elif kind == 'backward':
            self.offset -= 10**10
        elif kind == 'forward':
            self.offset += 10**11
        elif kind == 'garbage':
            from sensor_msgs.msg import Image

            for _ in range(30):
                size = int(self.rng.integers(0, 1000))
                data = self.rng.integers(0, 256, size, np.uint8).tobytes()
                image = Image(height=480, width=640, step=1920, encoding='rgb8', data=data)
                camera.send(time.time_ns() + self.offset, image)
                rig.station.spin(0.01)
        elif kind == 'other size':
            for _ in range(30):
                camera.send(time.time_ns() + self.offset, self.frames[0][:240, :320].copy())
                rig.station.spin(0.01)
        elif kind == 'restart':
            rig.open_camera(reliable=bool(self.rng.random() < 0.5))
        else:
            assert change(rig, 'deactivate') and change(rig, 'cleanup')
            assert change(rig, 'configure') and change(rig, 'activate')
            rig.open_camera()
        self._recover(kind)

    def _recover(self, kind: str) -> None:
        began, first = time.monotonic(), time.time_ns() + self.offset
        while time.monotonic() - began < PATIENCE and self.rig.alive():
            self.send(1 / HERTZ)
            if (
                self.last is not None
                and abs(stamp_of(self.last) - first) < 3e10
                and (stamp_of(self.last) >= first)
            ):
                self.faults.append({'kind': kind, 'seconds': round(time.monotonic() - began, 3)})
                return
        self.faults.append({'kind': kind, 'seconds': None})

    def sample(self, began: float) -> None:
        """Memory, latency and counters of now."""
        books = self.rig.counters()
        recent, self.latencies = self.latencies, []
        self.rows.append(
            {
                'at': round(time.monotonic() - began, 1),
                'resident_mb': self.process.memory_info().rss / 1e6,
                'latency_ms': float(np.median(recent)) if recent else None,
                **books,
            }
        )


def slope(rows: list[dict]) -> float:
    """Growth of memory in the second half [MB in ten minutes]."""
    late = rows[len(rows) // 2 :]
    if len(late) < 3:
        return float('nan')
    at = [row['at'] / 600 for row in late]
    return float(np.polyfit(at, [row['resident_mb'] for row in late], 1)[0])


def plot(path: Path, rows: list[dict], faults: list[dict]) -> None:
    """Four panels: memory, latency, images and drops, recoveries."""
    from matplotlib.figure import Figure

    figure = Figure((10, 8), layout='constrained')
    memory, latency, drops, recovery = figure.subplots(2, 2).flat
    at = [row['at'] / 60 for row in rows]
    memory.plot(at, [row['resident_mb'] for row in rows])
    memory.set(ylabel='resident memory [MB]', xlabel='time [min]')
    latency.plot(at, [row['latency_ms'] for row in rows])
    latency.set(ylabel='median latency [ms]', xlabel='time [min]')
    for name in ('received', 'predictions', 'dropped', 'bad'):
        drops.plot(at, [row.get(name, 0) for row in rows], label=name)
    drops.set(ylabel='count since (re)configuration', xlabel='time [min]')
    drops.legend()
    good = [fault for fault in faults if fault['seconds'] is not None]
    recovery.plot([f['kind'] for f in good], [f['seconds'] for f in good], 'o')
    recovery.tick_params('x', rotation=40)
    recovery.set(ylabel='recovery [s]')
    figure.savefig(path, dpi=100)


def main() -> int:
    """Status 0 if nothing was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--minutes', type=float, default=30.0)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=Path('out/soak'))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    station, folder = Station(), Path(tempfile.mkdtemp())
    problems = []
    rig = PredictorRig(station, folder, 'soak')
    try:
        soak = Soak(rig, options.seed)
        soak.send(5.0)
        began = time.monotonic()
        while time.monotonic() - began < 60 * options.minutes and rig.alive():
            soak.send(float(soak.rng.uniform(*QUIET)))
            soak.sample(began)
            soak.fault(str(soak.rng.choice(FAULTS)))
        if not rig.alive():
            problems.append('the node ended')
        books = rig.counters()
        passed_over = books['received'] - books['encoded'] - books['bad']
        if not 0 <= passed_over <= books['dropped'] + 2:
            problems.append(f'the books do not balance: {books}')
        missed = [f['kind'] for f in soak.faults if f['seconds'] is None]
        problems += [f'no recovery from {kind}' for kind in missed]
        result = {
            'minutes': options.minutes,
            'images': soak.sent,
            'mb_in_ten_minutes': round(slope(soak.rows), 2),
            'slowest_recovery_s': max((f['seconds'] or 0 for f in soak.faults), default=0),
            'problems': problems,
            'faults': soak.faults,
            'rows': soak.rows,
        }
        (options.out / 'soak.json').write_text(json.dumps(result, indent=1) + '\n')
        plot(options.out / 'soak.png', soak.rows, soak.faults)
        print({k: v for k, v in result.items() if k not in ('faults', 'rows')})
    finally:
        if rig.alive():
            rig.stop(signal.SIGTERM)
        (options.out / 'predictor.log').write_text(rig.log())
        station.close()
    return int(bool(problems))


if __name__ == '__main__':
    sys.exit(main())
