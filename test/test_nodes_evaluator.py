"""The evaluator node over DDS, and the node's predictions beside those of `tkn evaluate --bag`."""

from dataclasses import replace

import numpy as np
import pytest
from ros_rig import SECOND, PredictorRig, Process, ros_or_skip, stamp_of

ros_or_skip()

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from drive_help import COUNT, SETTINGS, Collected, write_drive  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from tkn_ros.evaluation.drive import Drive  # noqa: E402
from tkn_ros.evaluation.drive_settings import window_for  # noqa: E402
from tkn_ros.msg import Keypoint, KeypointFrame, PredictedKeypoints, Trust  # noqa: E402
from tkn_ros.nodes.conversions import (  # noqa: E402
    message_to_paths,
    prediction_to_message,
    rgb_to_image,
    to_time,
)
from tkn_ros.streaming.path_errors import stamped_paths  # noqa: E402
from tkn_ros.streaming.prediction_cdr import prediction_cdr  # noqa: E402
from tkn_ros.synthetic.render import SyntheticSource  # noqa: E402
from tkn_ros.video.bags import BagSource  # noqa: E402
from tkn_ros.video.encodings import message_to_rgb  # noqa: E402
from tkn_ros.video.geometry import input_geometry  # noqa: E402

WIDTH, HEIGHT, PERIOD = 320, 240, SECOND // 10


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    pictures = [f.image for f in SyntheticSource(3, COUNT, 120, 160, 30.0, 'random')]
    lost = {20, *range(40, 48)}
    return write_drive(tmp_path_factory.mktemp('bag') / 'drive.mcap', pictures, lost)


def driven(drive, **settings):
    settings = replace(SETTINGS, **settings)
    judge = Collected()
    Drive(BagSource(drive), window_for(settings), settings, [judge]).run()
    return [m for m in judge.steps if m.prediction is not None]


@pytest.fixture(scope='module')
def moments(drive):
    return driven(drive)


@pytest.mark.parametrize('seen', [{}, {'roi': [21, 10, 96, 90], 'fit': 'letterbox'}])
def test_the_live_node_predicts_the_same(station, drive, moments, tmp_path, seen):
    """The bag's own messages, a lost image and a gap among them, at the same parameters."""
    if seen:
        moments = driven(drive, **seen)
    rig = PredictorRig(station, tmp_path, 'same', backend='eager', threads=1, horizon=5, **seen)
    with rig:
        heard = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        station.wait(
            lambda: rig.station.node.count_publishers('/same/predicted_keypoints'), 'the predictor'
        )
        rig.prime(heard, frame=np.full((120, 160, 3), 50, np.uint8))  # it has found its listener
        station.spin(0.5)  # the last of these images
        assert station.call(Trigger, '/same/predictor/reset', Trigger.Request()).success
        heard.clear()
        expected = {moment.stamp_ns for moment in moments}
        for message in BagSource(drive).messages():
            picture = message_to_rgb(message.message)
            stamp = stamp_of(message.message)
            rig.camera.send(stamp, picture)
            if stamp in expected:
                station.wait(
                    lambda: heard and stamp_of(heard[-1]) >= stamp,  # noqa: B023
                    f'the prediction of {stamp}',
                    log=rig.log,
                )
            else:
                station.spin(0.05)
    said_of = [m for m in heard if stamp_of(m) >= min(expected)]  # not of a late priming image
    assert [stamp_of(m) for m in said_of] == [m.stamp_ns for m in moments]
    for said, moment in zip(said_of, moments):
        live = message_to_paths(said)
        offline = stamped_paths(moment.prediction, moment.geometry)
        assert live.width == offline.width
        assert np.array_equal(live.now.active, offline.now.active)
        np.testing.assert_allclose(live.now.places, offline.now.places, atol=1e-3)
        np.testing.assert_allclose(live.future, offline.future, atol=1e-3)
        np.testing.assert_allclose(live.sigma, offline.sigma, atol=1e-3)
        np.testing.assert_allclose(live.velocity, offline.velocity, atol=1e-3)
        assert live.future_ns == offline.future_ns


def test_bytes_without_ros_are_those_of_ros(moments):
    """They are what the predictor publishes."""
    names = ['', 'l', 'le', 'len', 'lens', 'front_camera_optical']  # of all lengths modulo four
    region = input_geometry((480, 640), (40, 100, 500, 320), 'letterbox', (64, 64))
    for i in range(12):
        moment = moments[i * 7 % len(moments)]
        name, weights = names[i % 6], names[(2 * i + 1) % 6]
        processing_ns, geometry = (i + 1) * 1_234_567_890, (None, region)[i % 2]
        message = prediction_to_message(moment.prediction, name, processing_ns, weights, geometry)
        cdr = prediction_cdr(moment.prediction, name, weights, processing_ns, geometry)
        sent = serialize_message(message)  # float32, as both are heard
        assert len(cdr) == len(sent)
        assert deserialize_message(cdr, PredictedKeypoints) == deserialize_message(
            sent, PredictedKeypoints
        )


class FakeRoad:
    """A predictor's messages of points at known speeds, and the pictures of it.

    Points go to the right at 4 pixels a frame and are predicted at `said` pixels a frame.
    """

    def __init__(self, station, namespace, said, pictures=False):
        self.station, self.said = station, said
        self.keypoints = station.publisher(PredictedKeypoints, f'/{namespace}/predicted_keypoints')
        self.frames = station.publisher(Image, f'/{namespace}/predicted_frames', depth=400)
        self.images = station.publisher(Image, f'/{namespace}/image')
        self.pictures = pictures

    def frame(self, stamp, xs, sigma):
        points = [
            Keypoint(id=7 + k, active=True, x=float(x), y=50.0, intensity=1.0, sigma=sigma)
            for k, x in enumerate(xs)
        ]
        return KeypointFrame(stamp=to_time(stamp), keypoints=points)

    def step(self, number):
        now = SECOND * 1000 + number * PERIOD
        places = np.array([10.0, 30.0]) + 4 * number
        message = PredictedKeypoints(image_height=HEIGHT, image_width=WIDTH, frame_period=0.1)
        message.header.stamp, message.header.frame_id = to_time(now), 'lens'
        message.observed = [
            self.frame(now - i * PERIOD, places - 4 * i, 0.0) for i in (4, 3, 2, 1, 0)
        ]
        message.predicted = [
            self.frame(now + j * PERIOD, places + self.said * j, 1.0) for j in (1, 2, 3)
        ]
        if self.pictures:
            self.images.publish(rgb_to_image(picture(number), now, 'lens'))
        self.station.spin(0.01)
        self.keypoints.publish(message)
        if self.pictures:
            for j in (1, 2, 3):
                self.frames.publish(rgb_to_image(picture(number + j), now + j * PERIOD, 'lens'))

    def drive(self, trusts, enough, log):
        for number in range(60):
            self.step(number)
            self.station.spin(0.05)
        return self.station.wait(
            lambda: next((t for t in reversed(trusts) if enough(t)), None), 'trust', log=log
        )


def picture(number):
    image = np.full((48, 64, 3), 40, np.uint8)
    image[20:30, number % 54 : number % 54 + 10] = 200
    return image


def start(station, tmp_path, namespace, **parameters):
    trusts = station.hear(Trust, f'/{namespace}/trust')
    node = Process(
        'evaluator', tmp_path, {'__ns': f'/{namespace}'}, rate=10.0, span=100.0, **parameters
    )
    station.wait(lambda: trusts, 'the evaluator', log=node.log)
    return node, trusts


@pytest.mark.parametrize(('said', 'trust'), [(4.0, 1.0), (2.0, 0.0), (0.0, 0.0)])
def test_trust_is_what_the_errors_say(station, tmp_path, said, trust):
    """Points at constant velocity: that predictor is never wrong, staying is by 4 pixels a step."""
    namespace = f'trust_{said:.0f}'
    node, trusts = start(station, tmp_path, namespace, pictures_every=0.0)
    with node:
        assert np.isnan(trusts[0].trust) and trusts[0].predictions == 0
        road = FakeRoad(station, namespace, said)
        station.wait(lambda: road.keypoints.get_subscription_count(), 'the evaluator')
        found = road.drive(trusts, lambda t: t.predictions >= 50, node.log)
    unit = 64 / WIDTH
    steps = np.arange(1, 4)
    np.testing.assert_allclose(found.error, abs(said - 4) * steps * unit, atol=1e-4)
    np.testing.assert_allclose(found.error_stay, 4 * steps * unit, atol=1e-4)
    np.testing.assert_allclose(found.error_constant_velocity, 0, atol=1e-4)
    assert found.trust == pytest.approx(trust, abs=1e-3) and found.points == 2 * found.predictions
    assert found.header.frame_id == 'lens' and found.pictures == 0


def test_pictures_and_diagnostics(station, tmp_path):
    """Perfect predicted frames count as 60 dB; repeating does not."""
    diagnostics = station.hear(DiagnosticArray, '/diagnostics')
    node, trusts = start(station, tmp_path, 'seen', pictures_every=0.3)
    with node:
        road = FakeRoad(station, 'seen', 2.0, pictures=True)
        for publisher in (road.keypoints, road.frames, road.images):
            station.wait(publisher.get_subscription_count, 'the evaluator', log=node.log)
        found = road.drive(trusts, lambda t: t.pictures >= 3, node.log)

        def status():
            name = '/seen/evaluator: trust'
            found = [s for message in diagnostics for s in message.status if s.name == name]
            return found[-1] if found and 'trust is' in found[-1].message else None

        said = station.wait(status, 'diagnostics')
    np.testing.assert_allclose(found.psnr, 60.0)
    np.testing.assert_allclose(found.ssim, 1.0, atol=1e-6)
    assert max(found.psnr_repeat_last) < 40 and len(found.psnr_repeat_last) == 3
    assert said.level == DiagnosticStatus.WARN  # constant velocity is right, this predictor not
    assert {v.key for v in said.values} >= {'trust', 'points', 'psnr', 'error_stay'}
