"""The replay node: a video file, folder of images, rosbag or camera, played as a camera."""

import threading
import time

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from tkn_ros.nodes.conversions import rgb_to_image, to_time
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import image_qos
from tkn_ros.nodes.run import run
from tkn_ros.video.open import open_video
from tkn_ros.video.stamps import NS

LATE = 0.5  # [s] behind its own time table, after which the node says so


class ReplayNode(Node):
    """Publishes `camera/image_raw` (rgb8) at the recording's own pace.

    Stamps follow the wall clock at the recording's exact intervals; with `clock` they are the
    recording's own, published on /clock as well, for nodes with use_sim_time.
    """

    def __init__(self) -> None:
        super().__init__('replay')
        video = declare(
            self,
            'video',
            '',
            'Video file, folder of images, rosbag2 folder or .mcap, '
            'ROS 1 .bag or camera index; empty: a synthetic clip',
        )
        topic = declare(self, 'topic', '', 'Image topic of a bag; empty: its only one')
        fps = declare(
            self, 'fps', 0.0, 'Frame rate of a folder of images [Hz]; 0: as recorded', 0.0, 1000.0
        )
        self.rate = declare(self, 'rate', 1.0, 'Speed of playing; 2 is twice as fast', 0.01, 100.0)
        self.loop = declare(self, 'loop', False, 'Begin again at the end')
        self.frame_id = declare(
            self,
            'frame_id',
            '',
            'frame_id of the images; empty: the recording\'s own, else "camera"',
        )
        self.with_clock = declare(
            self, 'clock', False, "Stamp by the recording's own time and publish it on /clock"
        )
        reliable = declare(
            self,
            'reliable',
            True,
            'Publish reliably; false: best effort, as many camera drivers do',
        )
        self.listeners = declare(
            self,
            'wait_for_subscribers',
            0,
            'Subscribers to wait for before the first image',
            0,
            100,
        )
        self.wait = declare(
            self, 'wait_seconds', 0.0, 'How long to wait for them [s]; 0: for ever', 0.0, 1e6
        )
        self.seconds = declare(
            self, 'seconds', 0.0, 'Play only so long [s]; 0: all of it', 0.0, 1e6
        )
        self.source = open_video(video, topic, fps)
        self.sent = 0
        self.failure: Exception | None = None
        self.late = False
        self.stopping = threading.Event()
        self.images_out = self.create_publisher(Image, 'camera/image_raw', image_qos(reliable, 10))
        self.clock_out = (
            self.create_publisher(Clock, '/clock', QoSProfile(depth=10))
            if self.with_clock
            else None
        )
        self.get_logger().info(
            f'{self.source.name}: {self.source.width}x{self.source.height} at '
            f'{self.source.fps:.4g} Hz on {self.images_out.topic_name}'
        )
        self.player = threading.Thread(target=self._play, name='player', daemon=True)
        self.player.start()

    def _play(self) -> None:
        try:
            began = time.monotonic()
            while self.images_out.get_subscription_count() < self.listeners:
                if self.wait and time.monotonic() - began > self.wait:
                    raise ValueError(
                        f'fewer than {self.listeners} subscribers found '
                        f'{self.images_out.topic_name} within {self.wait:.0f} s'
                    )
                self._sleep_until(time.monotonic_ns() + NS // 20)
            if self.listeners:  # and for theirs: a predictor nobody listens to yet does not predict
                self._sleep_until(time.monotonic_ns() + NS)
            self._play_once()
            while self.loop:
                self._play_once()
            self.images_out.wait_for_all_acked(Duration(seconds=2))
            self.get_logger().info(f'played {self.sent} images')
        except _Stopped:
            pass
        except Exception as error:  # the spinning thread reports it
            self.failure = error
        finally:
            self.context.try_shutdown()

    def _play_once(self) -> None:
        first = started = begun = None
        for frame in self.source:
            if first is None:
                first, started = frame.stamp_ns, time.monotonic_ns()
                begun = self.get_clock().now().nanoseconds
            elapsed = round((frame.stamp_ns - first) / self.rate)
            if self.seconds and elapsed > self.seconds * NS:
                break
            self._sleep_until(started + elapsed)
            # recordings start at 0, which ROS takes for "no time": play them from one second on
            stamp = max(frame.stamp_ns, 0) + NS if self.with_clock else begun + elapsed
            if self.clock_out is not None:
                self.clock_out.publish(Clock(clock=to_time(stamp)))
            self.images_out.publish(
                rgb_to_image(frame.image, stamp, self.frame_id or frame.frame_id or 'camera')
            )
            self.sent += 1
        if self.source.bad_count:
            self.get_logger().warning(
                f'{self.source.bad_count} frames could not be read, the '
                f'first: {self.source.bad_frames[0]}'
            )
        if first is None:
            raise ValueError(f'{self.source.name}: no frame could be read; give another video')

    def _sleep_until(self, moment_ns: int) -> None:
        rest = (moment_ns - time.monotonic_ns()) / NS
        if rest < -LATE and not self.late:
            self.late = True
            self.get_logger().warning(
                f'{-rest:.1f} s behind: this machine cannot read and send '
                'the recording at its own pace; lower the rate'
            )
        while rest > 0 and self._going():
            self.stopping.wait(min(rest, 0.2))
            rest = (moment_ns - time.monotonic_ns()) / NS
        if not self._going():
            raise _Stopped

    def _going(self) -> bool:
        return self.context.ok() and not self.stopping.is_set()

    def destroy_node(self) -> None:
        """End the player, then close the recording."""
        self.stopping.set()
        self.player.join(timeout=5)
        self.source.close()
        super().destroy_node()


class _Stopped(Exception):  # noqa: N818
    """The node was interrupted while it played."""


def main() -> int:
    """`ros2 run tkn_ros replay --ros-args -p video:=FILE`."""
    return run(ReplayNode)


if __name__ == '__main__':
    raise SystemExit(main())
