"""Real nodes in processes of their own, and a camera for them."""

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from ros_station import PATIENCE, Heard, Station

SECOND = 10**9


def ros_or_skip() -> None:
    """Skip the module that asks where ROS 2 or this package's messages are missing."""
    try:
        import rclpy  # noqa: F401

        from tkn_ros.install import install_prefix
        from tkn_ros.msg import PredictedKeypoints  # noqa: F401

        install_prefix()
    except (ImportError, FileNotFoundError) as error:
        pytest.skip(
            f'needs ROS 2 and the installed package: make setup ({error})', allow_module_level=True
        )


def launcher(name: str) -> str:
    """What `ros2 run tkn_ros NAME` starts."""
    from tkn_ros.install import install_prefix

    return str(install_prefix() / 'lib' / 'tkn_ros' / name)


def words(remaps: dict[str, str], parameters: dict) -> list[str]:
    """The command line that a node takes."""
    out = ['--ros-args']
    for key, value in remaps.items():
        out += ['-r', f'{key}:={value}']
    for key, value in parameters.items():
        text = (
            str(value).lower()
            if isinstance(value, bool)
            else (f'"{value}"' if isinstance(value, str | Path) else value)
        )
        out += ['-p', f'{key}:={text}']
    return out


def run_to_end(name: str, remaps: dict[str, str] | None = None, **parameters):
    """A node that ends by itself. Returns its CompletedProcess with text."""
    return subprocess.run(
        [launcher(name), *words(remaps or {}, parameters)],
        text=True,
        capture_output=True,
        timeout=2 * PATIENCE,
        stdin=subprocess.DEVNULL,
    )


class Process:
    """A node in its own process, interrupted at the end of the `with` block."""

    def __init__(self, name: str, folder: Path, remaps: dict[str, str] | None = None, **parameters):
        self.path = folder / f'{name}-{time.monotonic_ns()}.log'
        with open(self.path, 'wb') as log:
            self.process = subprocess.Popen(
                [launcher(name), *words(remaps or {}, parameters)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def log(self) -> str:
        return self.path.read_text(errors='replace')

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, how: int = signal.SIGINT) -> int:
        """Its exit status."""
        if self.alive():
            self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None:
                assert self.stop() == 0, self.log()
                assert 'Traceback' not in self.log(), self.log()
        finally:
            if self.alive():
                self.process.kill()
                self.process.wait()


class Camera:
    """Publishes images with the stamps that a test gives them."""

    def __init__(self, station: Station, topic: str, reliable: bool = True, message_type=None):
        from sensor_msgs.msg import Image

        self.station, self.topic, self.reliable = station, topic, reliable
        self.publisher = station.publisher(message_type or Image, topic, reliable)

    def matched(self) -> bool:
        """Whether one subscriber is there that has adapted to this publisher."""
        from rclpy.qos import ReliabilityPolicy

        there = self.station.node.get_subscriptions_info_by_topic(self.topic)
        return self.publisher.get_subscription_count() == len(there) == 1 and self.reliable == (
            there[0].qos_profile.reliability == ReliabilityPolicy.RELIABLE
        )

    def send(self, stamp_ns: int, image) -> None:
        """An RGB picture, a message whose header is filled in here, or bytes as they are."""
        from tkn_ros.nodes.conversions import rgb_to_image, to_time

        if isinstance(image, np.ndarray):
            image = rgb_to_image(image, stamp_ns, 'lens')
        elif not isinstance(image, bytes):
            image.header.stamp, image.header.frame_id = to_time(stamp_ns), 'lens'
        self.publisher.publish(image)

    def close(self) -> None:
        self.station.node.destroy_publisher(self.publisher)


class PredictorRig(Process):
    """A predictor with a camera before it, in a namespace of its own.

    Stamps are the test's, not the clock's: `next_era` is long after all that was sent before, so
    that the window restarts.
    """

    def __init__(
        self, station: Station, folder: Path, namespace: str, transport: str = 'raw', **parameters
    ):
        from diagnostic_msgs.msg import DiagnosticArray
        from sensor_msgs.msg import CompressedImage, Image

        self.station, self.namespace = station, namespace
        self.weights = parameters.get('weights', '')
        self.diagnostics = station.hear(DiagnosticArray, '/diagnostics')
        self.type = CompressedImage if transport == 'compressed' else Image
        self.topic = f'/{namespace}/image' + ('/compressed' if transport == 'compressed' else '')
        super().__init__(
            'predictor', folder, {'__ns': f'/{namespace}'}, image_transport=transport, **parameters
        )
        self.era = SECOND
        self.camera: Camera | None = None
        self.open_camera()

    def open_camera(self, reliable: bool = True) -> Camera:
        """Another camera on the same topic; waits until the predictor has adapted to it."""
        if self.camera is not None:
            self.camera.close()
        self.camera = Camera(self.station, self.topic, reliable, self.type)
        self.station.wait(
            lambda: not self.alive() or self.camera.matched(),
            'the predictor to subscribe',
            log=self.log,
        )
        assert self.alive(), self.log()
        return self.camera

    def hear(self, message_type, name: str, **kwargs) -> Heard:
        """Subscribe to one of the predictor's outputs."""
        return self.station.hear(message_type, f'/{self.namespace}/{name}', **kwargs)

    def next_era(self) -> int:
        """A stamp long after all that have been sent."""
        self.era += 10_000 * SECOND
        return self.era

    def prime(self, *lists: Heard, period: int = SECOND // 10, frame=None) -> int:
        """Send images until something has come into each list. Returns how many it took."""
        frame = np.full((24, 32, 3), 50, np.uint8) if frame is None else frame
        start, sent = self.next_era(), 0
        before = [len(heard) for heard in lists]
        end = time.monotonic() + PATIENCE
        while any(len(heard) <= b for heard, b in zip(lists, before)):
            assert time.monotonic() < end and self.alive(), f'no prediction\n{self.log()}'
            self.camera.send(start + sent * period, frame)
            self.station.spin(0.1)
            sent += 1
        return sent

    def status(self):
        """The predictor's DiagnosticStatus, of now or later."""
        asked = time.time_ns()
        name = f'/{self.namespace}/predictor: prediction'

        def newest():
            for message in reversed(self.diagnostics):
                stamp = message.header.stamp
                if stamp.sec * SECOND + stamp.nanosec < asked:
                    return None
                with suppress(StopIteration):
                    return next(s for s in message.status if s.name == name)
            return None

        return self.station.wait(newest, f'diagnostics of {self.namespace}')

    def counters(self) -> dict[str, int]:
        """What the predictor has counted up to now."""
        return {v.key: int(v.value) for v in self.status().values if v.value.isdecimal()}

    def counted(self, **at_least: int) -> dict[str, int]:
        """The counters once they have reached these values."""
        end = time.monotonic() + PATIENCE
        while any((now := self.counters())[name] < value for name, value in at_least.items()):
            assert time.monotonic() < end, f'{now}, expected {at_least}\n{self.log()}'
        return now

    def stop(self, how: int = signal.SIGINT) -> int:
        if self.camera is not None:
            self.camera.close()
            self.station.forget(self.diagnostics)
            self.camera = None
        return super().stop(how)


def stamp_of(message) -> int:
    """A header's stamp [ns]."""
    return message.header.stamp.sec * SECOND + message.header.stamp.nanosec
