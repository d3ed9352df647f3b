"""Region and fit of the input through the real node: keypoints, frames, calibration, markers."""

import itertools

import pytest
from ros_rig import PATIENCE, SECOND, PredictorRig, ros_or_skip, stamp_of
from small_models import WINDOW, moving_square

ros_or_skip()

from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

from tkn_ros.msg import PredictedKeypoints  # noqa: E402

PERIOD = SECOND // 10
HEIGHT, WIDTH = 48, 96
ROI = [32, 8, 48, 32]


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, tiny_weights):
    with PredictorRig(
        station,
        tmp_path_factory.mktemp('region'),
        'region',
        horizon=2,
        weights=tiny_weights,
        output_size=[-1, -1],
    ) as rig:
        yield rig


def set_parameters(rig, **values):
    request = SetParameters.Request(
        parameters=[Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
    )
    results = rig.station.call(SetParameters, '/region/predictor/set_parameters', request).results
    return [r for r in results if not r.successful]


def predict(rig, heard, suits=lambda message: True):
    """Send images until a prediction suits; frames of another size take a while to come."""
    start, count = rig.next_era(), WINDOW + 2
    pictures = moving_square(count, HEIGHT, WIDTH)
    for i in itertools.count():
        rig.camera.send(start + i * PERIOD, pictures[i % count])
        rig.station.spin(0.05)
        found = [m for m in heard if stamp_of(m) >= start + WINDOW * PERIOD and suits(m)]
        if found:
            return found[-1]
        assert i * 0.05 < PATIENCE, rig.log()


@pytest.mark.parametrize(
    ('fit', 'size'), [('stretch', (32, 48)), ('letterbox', (32, 48)), ('crop', (32, 32))]
)
def test_frames_show_the_region_and_are_calibrated_for_it(rig, fit, size):
    assert not set_parameters(rig, roi=ROI, fit=fit)
    frames = rig.hear(Image, 'predicted_frames')
    infos = rig.hear(CameraInfo, 'predicted_frames/camera_info')
    lens = rig.station.publisher(CameraInfo, '/region/camera_info')
    rig.station.wait(lens.get_subscription_count, 'the predictor to hear camera_info')
    calibration = CameraInfo(height=HEIGHT, width=WIDTH)
    calibration.k = [50.0, 0, 47.0, 0, 50.0, 23.0, 0, 0, 1]
    calibration.p = [50.0, 0, 47.0, 0, 0, 50.0, 23.0, 0, 0, 0, 1, 0]
    lens.publish(calibration)
    frame = predict(rig, frames, lambda m: (m.height, m.width) == size)
    stamps = rig.station.wait(
        lambda: [i for i in infos if stamp_of(i) == stamp_of(frame)], 'its calibration'
    )
    left = ROI[0] + (ROI[2] - size[1]) // 2
    assert (stamps[0].height, stamps[0].width) == size
    assert (stamps[0].k[2], stamps[0].k[5]) == pytest.approx((47 - left, 23 - ROI[1]))
    rig.station.forget(frames, infos)
    rig.station.node.destroy_publisher(lens)


@pytest.mark.parametrize('fit', ['stretch', 'letterbox', 'crop'])
def test_keypoints_are_in_pixels_of_the_cameras_image(rig, fit):
    """Each point of the small network lies on a cell; the cells are spread over what it sees."""
    keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
    markers = rig.hear(MarkerArray, 'markers')
    assert not set_parameters(rig, roi=[0, 0, 0, 0], fit='stretch')
    whole = predict(rig, keypoints)
    assert not set_parameters(rig, roi=ROI, fit=fit)
    part = predict(rig, keypoints)
    for message in (whole, part):
        assert (message.image_height, message.image_width) == (HEIGHT, WIDTH)
    if fit != 'letterbox':  # whose bars may have points
        x, y, width, height = ROI
        for point in part.predicted[-1].keypoints:
            assert x - 0.5 <= point.x <= x + width - 0.5
            assert y - 0.5 <= point.y <= y + height - 0.5
    rig.station.wait(lambda: markers, 'markers')
    assert {m.ns for m in markers[-1].markers} == {'points', 'paths', 'bands'}
    rig.station.forget(keypoints, markers)


def test_a_region_beyond_the_image_is_refused_with_the_reason(rig):
    (refused,) = set_parameters(rig, roi=[80, 0, 32, 32])
    assert 'roi is [80, 0, 32, 32], and the image is 96x48' in refused.reason
    (refused,) = set_parameters(rig, fit='zoom')
    assert 'fit is "zoom"' in refused.reason
