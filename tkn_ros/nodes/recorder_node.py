"""The recorder node: a consumer like any other, that writes what it receives into a rosbag2.

It needs no rosbag2 on the machine. Messages are stored as they came, with their definitions and
with the time at which they were published.
"""

import sys
from pathlib import Path
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Image

from tkn_ros.install import message_texts
from tkn_ros.msg import DangerWarnings, PredictedKeypoints
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import image_qos
from tkn_ros.nodes.run import run
from tkn_ros.video.bag_writer import BagWriter, message_definition

KEYPOINT_MESSAGES = ('Keypoint', 'KeypointFrame', 'PredictedKeypoints')
WARNING_MESSAGES = ('DangerWarning', 'DangerWarnings')


class RecorderNode(Node):
    """Records the camera (`image`), what is predicted and warned of, until it is interrupted."""

    def __init__(self) -> None:
        super().__init__('recorder')
        path = declare(
            self,
            'bag',
            'predictions.mcap',
            'Where to write: a .mcap or .db3 file, or a folder for a whole rosbag2',
        )
        force = declare(self, 'force', False, 'Replace a file that is there already')
        if not force and Path(path).is_file():
            raise ValueError(
                f'bag {path} is there already; choose another name, or set force:=true'
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.bag = BagWriter(path)
        self.bag.__enter__()
        self.count = 0
        self._record('image', Image, 'sensor_msgs/msg/Image')
        self._record(
            'predicted_keypoints',
            PredictedKeypoints,
            'tkn_ros/msg/PredictedKeypoints',
            KEYPOINT_MESSAGES,
        )
        self._record(
            'danger_warnings', DangerWarnings, 'tkn_ros/msg/DangerWarnings', WARNING_MESSAGES
        )
        self._record('predicted_frames', Image, 'sensor_msgs/msg/Image', depth=400)

    def _record(
        self,
        name: str,
        message_type: Any,
        type_name: str,
        ours: tuple[str, ...] = (),
        depth: int = 30,
    ) -> None:
        """Record a topic. `ours`: the messages of this package that its type is made of."""
        topic = self.resolve_topic_name(name)
        definition = message_definition(type_name, message_texts(*ours)) if ours else None

        def store(cdr: bytes, info: dict[str, Any]) -> None:
            # when it was published; not every middleware says
            stamp = info.get('source_timestamp') or self.get_clock().now().nanoseconds
            self.bag.write_raw(topic, type_name, cdr, stamp, definition)
            self.count += 1

        callback: Any = store  # rclpy's annotation leaves out that it may take the information
        self.create_subscription(message_type, topic, callback, image_qos(True, depth), raw=True)

    def destroy_node(self) -> None:
        """Finish the bag."""
        try:
            self.bag.__exit__(None, None, None)
        except OSError as error:  # a full disk: what was written before is in the bag
            print(f'recorder: {self.bag.path} could not be finished: {error}', file=sys.stderr)
        # the context is down by now, and the logger with it
        print(f'recorder: {self.count} messages in {self.bag.path}')
        super().destroy_node()


def main() -> int:
    """`ros2 run tkn_ros recorder --ros-args -p bag:=FILE.mcap`."""
    return run(RecorderNode, grace=30.0)  # to finish the bag


if __name__ == '__main__':
    raise SystemExit(main())
