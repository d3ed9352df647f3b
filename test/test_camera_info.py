"""CameraInfo of a region: the same points of the world, in the picture's pixels."""

import numpy as np
import pytest
from ros_rig import ros_or_skip

ros_or_skip()

from sensor_msgs.msg import CameraInfo, RegionOfInterest  # noqa: E402

from tkn_ros.nodes.camera_info import region_info  # noqa: E402


def camera(**fields):
    """A lens with the second one of a pair 0.1 m beside it."""
    fx, fy, cx, cy = 500.0, 510.0, 321.0, 238.0
    info = CameraInfo(height=480, width=640, distortion_model='plumb_bob', d=[0.1, 0.0, 0.0, 0, 0])
    info.k = [fx, 0, cx, 0, fy, cy, 0, 0, 1]
    info.p = [fx, 0, cx, -0.1 * fx, 0, fy, cy, 0, 0, 0, 1, 0]
    info.header.frame_id = 'lens'
    for name, value in fields.items():
        setattr(info, name, value)
    return info


def project(info, point):
    """Pixel of a point in the camera's coordinates, by P."""
    u, v, w = np.array(info.p).reshape(3, 4) @ [*point, 1]
    return np.array([u / w, v / w])


POINT = (0.3, -0.2, 2.0)


@pytest.mark.parametrize('size', [(200, 300), (100, 150), (64, 64), (400, 600)])
def test_a_point_is_found_where_the_region_shows_it(size):
    info = region_info(camera(), (40, 60, 300, 200), size)
    scale = np.array([size[1] / 300, size[0] / 200])
    wanted = (project(camera(), POINT) - (40, 60) + 0.5) * scale - 0.5  # pixel centres
    assert np.allclose(project(info, POINT), wanted)
    k = np.array(info.k).reshape(3, 3) @ POINT
    alone = camera(p=[500.0, 0, 321.0, 0, 0, 510.0, 238.0, 0, 0, 0, 1, 0])
    wanted = (project(alone, POINT) - (40, 60) + 0.5) * scale - 0.5
    assert np.allclose(k[:2] / k[2], wanted)
    assert (info.height, info.width) == size
    assert info.header.frame_id == 'lens' and list(info.d) == list(camera().d)


def test_the_whole_image_is_as_it_was():
    info = region_info(camera(), (0, 0, 640, 480), (480, 640))
    assert info == camera()


def test_a_camera_that_sends_a_region_of_its_sensor_or_bins():
    roi = RegionOfInterest(x_offset=100, y_offset=50, width=400, height=300)
    info = region_info(camera(roi=roi, binning_x=2, binning_y=2), (10, 20, 64, 48), (48, 64))
    wanted = (project(camera(), POINT) - (100, 50)) / 2 - (10, 20)
    assert np.allclose(project(info, POINT), wanted)
    assert info.roi == RegionOfInterest() and (info.binning_x, info.binning_y) == (0, 0)


def test_a_region_without_pixels_is_refused():
    with pytest.raises(ValueError, match='1 pixel or more'):
        region_info(camera(), (0, 0, 0, 10), (10, 10))
