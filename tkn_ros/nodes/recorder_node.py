"""The recorder node: a consumer like any other, that writes what it hears into a rosbag2.

It needs no rosbag2 on the machine. Messages are stored as they came, with their definitions and
with the time at which they were published.
"""

from pathlib import Path

from rclpy.node import Node
from sensor_msgs.msg import Image

from tkn_ros.install import install_prefix
from tkn_ros.msg import PredictedKeypoints
from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import image_qos
from tkn_ros.nodes.run import run
from tkn_ros.video.bag_writer import BagWriter, message_definition

OUR_MESSAGES = ('Keypoint', 'KeypointFrame', 'PredictedKeypoints')


class RecorderNode(Node):
    """Records the camera (`image`) and the predictor's outputs until it is interrupted."""

    def __init__(self) -> None:
        super().__init__('recorder')
        path = declare(
            self,
            'bag',
            'predictions.mcap',
            'Where to write: a .mcap or .db3 file, or a folder for a whole rosbag2',
        )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.bag = BagWriter(path)
        self.bag.__enter__()
        self.count = 0
        definition = message_definition('tkn_ros/msg/PredictedKeypoints', message_texts())
        self._record('image', Image, 'sensor_msgs/msg/Image', None)
        self._record(
            'predicted_keypoints', PredictedKeypoints, 'tkn_ros/msg/PredictedKeypoints', definition
        )
        self._record('predicted_frames', Image, 'sensor_msgs/msg/Image', None, depth=400)

    def _record(
        self, name: str, message_type, type_name: str, definition: str | None, depth: int = 30
    ) -> None:
        topic = self.resolve_topic_name(name)

        def store(cdr: bytes, info: dict) -> None:
            # when it was published; not every middleware tells
            stamp = info.get('source_timestamp') or self.get_clock().now().nanoseconds
            self.bag.write_raw(topic, type_name, cdr, stamp, definition)
            self.count += 1

        self.create_subscription(message_type, topic, store, image_qos(True, depth), raw=True)

    def destroy_node(self) -> None:
        """Finish the bag."""
        self.bag.__exit__(None, None, None)
        # the context is down by now, and the logger with it
        print(f'recorder: {self.count} messages in {self.bag.path}')
        super().destroy_node()


def message_texts() -> dict[str, str]:
    """Our .msg files, as installed: what a bag needs to be read where tkn_ros is not."""
    folder = install_prefix() / 'share' / 'tkn_ros' / 'msg'
    return {f'tkn_ros/msg/{name}': (folder / f'{name}.msg').read_text() for name in OUR_MESSAGES}


def main() -> int:
    """`ros2 run tkn_ros recorder --ros-args -p bag:=FILE.mcap`."""
    return run(RecorderNode)


if __name__ == '__main__':
    raise SystemExit(main())
