"""Predicted paths for RViz and Foxglove: pure functions of a `PredictedKeypoints` message."""

from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from tkn_ros.msg import PredictedKeypoints
from tkn_ros.nodes.paths import active_paths
from tkn_ros.video.drawing import colour_of

DISTANCE = 1.0  # [m] of the image plane from the camera
BAND_OPACITY = 0.35
DOT, LINE = 0.012, 0.004  # [m] on the image plane
LIFETIME = 1  # [s] after which RViz forgets a message


def markers(message: PredictedKeypoints, info: CameraInfo | None = None) -> MarkerArray:
    """Three markers in the camera's frame: dots where points are, their paths, bands of sigma.

    They lie in the plane 1 m in front of the camera (x right, y down, z forward, as of an optical
    frame). With the camera's calibration each lies on its pixel's ray, so that RViz's Camera
    display draws it in its place; without, the picture is 1 m wide.

    Args:
        message: of `predicted_keypoints`; active keypoints alone are shown.
        info: of the same image, rectified (P is used).
    """
    paths = active_paths(message)
    colours = [_colour(number) for number in paths.ids]
    lines, bands = [], []
    line_colours, band_colours = [], []
    to_plane = image_plane((message.image_height, message.image_width), info)
    for k, colour in enumerate(colours):
        path = to_plane(paths.pixels[:, k])  # (1 + m, 2)
        pieces = np.repeat(path, 2, axis=0)[1:-1]  # begin and end of each
        lines.append(pieces)
        line_colours += [colour] * len(pieces)
        band = to_plane(paths.band(k).reshape(-1, 2))
        bands.append(band)
        faint = ColorRGBA(r=colour.r, g=colour.g, b=colour.b, a=BAND_OPACITY)
        band_colours += [faint] * len(band)
    now = to_plane(paths.pixels[0])
    array = [
        _marker(message, 'bands', Marker.TRIANGLE_LIST, _joined(bands), band_colours, 1.0),
        _marker(message, 'paths', Marker.LINE_LIST, _joined(lines), line_colours, LINE),
        _marker(message, 'points', Marker.SPHERE_LIST, now, colours, DOT),
    ]
    return MarkerArray(markers=array)


def image_plane(
    size: tuple[int, int], info: CameraInfo | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from pixels (.., 2) to metres (.., 2) on the plane DISTANCE before the camera.

    A picture has no depth: without a calibration its focal length is taken as its width (53 degrees
    across).

    Args:
        size: (height, width) of the image [pixel].
        info: its calibration, rectified (P is used); None: not known.
    """
    height, width = size
    if info is not None and info.p[0] and info.p[5]:
        focal, centre = np.array([info.p[0], info.p[5]]), np.array([info.p[2], info.p[6]])
    else:
        focal = np.array([width, width], float)
        centre = np.array([width - 1, height - 1]) / 2
    return lambda pixels: (pixels - centre) / np.maximum(focal, 1e-9) * DISTANCE


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty((0, 2))


def _colour(number: int) -> ColorRGBA:
    red, green, blue = (c / 255 for c in colour_of(number))
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)


def _marker(
    message: PredictedKeypoints,
    name: str,
    kind: int,
    points: np.ndarray,
    colours: list[ColorRGBA],
    size: float,
) -> Marker:
    """A marker of (n, 2) points on the image plane; one that is deleted where there are none.

    size: [m] of lines and dots; 1 for triangles.
    """
    marker = Marker(
        header=message.header,
        ns=name,
        type=kind,
        action=Marker.ADD if len(points) else Marker.DELETE,
        frame_locked=True,
        points=[Point(x=x, y=y, z=DISTANCE) for x, y in points.tolist()],
        colors=colours,
    )
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = size
    marker.lifetime.sec = LIFETIME
    return marker
