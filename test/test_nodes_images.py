"""Every kind of image through DDS into the predictor, and those that it has to refuse."""

import cv2
import numpy as np
import pytest
from ros_rig import SECOND, PredictorRig, ros_or_skip, stamp_of
from small_models import SIDE, WINDOW, moving_square

ros_or_skip()

from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.conversions import image_to_rgb, rgb_to_image  # noqa: E402

PERIOD = SECOND // 10
HEIGHT, WIDTH = 48, 64
RED = (200, 40, 10)


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, tiny_weights):
    with PredictorRig(
        station, tmp_path_factory.mktemp('images'), 'images', horizon=2, weights=tiny_weights
    ) as rig:
        yield rig


@pytest.fixture
def frames(rig):
    """What the predictor draws: with these weights, the newest image at the model's size."""
    heard = rig.hear(Image, 'predicted_frames')
    rig.prime(heard)
    yield heard
    rig.station.forget(heard)


def message(encoding, data, width=WIDTH, step=0, **fields):
    """An Image of HEIGHT rows; data as an array of its rows."""
    data = np.ascontiguousarray(data)
    rows = data.view(np.uint8).reshape(HEIGHT, -1)
    return Image(
        height=HEIGHT,
        width=width,
        encoding=encoding,
        step=step or rows.shape[1],
        data=rows.tobytes(),
        **fields,
    )


def plain(*values):
    """A picture of one colour."""
    return np.full((HEIGHT, WIDTH, len(values)), values, np.uint8)


def bayer_rggb(red, green, blue):
    mosaic = np.full((HEIGHT, WIDTH), green, np.uint8)
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = red, blue
    return mosaic


def yuv422(order):
    """A plain colour of BT.601 in the byte order that 'uyvy' or 'yuyv' name."""
    red, green, blue = (c / 255 for c in RED)
    y = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    u = 128 - 37.797 * red - 74.203 * green + 112 * blue
    v = 128 + 112 * red - 93.786 * green - 18.214 * blue
    pair = {'y': y, 'u': u, 'v': v}
    values = np.round([pair[c] for c in order]).astype(np.uint8)
    return np.tile(values, (HEIGHT, WIDTH // 2))


IMAGES = {
    'rgb8': (message('rgb8', plain(*RED)), RED),
    'bgr8': (message('bgr8', plain(*RED[::-1])), RED),
    'rgba8': (message('rgba8', plain(*RED, 255)), RED),
    'bgra8': (message('bgra8', plain(*RED[::-1], 255)), RED),
    'mono8': (message('mono8', plain(90)), (90,) * 3),
    'mono16': (message('mono16', np.full((HEIGHT, WIDTH), 90 << 8, '<u2')), (90,) * 3),
    'mono16 bigendian': (
        message('mono16', np.full((HEIGHT, WIDTH), 90 << 8, '>u2'), is_bigendian=1),
        (90,) * 3,
    ),
    '16UC1 depth': (message('16UC1', np.full((HEIGHT, WIDTH), 5000, '<u2')), (127,) * 3),
    'bayer_rggb8': (message('bayer_rggb8', bayer_rggb(*RED)), RED),
    'yuv422': (message('yuv422', yuv422('uyvy')), RED),
    'yuv422_yuy2': (message('yuv422_yuy2', yuv422('yuyv')), RED),
    '32FC1 depth': (message('32FC1', np.full((HEIGHT, WIDTH), 5, '<f4')), (127,) * 3),
    'nv12': (
        Image(
            height=HEIGHT,
            width=WIDTH,
            encoding='nv12',
            step=WIDTH,
            data=np.full(HEIGHT * WIDTH * 3 // 2, 128, np.uint8).tobytes(),
        ),
        (130,) * 3,
    ),
    'bgr8 padded': (
        message(
            'bgr8',
            np.hstack([plain(*RED[::-1]).reshape(HEIGHT, -1), np.full((HEIGHT, 20), 77, np.uint8)]),
        ),
        RED,
    ),
}


@pytest.mark.parametrize('kind', IMAGES)
def test_every_encoding_is_predicted(rig, frames, kind):
    image, colour = IMAGES[kind]
    start = rig.next_era()
    for i in range(WINDOW):
        rig.camera.send(start + i * PERIOD, image)
    rig.station.wait(
        lambda: [m for m in frames if stamp_of(m) > start + WINDOW * PERIOD],
        f'a frame predicted from {kind}',
    )
    drawn = image_to_rgb(frames[-1]).astype(int)
    assert np.abs(drawn - colour).max() <= 4  # rounding, twice of YUV


def send_and_count(rig, bad_images, frames):
    """Between good images, which are predicted all the same. Returns how many counted as bad."""
    before = rig.counters()
    start = rig.next_era()
    good = moving_square(WINDOW + len(bad_images), HEIGHT, WIDTH)
    for i, picture in enumerate(good):
        rig.camera.send(start + i * PERIOD, picture)
        if i < len(bad_images):
            rig.camera.send(start + i * PERIOD + PERIOD // 2, bad_images[i])
        rig.station.spin(0.03)
    last = start + (len(good) - 1) * PERIOD
    rig.station.wait(
        lambda: [m for m in frames if stamp_of(m) == last + PERIOD],
        'a prediction after the bad images',
    )
    after = rig.counters()
    assert after['received'] - before['received'] == len(good) + len(bad_images)
    assert after['encoded'] - before['encoded'] == len(good)
    return after['bad'] - before['bad']


def test_encodings_that_are_not_supported_are_refused_by_name_once_each(rig, frames):
    floats = message('64FC1', np.ones((HEIGHT, WIDTH)))
    pairs = message('8UC2', np.ones((HEIGHT, WIDTH, 2), np.uint8))
    assert send_and_count(rig, [floats, pairs, floats, floats, pairs], frames) == 5
    log = rig.log().splitlines()
    for name in ('64FC1', '8UC2'):
        lines = [line for line in log if f"'{name}' is not supported" in line]
        assert len(lines) == 1, rig.log()
        assert 'use one of rgb8, bgr8' in lines[0]
    assert 'bad images' in rig.status().message
    assert rig.status().level == b'\1'  # a warning


@pytest.mark.parametrize(
    'image',
    [
        Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH, data=bytes(100)),
        Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3, data=bytes(3 * HEIGHT * WIDTH)),
        Image(height=0, width=0, encoding='rgb8'),
        Image(height=2**32 - 1, width=2**32 - 1, encoding='mono8', step=2**32 - 1, data=bytes(9)),
        Image(),
        b'\0\1\0\0' + bytes(40),
        serialize_message(Image(header=Header(frame_id='c'), encoding='x' * 99))[:60],
        serialize_message(Image(encoding='rgb8')).replace(b'rgb8', b'\xff\xfe\xfd\xfc'),
    ],
    ids=[
        'too short',
        'step below a row',
        'no pixel',
        'absurd size',
        'blank',
        'bytes of zero',
        'cut off',
        'no text',
    ],
)
def test_malformed_images_are_counted_and_the_node_lives_on(rig, frames, image):
    assert send_and_count(rig, [image] * 2, frames) == 2
    assert rig.alive() and 'Traceback' not in rig.log()


def test_the_image_may_change_its_size_under_way(rig, frames):
    keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
    rig.prime(keypoints, frames)
    start = rig.next_era()
    for i, (height, width) in enumerate([(HEIGHT, WIDTH)] * WINDOW + [(30, 50)] * 2):
        rig.camera.send(start + i * PERIOD, moving_square(1, height, width)[0])
        rig.station.spin(0.03)
    last = start + (WINDOW + 1) * PERIOD
    newest = rig.station.wait(lambda: [m for m in keypoints if stamp_of(m) == last], 'keypoints')[0]
    assert (newest.image_height, newest.image_width) == (30, 50)
    rig.station.forget(keypoints)


def compressed(picture, kind):
    data = cv2.imencode(f'.{kind}', picture[..., ::-1])[1].tobytes()
    return CompressedImage(format=f'bgr8; {kind} compressed bgr8', data=data)


def test_compressed_images_and_frames_as_large_as_the_camera(station, tmp_path, tiny_weights):
    with PredictorRig(
        station,
        tmp_path,
        'compressed',
        'compressed',
        output_size=[-1, -1],
        weights=tiny_weights,
        window=3,
        stride=1,
    ) as rig:
        frames = rig.hear(Image, 'predicted_frames')
        keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        rig.prime(frames, keypoints, frame=compressed(plain(*RED), 'jpg'))
        assert len(keypoints[-1].observed) == 3
        start = rig.next_era()
        pictures = moving_square(4, HEIGHT, WIDTH)
        rig.camera.send(start - PERIOD, CompressedImage(format='jpeg', data=b'no jpeg'))
        for i, picture in enumerate(pictures):
            rig.camera.send(start + i * PERIOD, compressed(picture, 'png'))
            rig.station.spin(0.03)
        last = start + 3 * PERIOD
        station.wait(lambda: [m for m in frames if stamp_of(m) == last + 10 * PERIOD], 'frames')
        burst = [image_to_rgb(m) for m in frames if stamp_of(m) > last][-10:]
        assert {f.shape for f in burst} == {(HEIGHT, WIDTH, 3)}
        assert max(np.abs(f.astype(int) - pictures[-1]).max() for f in burst) <= 2
        assert rig.counters()['bad'] == 1 and 'cannot be decoded' in rig.log()
        station.forget(frames, keypoints)


def test_simulated_time_and_a_size_of_frames(station, tmp_path, tiny_weights):
    """The clock stands still but for what the test says; latency is by that clock."""
    from rosgraph_msgs.msg import Clock
    from std_msgs.msg import Float32

    from tkn_ros.nodes.conversions import to_time

    clock = station.publisher(Clock, '/clock')
    with PredictorRig(
        station,
        tmp_path,
        'simulated',
        output_size=[40, 24],
        use_sim_time=True,
        weights=tiny_weights,
    ) as rig:
        frames = rig.hear(Image, 'predicted_frames')
        latency = rig.hear(Float32, 'debug/latency_ms')
        station.wait(clock.get_subscription_count, 'the predictor to take the time')
        rig.prime(frames, latency)
        assert image_to_rgb(frames[-1]).shape == (24, 40, 3)
        start = rig.next_era()
        sent = 0
        while not latency or latency[-1].data != pytest.approx(250, abs=1):
            assert sent < 100, latency[-1]  # both topics arrive in their own time
            now = start + sent * PERIOD
            clock.publish(Clock(clock=to_time(now + SECOND // 4)))
            station.spin(0.1)
            rig.camera.send(now, rgb_to_image(moving_square(1, SIDE, SIDE)[0], 0, ''))
            station.spin(0.1)
            sent += 1
        # diagnostics go on although the clock stands still
        count = len(rig.diagnostics)
        station.wait(lambda: len(rig.diagnostics) > count + 1, 'diagnostics')
        station.forget(frames, latency)
    station.node.destroy_publisher(clock)
