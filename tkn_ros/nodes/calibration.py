"""The calibration of predicted frames: the camera's own, for the region and size they show."""

from rclpy.lifecycle import LifecycleNode
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from tkn_ros.nodes.camera_info import region_info
from tkn_ros.nodes.conversions import to_time
from tkn_ros.nodes.qos import image_qos


class Calibration:
    """Receives `camera_info` beside the images' topic, and says it again for predicted frames.

    Args:
        node: whose topics they are.
        image_topic: of the camera, without `/compressed`.
        output: topic for the frames' calibration; not the one that is received.
    """

    def __init__(self, node: LifecycleNode, image_topic: str, output: str) -> None:
        self.node = node
        self.topic = f'{image_topic.rsplit("/", 1)[0]}/camera_info'
        self.newest: CameraInfo | None = None
        self.output = node.create_lifecycle_publisher(CameraInfo, output, image_qos(True, 100))
        self._subscription: Subscription | None = None

    def subscribe(self) -> None:
        """Subscribe to the camera's calibration."""
        self.newest = None
        qos = image_qos(False, 1)  # matches reliable cameras too
        self._subscription = self.node.create_subscription(
            CameraInfo, self.topic, self._receive, qos
        )

    def _receive(self, info: CameraInfo) -> None:
        self.newest = info

    def unsubscribe(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self.node.destroy_subscription(self._subscription)
            self._subscription = None

    def close(self) -> None:
        """Give the topics back."""
        self.unsubscribe()
        self.node.destroy_lifecycle_publisher(self.output)

    def publish(
        self, region: tuple[int, int, int, int], size: tuple[int, int], stamp_ns: int, frame_id: str
    ) -> None:
        """For one predicted frame, where the camera is calibrated and somebody listens.

        Args:
            region: of the camera's image (x, y, width, height) [pixel].
            size: of the frame (height, width) [pixel].
            stamp_ns: of the frame [ns].
            frame_id: of the camera.
        """
        info = self.newest
        if info is None or not self.output.get_subscription_count():
            return
        out = region_info(info, region, size)
        out.header.stamp, out.header.frame_id = to_time(stamp_ns), frame_id
        self.output.publish(out)
