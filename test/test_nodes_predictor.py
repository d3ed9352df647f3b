"""The predictor over real DDS, in its own process: what comes out, when, and with which stamps."""

import time

import numpy as np
import pytest
from ros_rig import SECOND, PredictorRig, ros_or_skip, stamp_of
from small_models import KEYPOINTS, SIDE, WINDOW, moving_square

ros_or_skip()

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import DescribeParameters, SetParameters  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Float32  # noqa: E402

from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.conversions import image_to_rgb  # noqa: E402
from tkn_ros.video.stamps import to_ns  # noqa: E402

PERIOD = SECOND // 10
HEIGHT, WIDTH = 48, 64
HORIZON = 10


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, tiny_weights):
    with PredictorRig(
        station, tmp_path_factory.mktemp('predictor'), 'main', weights=tiny_weights
    ) as rig:
        yield rig


class Listeners:
    """Both outputs of a predictor, heard from the first prediction on."""

    def __init__(self, rig):
        self.rig = rig
        self.keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        self.frames = rig.hear(Image, 'predicted_frames')
        rig.prime(self.keypoints, self.frames)

    def of(self, stamp):
        """The keypoints that were predicted from the image of this stamp."""
        return [m for m in self.keypoints if stamp_of(m) == stamp]

    def frames_since(self, stamp):
        return [m for m in self.frames if stamp_of(m) > stamp]

    def play(self, clip, window=WINDOW, period=PERIOD, start=None, due=lambda i: True):
        """Send a clip into an empty window; after every image whose prediction is due, have it."""
        start = self.rig.next_era() if start is None else start
        for i, frame in enumerate(clip):
            stamp = start + i * period
            self.rig.camera.send(stamp, frame)
            if i >= window - 1 and due(i):
                self.rig.station.wait(lambda s=stamp: self.of(s), f'the prediction of image {i}')
            else:
                self.rig.station.spin(0.03)
        return start


@pytest.fixture
def listeners(rig):
    heard = Listeners(rig)
    yield heard
    rig.station.forget(heard.keypoints, heard.frames)


def set_parameter(rig, name, value):
    kind = (
        ParameterType.PARAMETER_INTEGER
        if isinstance(value, int)
        else ParameterType.PARAMETER_STRING
    )
    key = 'integer_value' if isinstance(value, int) else 'string_value'
    request = SetParameters.Request(
        parameters=[Parameter(name=name, value=ParameterValue(type=kind, **{key: value}))]
    )
    answer = rig.station.call(SetParameters, f'/{rig.namespace}/predictor/set_parameters', request)
    return answer.results[0]


def check_sequence(listeners, clip, start, window, horizon, period=PERIOD, followed=False):
    """n images gave n - window + 1 predictions, each whole and stamped as it has to be.

    followed: predicted keypoints may leave the picture, as what they stand for will.
    """
    sent = [start + i * period for i in range(len(clip))]
    keypoints = [m for m in listeners.keypoints if stamp_of(m) >= start]
    assert [stamp_of(m) for m in keypoints] == sent[window - 1 :]
    station = listeners.rig.station
    station.wait(lambda: len(listeners.frames_since(start)) >= horizon * len(keypoints), 'frames')
    frames = iter(listeners.frames_since(start))
    for i, message in enumerate(keypoints):
        assert message.header.frame_id == 'lens'
        assert (message.image_height, message.image_width) == clip[0].shape[:2]
        assert message.frame_period == pytest.approx(period / SECOND)
        assert [to_ns(f.stamp) for f in message.observed] == sent[i : i + window]
        future = [to_ns(f.stamp) for f in message.predicted]
        assert future == [sent[i + window - 1] + j * period for j in range(1, horizon + 1)]
        assert to_ns(message.processing_time) > 0
        for moment in (*message.observed, *message.predicted):
            points = np.array([(k.x, k.y, k.intensity) for k in moment.keypoints])
            x, y, intensity = points.T
            if followed and moment in message.predicted:
                assert np.isfinite(points).all()
            else:
                assert (x > -0.5).all() and (x < clip[0].shape[1] - 0.5).all()
                assert (y > -0.5).all() and (y < clip[0].shape[0] - 0.5).all()
            assert (intensity >= 0).all()
            assert len({k.id for k in moment.keypoints}) == len(points)
            assert all(k.sigma >= 0 for k in moment.keypoints)
        burst = [next(frames) for _ in range(horizon)]
        assert [stamp_of(f) for f in burst] == future
        assert {f.header.frame_id for f in burst} == {'lens'}
        assert {f.encoding for f in burst} == {'rgb8'}
    assert next(frames, None) is None
    return keypoints


def test_n_images_give_a_prediction_each_once_the_window_is_full(rig, listeners):
    clip = moving_square(12, HEIGHT, WIDTH)
    before = rig.counters()
    start = listeners.play(clip)
    keypoints = check_sequence(listeners, clip, start, WINDOW, HORIZON)
    assert len(keypoints) == 12 - WINDOW + 1
    assert {m.weights for m in keypoints} == {'tiny.safetensors'}
    assert all(len(f.keypoints) == KEYPOINTS for m in keypoints for f in m.predicted)
    now = rig.counted(predictions=before['predictions'] + 9)
    assert now['received'] - before['received'] == 12
    assert now['encoded'] - before['encoded'] == 12
    assert now['predictions'] - before['predictions'] == 9
    assert now['frames_decoded'] - before['frames_decoded'] == 9 * HORIZON
    assert now['dropped'] == before['dropped'] and now['bad'] == before['bad']
    assert rig.status().hardware_id == '/main/image'


def test_predicted_frames_show_what_the_camera_saw(rig, listeners):
    """These weights say that nothing moves: each frame is the newest image at the model's size."""
    clip = moving_square(WINDOW, SIDE, SIDE)
    start = listeners.play(clip)
    rig.station.wait(lambda: len(listeners.frames_since(start)) >= HORIZON, 'frames')
    for message in listeners.frames_since(start):
        frame = image_to_rgb(message)
        assert frame.shape == (SIDE, SIDE, 3)
        assert np.abs(frame.astype(int) - clip[-1]).max() <= 2


def test_the_bundled_weights_without_any_parameter(station, tmp_path):
    with PredictorRig(station, tmp_path, 'bundled') as rig:
        listeners = Listeners(rig)
        clip = moving_square(13, HEIGHT, WIDTH)
        start = listeners.play(clip, window=10)
        keypoints = check_sequence(listeners, clip, start, 10, 10, followed=True)
        assert [m.weights for m in keypoints] == ['default'] * 4
        station.forget(listeners.keypoints, listeners.frames)


def test_nobody_listens_nothing_is_predicted(rig):
    before = rig.counters()
    start = rig.next_era()
    for i, frame in enumerate(moving_square(3 * WINDOW, HEIGHT, WIDTH)):
        rig.camera.send(start + i * PERIOD, frame)
        rig.station.spin(0.05)
    rig.counted(encoded=before['encoded'] + 3 * WINDOW)
    after = rig.counters()  # a status later: nothing is on its way any more
    assert after['received'] - before['received'] == 3 * WINDOW
    assert after['predictions'] == before['predictions']
    assert after['frames_decoded'] == before['frames_decoded']


def test_only_keypoints_are_heard_no_frame_is_decoded(rig):
    keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
    before = rig.counters()
    rig.prime(keypoints)
    after = rig.counted(predictions=before['predictions'] + 1)
    assert after['frames_decoded'] == before['frames_decoded']
    rig.station.forget(keypoints)


def test_a_late_joiner_gets_predictions_at_once(rig):
    """The window fills while nobody listens, so that the first image after is enough."""
    before = rig.counters()
    start = rig.next_era()
    clip = moving_square(4 * WINDOW, HEIGHT, WIDTH)
    for i in range(2 * WINDOW):
        rig.camera.send(start + i * PERIOD, clip[i])
        rig.station.spin(0.03)
    rig.counted(encoded=before['encoded'] + 2 * WINDOW)
    late = rig.hear(PredictedKeypoints, 'predicted_keypoints')
    rig.station.wait(late.subscription.get_publisher_count, 'the predictor to be discovered')
    sent = 0
    while not late:  # the predictor discovers us, too
        assert sent < WINDOW - 1, 'a window sent since would be full without the images before'
        rig.camera.send(start + (2 * WINDOW + sent) * PERIOD, clip[2 * WINDOW + sent])
        sent += 1
        end = time.monotonic() + 5
        while not late and time.monotonic() < end:
            rig.station.spin(0.02)
    assert to_ns(late[0].observed[0].stamp) < start + 2 * WINDOW * PERIOD
    assert rig.counters()['resets'] - before['resets'] <= 1  # the jump to these stamps
    rig.station.forget(late)


def test_the_publisher_restarts_with_another_qos(rig, listeners):
    for reliable in (False, True):
        rig.open_camera(reliable)
        listeners.rig.prime(listeners.keypoints, listeners.frames)
    assert 'subscribed again as best effort' in rig.log()
    assert 'subscribed again as reliable' in rig.log()


@pytest.mark.parametrize('jump', [-20 * PERIOD, 30 * PERIOD], ids=['back', 'gap'])
def test_a_jump_in_time_starts_the_window_anew(rig, listeners, jump):
    clip = moving_square(WINDOW + 3, HEIGHT, WIDTH)
    start = listeners.play(clip)
    before = rig.counters()
    after = start + (len(clip) - 1) * PERIOD + jump
    listeners.play(clip, start=after)
    heard = {stamp_of(m) for m in listeners.keypoints if len(m.observed) == WINDOW}
    of_the_second = {after + i * PERIOD for i in range(len(clip))}
    assert heard & of_the_second - {start + i * PERIOD for i in range(len(clip))} == {
        after + i * PERIOD for i in range(WINDOW - 1, len(clip))
    }
    assert rig.counters()['resets'] - before['resets'] == 1
    said = 'time went back by 2.000 s' if jump < 0 else 'no frame came for 3.000 s'
    assert f'{said}: the window restarts' in rig.log()


def test_stride(rig, listeners):
    assert set_parameter(rig, 'stride', 3).successful
    received = rig.counters()['received']
    clip = moving_square(5 * WINDOW, HEIGHT, WIDTH)
    start = listeners.play(clip, due=lambda i: (received + i) % 3 == 0)
    sent = [start + i * PERIOD for i in range(len(clip))]
    heard = [stamp_of(m) for m in listeners.keypoints if stamp_of(m) >= start]
    assert heard == [s for i, s in enumerate(sent) if i >= WINDOW - 1 and (received + i) % 3 == 0]
    # the window itself goes on with every image
    assert to_ns(listeners.keypoints[-1].observed[-2].stamp) == heard[-1] - PERIOD
    assert set_parameter(rig, 'stride', 1).successful


@pytest.mark.parametrize('horizon', [3, 2 * WINDOW + 1, 150])  # 150: more than were promised room
def test_the_horizon_is_set_at_run_time(rig, listeners, horizon):
    assert set_parameter(rig, 'horizon', horizon).successful
    clip = moving_square(WINDOW + 1, HEIGHT, WIDTH)
    check_sequence(listeners, clip, listeners.play(clip), WINDOW, horizon)
    assert set_parameter(rig, 'horizon', HORIZON).successful


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('horizon', 0, 'horizon'),
        ('stride', -1, 'stride'),
        ('window', 5, 'read-only'),
        ('weights', 'other.safetensors', 'read-only'),
        ('horizon', 'many', 'INTEGER'),
    ],
)
def test_bad_values_are_refused_at_run_time(rig, name, value, reason):
    result = set_parameter(rig, name, value)
    assert not result.successful and reason in result.reason


def test_every_parameter_is_described(rig):
    names = [
        'window',
        'horizon',
        'frame_rate',
        'stride',
        'weights',
        'device',
        'output_size',
        'image_transport',
    ]
    answer = rig.station.call(
        DescribeParameters,
        '/main/predictor/describe_parameters',
        DescribeParameters.Request(names=names),
    )
    assert [d.name for d in answer.descriptors] == names
    assert all(len(d.description) > 10 for d in answer.descriptors)
    ranges = {d.name: (*d.integer_range, *d.floating_point_range) for d in answer.descriptors}
    assert {n for n, r in ranges.items() if r} == {'window', 'horizon', 'frame_rate', 'stride'}


def test_the_montage_and_the_latency(rig):
    montage = rig.hear(Image, 'debug/montage')
    latency = rig.hear(Float32, 'debug/latency_ms')
    start = rig.era + 10_000 * SECOND
    rig.prime(montage, latency, frame=moving_square(1, HEIGHT, WIDTH)[0])
    assert stamp_of(montage[-1]) >= start and montage[-1].header.frame_id == 'lens'
    assert image_to_rgb(montage[-1]).std() > 10
    # these stamps are of long ago
    assert latency[-1].data == pytest.approx(time.time() * 1e3 - start / 1e6, rel=1e-3)
    rig.station.forget(montage, latency)
