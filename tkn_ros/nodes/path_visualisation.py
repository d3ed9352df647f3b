"""Topics for people to look at, beside those for programs: `markers` and `annotations`."""

import importlib.util
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import MarkerArray

from tkn_ros.msg import PredictedKeypoints
from tkn_ros.nodes.markers import markers


class PathVisualisation:
    """Publishes predicted paths for RViz, and for Foxglove where foxglove_msgs is installed.

    Args:
        node: that publishes.
        topic_of: full name of a topic below the camera's.
    """

    def __init__(self, node: LifecycleNode, topic_of: Callable[[str], str] = str) -> None:
        self.node = node
        self.markers_out = node.create_lifecycle_publisher(MarkerArray, topic_of('markers'), 10)
        self.annotations_out: Any = None
        self._annotations: Callable[[PredictedKeypoints], Any] | None = None
        if importlib.util.find_spec('foxglove_msgs') is not None:
            from foxglove_msgs.msg import ImageAnnotations

            from tkn_ros.nodes.annotations import annotations

            self._annotations = annotations
            self.annotations_out = node.create_lifecycle_publisher(
                ImageAnnotations, topic_of('annotations'), 10
            )

    @property
    def _outputs(self) -> list[Any]:
        return [p for p in (self.markers_out, self.annotations_out) if p is not None]

    def wanted(self) -> bool:
        """Whether anybody looks."""
        return any(p.get_subscription_count() for p in self._outputs)

    def publish(self, message: PredictedKeypoints, info: CameraInfo | None) -> None:
        """Show a prediction to those who look.

        Args:
            message: of `predicted_keypoints`.
            info: calibration of the camera's image; None: not known.
        """
        if self.markers_out.get_subscription_count():
            self.markers_out.publish(markers(message, info))
        if self._annotations is not None and self.annotations_out.get_subscription_count():
            self.annotations_out.publish(self._annotations(message))

    def close(self) -> None:
        """Give the topics back."""
        for publisher in self._outputs:
            self.node.destroy_lifecycle_publisher(publisher)
