"""Predicted paths over the camera's image in Foxglove, where foxglove_msgs is installed."""

import numpy as np
from builtin_interfaces.msg import Time
from foxglove_msgs.msg import (
    CircleAnnotation,
    Color,
    ImageAnnotations,
    Point2,
    PointsAnnotation,
)

from tkn_ros.msg import PredictedKeypoints
from tkn_ros.nodes.paths import active_paths
from tkn_ros.video.drawing import colour_of

LINE, DOT = 2.0, 5.0  # [pixel]
CIRCLE_OPACITY = 0.35


def annotations(message: PredictedKeypoints) -> ImageAnnotations:
    """A line and a dot for each active keypoint, a circle of one sigma where its path ends.

    Stamp: the newest observed image's, which Foxglove needs to show both together.
    """
    stamp = message.header.stamp
    out = ImageAnnotations()
    paths = active_paths(message)
    for k, number in enumerate(paths.ids):
        red, green, blue = (c / 255 for c in colour_of(number))
        colour = Color(r=red, g=green, b=blue, a=1.0)
        faint = Color(r=red, g=green, b=blue, a=CIRCLE_OPACITY)
        # Foxglove's (0, 0) is the corner of the first pixel, ours its centre
        points = [Point2(x=x, y=y) for x, y in (paths.pixels[:, k] + 0.5).tolist()]
        out.points.append(
            PointsAnnotation(
                timestamp=stamp,
                type=PointsAnnotation.LINE_STRIP,
                points=points,
                outline_color=colour,
                thickness=LINE,
            )
        )
        out.circles.append(_circle(stamp, points[0], DOT, colour))
        if np.any(paths.sigma[:, k]):
            out.circles.append(_circle(stamp, points[-1], 2 * float(paths.sigma[-1, k]), faint))
    return out


def _circle(stamp: Time, position: Point2, diameter: float, colour: Color) -> CircleAnnotation:
    """A filled circle. diameter: [pixel]."""
    return CircleAnnotation(
        timestamp=stamp,
        position=position,
        diameter=diameter,
        thickness=1.0,
        fill_color=colour,
        outline_color=colour,
    )
