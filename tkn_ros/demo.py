"""The main job, end to end: camera, predictor, warnings, recorder as processes over DDS, a report.

Imports no rclpy itself: it starts the nodes as anybody would, waits, and reads their bag.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from tkn_ros.evaluation.bag_report import report
from tkn_ros.evaluation.bag_table import table
from tkn_ros.install import install_prefix
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.model.devices import select_device
from tkn_ros.transports import both_sides
from tkn_ros.video.camera import CameraSource
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_video
from tkn_ros.warning.zones import load_settings

CAMERA_SECONDS = 10.0
START_UP = 60.0  # [s] within which the nodes must have found each other
PATIENCE = 10.0  # [s] to end after an interrupt
CAMERA = '/camera/image_raw'
DRAWN_WIDTH = 160  # [pixel] of the predicted frames


class DemoError(RuntimeError):
    """The demo cannot go on; the message is for the user."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog='demo', description=__doc__.splitlines()[0])
    parser.add_argument(
        '--video',
        default='',
        help='video file, folder of images, rosbag2 folder '
        'or .mcap, ROS 1 .bag or camera index; without it a synthetic clip',
    )
    parser.add_argument('--topic', default='', help='image topic of a bag with several')
    parser.add_argument(
        '--seconds',
        type=float,
        default=0.0,
        help=f'play only so long; 0: all of it ({CAMERA_SECONDS:.0f} of a camera)',
    )
    parser.add_argument('--window', type=int, default=0, help='frames observed; 0: as trained')
    parser.add_argument('--horizon', type=int, default=10, help='frames predicted')
    parser.add_argument('--weights', default='', help='checkpoint; without it the bundled one')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--output-size',
        type=int,
        nargs=2,
        metavar=('W', 'H'),
        help="of the predicted frames; 0 0: as drawn, -1 -1: the camera's; "
        f"without it {DRAWN_WIDTH} wide, in the shape of the camera's",
    )
    parser.add_argument(
        '--zones',
        default='',
        help="YAML of the warning node's zones; without it config/warning.yaml",
    )
    parser.add_argument('--out', type=Path, default=Path('out/demo'), help='where results go')
    return parser.parse_args(arguments)


def check_input(options: argparse.Namespace) -> tuple[str, float]:
    """Find bad input before any node starts. Returns the video's name and the seconds to play.

    Fills in `options.output_size` and `options.zones` where they were not given.
    """
    select_device(options.device)
    options.zones = options.zones or install_prefix() / 'share/tkn_ros/config/warning.yaml'
    load_settings(options.zones)
    if options.horizon < 1:
        raise ValueError(f'--horizon is {options.horizon}, expected at least 1')
    window = options.window or load_checkpoint(options.weights).config.window
    with open_video(options.video, options.topic) as source:
        if options.output_size is None:
            options.output_size = (
                DRAWN_WIDTH,
                max(16, round(DRAWN_WIDTH * source.height / source.width)),
            )
        if isinstance(source, CameraSource):
            return source.name, options.seconds or CAMERA_SECONDS
        stamps = [frame.stamp_ns for frame in source.frames(0, window + 1)]
        if options.seconds:
            stamps = [s for s in stamps if s - stamps[0] <= options.seconds * 1e9]
        if len(stamps) <= window:
            within = f' within {options.seconds:g} s' if options.seconds else ''
            raise VideoError(
                f'{source.name}: {len(stamps)} frames{within}, a window of {window} '
                f'needs at least {window + 1}; give a longer clip'
                f'{", more --seconds" if within else ""} or a smaller --window'
            )
        return source.name, options.seconds


class NodeProcesses:
    """The nodes, each with its log; none outlives the `with` block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, remaps: dict[str, str], parameters: dict[str, Any]
    ) -> subprocess.Popen[bytes]:
        """Start the launcher `name` of this package.

        Args:
            name: of the launcher.
            remaps: of topics.
            parameters: of the node.
        """
        launcher = install_prefix() / 'lib' / 'tkn_ros' / name
        words = [str(launcher), '--ros-args']
        for key, value in remaps.items():
            words += ['-r', f'{key}:={value}']
        for key, value in parameters.items():
            words += ['-p', f'{key}:={json.dumps(value)}']
        with open(self.folder / f'{name}.log', 'wb') as log:
            self.started[name] = subprocess.Popen(
                words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        return self.started[name]

    def log(self, name: str) -> str:
        """The last line that a node wrote."""
        lines = (self.folder / f'{name}.log').read_text(errors='replace').strip().splitlines()
        return lines[-1] if lines else 'it said nothing'

    def check(self, *names: str) -> None:
        """DemoError with a node's last words if one of them has ended."""
        for name in names:
            if self.started[name].poll() is not None:
                raise DemoError(f'the {name} node ended early: {self.log(name)}')

    def stop(self, name: str) -> None:
        """Interrupt a node and wait until it has ended."""
        process = self.started[name]
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DemoError(f'the {name} node did not end within {PATIENCE:.0f} s') from None

    def __enter__(self) -> 'NodeProcesses':
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started.values():
            if process.poll() is None:
                process.kill()
                process.wait()


def play(options: argparse.Namespace, seconds: float, folder: Path) -> float:
    """Run the four nodes over one clip. Returns the predictor's peak resident memory [MiB].

    Args:
        options: of the command line.
        seconds: how long to play; 0: all of it.
        folder: of logs and bag.
    """
    with NodeProcesses(folder) as nodes:
        camera = {'image': CAMERA, '__ns': '/tkn'}
        predictor = nodes.start(
            'predictor',
            camera,
            {
                'window': options.window,
                'horizon': options.horizon,
                'weights': options.weights,
                'device': options.device,
                'output_size': list(options.output_size),
            },
        )
        nodes.start('warning', {'__ns': '/tkn'}, {'zones': str(options.zones)})
        nodes.start('recorder', camera, {'bag': str(folder / 'predictions.mcap')})
        replay = nodes.start(
            'replay',
            {'camera/image_raw': CAMERA},
            {
                'video': options.video,
                'topic': options.topic,
                'seconds': seconds,
                'wait_for_subscribers': 2,
                'wait_seconds': START_UP,
            },
        )
        memory, resident = psutil.Process(predictor.pid), 0
        bar = tqdm(
            desc='playing', unit=' s', bar_format='{desc}: {n:.0f} s', leave=False, disable=None
        )
        began = time.monotonic()
        while replay.poll() is None:
            nodes.check('predictor', 'warning', 'recorder')
            resident = max(resident, memory.memory_info().rss)
            bar.update(time.monotonic() - began - bar.n)
            time.sleep(0.1)
        bar.close()
        if replay.returncode:
            raise DemoError(f'the replay node failed: {nodes.log("replay")}')
        time.sleep(1.0)  # the last predictions are on their way
        nodes.check('predictor', 'warning', 'recorder')
        nodes.stop('recorder')
        nodes.stop('warning')
        nodes.stop('predictor')
    return resident / 2**20


def demo(options: argparse.Namespace) -> dict[str, Any]:
    """The whole job. Results appear in `options.out` together, or not at all."""
    if (
        options.out.exists()
        and not (options.out / 'summary.json').is_file()
        and (not options.out.is_dir() or any(options.out.iterdir()))
    ):
        raise DemoError(
            f'--out {options.out} is there already and no earlier result; it would be '
            'replaced: name a new folder'
        )
    name, seconds = check_input(options)
    part = options.out.with_name(f'.{options.out.name}.{os.getpid()}.part')
    part.mkdir(parents=True)
    try:
        print(f'predicting {name}', flush=True)
        resident = play(options, seconds, part)
        summary = {
            'video': name,
            **report(
                part / 'predictions.mcap', part, CAMERA, settings=load_settings(options.zones)
            ),
            'resident_mib': round(resident, 1),
        }
        (part / 'summary.json').write_text(json.dumps(summary, indent=1) + '\n')
        if options.out.exists():
            shutil.rmtree(options.out)
        os.replace(part, options.out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return summary


def main(arguments: list[str] | None = None) -> int:
    """`ros2 run tkn_ros demo`, or `make demo`."""
    # on this machine only and on a domain of its own
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('ROS_DOMAIN_ID', str(os.getpid() % 100 + 1))
    options = parse(arguments)
    try:
        os.environ.update(both_sides(os.environ))
        summary = demo(options)
    except (ValueError, OSError, DemoError) as error:
        print(f'demo: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('demo: interrupted, nothing was kept', file=sys.stderr)
        return 130
    print(table(summary))
    print(
        f'in {options.out}/: prediction.mp4 prediction.gif montage.png predictions.mcap '
        'summary.json'
    )
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
