"""Predicted paths as markers and as Foxglove's annotations."""

import numpy as np
import pytest
from ros_rig import ros_or_skip

ros_or_skip()

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from tkn_ros.msg import Keypoint, KeypointFrame, PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.markers import markers  # noqa: E402
from tkn_ros.nodes.paths import active_paths  # noqa: E402
from tkn_ros.video.drawing import colour_of  # noqa: E402

WIDTH, HEIGHT = 640, 480


def prediction(active=(True, False, True), horizon=3, sigma=2.0):
    """Three points: the first goes to the right, the last stays; sigma grows."""

    def frame(step):
        return KeypointFrame(
            keypoints=[
                Keypoint(
                    id=10 + k,
                    active=active[k],
                    x=100.0 + (20 * step if k == 0 else 0),
                    y=50.0 * k,
                    sigma=sigma * step,
                )
                for k in range(3)
            ]
        )

    return PredictedKeypoints(
        header=Header(frame_id='lens'),
        image_width=WIDTH,
        image_height=HEIGHT,
        observed=[frame(-1), frame(0)],
        predicted=[frame(step) for step in range(1, horizon + 1)],
    )


def by_name(array):
    array = deserialize_message(serialize_message(array), MarkerArray)
    return {marker.ns: marker for marker in array.markers}


def test_active_points_have_dots_lines_and_bands_in_their_colours():
    found = by_name(markers(prediction()))
    assert set(found) == {'points', 'paths', 'bands'}
    assert all(m.header.frame_id == 'lens' and m.action == Marker.ADD for m in found.values())
    assert all(len(m.points) == len(m.colors) for m in found.values())
    assert len(found['points'].points) == 2
    assert len(found['paths'].points) == 2 * 3 * 2  # begin and end of each step of each path
    assert len(found['bands'].points) % 3 == 0
    colours = [(c.r, c.g, c.b) for c in found['points'].colors]
    assert np.allclose(colours, np.array([colour_of(10), colour_of(12)]) / 255)


def test_the_picture_is_a_metre_wide_without_calibration_and_on_its_rays_with_it():
    dot = by_name(markers(prediction()))['points'].points[0]
    assert np.allclose((dot.x, dot.y, dot.z), ((100 - 319.5) / 640, (0 - 239.5) / 640, 1))
    info = CameraInfo(p=[500.0, 0, 320, 0, 0, 400, 240, 0, 0, 0, 1, 0])
    line = by_name(markers(prediction(), info))['paths'].points
    assert np.allclose(
        [(500 * p.x + 320, 400 * p.y + 240) for p in line[:6]],
        [(100, 0), (120, 0), (120, 0), (140, 0), (140, 0), (160, 0)],
    )


def test_bands_are_sigma_wide():
    paths = active_paths(prediction())
    band = paths.band(0)
    last = band[np.isclose(band[..., 0], 160)]  # a path to the right: its width is seen in y
    assert np.isclose(last[:, 1].max(), 6) and np.isclose(last[:, 1].min(), -6)
    still = paths.band(1)  # a point that stays is a square
    assert np.allclose(still.max((0, 1)) - still.min((0, 1)), 12)


def test_nothing_active_is_deleted_and_unknown_sigma_has_no_band():
    found = by_name(markers(prediction(active=(False,) * 3)))
    assert {m.action for m in found.values()} == {Marker.DELETE}
    found = by_name(markers(prediction(sigma=0.0)))
    assert found['bands'].action == Marker.DELETE and found['paths'].action == Marker.ADD
    assert len(by_name(markers(PredictedKeypoints()))) == 3


def test_foxglove_annotations():
    """Where foxglove_msgs is; it is in no package index, ROS distributions have it."""
    pytest.importorskip('foxglove_msgs')
    from tkn_ros.nodes.annotations import annotations

    found = annotations(prediction())
    found = deserialize_message(serialize_message(found), type(found))
    assert [len(p.points) for p in found.points] == [4, 4]
    assert (found.points[0].points[-1].x, found.points[0].points[-1].y) == (160.5, 0.5)
    assert [c.diameter for c in found.circles] == [5.0, 12.0, 5.0, 12.0]
    unknown = annotations(prediction(sigma=0.0))
    assert len(unknown.circles) == 2
