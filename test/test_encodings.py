"""ROS image fields to RGB, held against rosbags.image and, where there is one, cv_bridge."""

import array
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.image import message_to_cvimage
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.encodings import (
    DEPTH_RANGE_MM,
    SUPPORTED,
    UnsupportedEncoding,
    to_rgb,
)
from tkn_ros.video.frame import VideoError

TYPES = get_typestore(Stores.ROS2_JAZZY).types
# a scale of our own, or two planes: no reference has them
OURS_ALONE = ('16UC1', '32FC1', 'nv12', 'nv21')


def bytes_per_pixel(encoding):
    if encoding in ('mono16', '16UC1', 'yuv422', 'yuv422_yuy2', 'uyvy', 'yuyv'):
        return 2
    if encoding.startswith('bayer'):
        return 2 if encoding.endswith('16') else 1
    return {'mono8': 1, '8UC1': 1, 'rgba8': 4, 'bgra8': 4}.get(encoding, 3)


def header():
    stamp = TYPES['builtin_interfaces/msg/Time'](sec=1, nanosec=2)
    return TYPES['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')


def image_message(encoding, height, width, step, is_bigendian, data):
    return TYPES['sensor_msgs/msg/Image'](
        header=header(),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(is_bigendian),
        step=step,
        data=np.frombuffer(data, np.uint8),
    )


def reference(encoding, image_msg):
    """RGB by rosbags.image, which knows 8UC1 and 8UC3 only as shapes."""
    if encoding == '8UC1':
        return cv2.cvtColor(message_to_cvimage(image_msg), cv2.COLOR_GRAY2RGB)
    if encoding == '8UC3':
        return message_to_cvimage(image_msg)[..., ::-1]
    return message_to_cvimage(image_msg, 'rgb8')


@st.composite
def pictures(draw, encodings):
    encoding = draw(st.sampled_from(encodings))
    even = 'yu' in encoding or 'uyvy' in encoding
    height = draw(st.integers(2, 24))
    width = draw(st.integers(1, 12)) * 2 if even else draw(st.integers(2, 24))
    padding = draw(st.integers(0, 9))
    seed = draw(st.integers(0, 2**31))
    rows = np.random.default_rng(seed).integers(
        0, 256, (height, width * bytes_per_pixel(encoding)), np.uint8
    )
    return encoding, height, width, padding, draw(st.booleans()), rows


def padded(rows, padding):
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5).tobytes()


@settings(max_examples=300, deadline=None)
@given(pictures([e for e in SUPPORTED if e not in OURS_ALONE]))
def test_agrees_with_rosbags_image_whatever_the_padding_and_byte_order(picture):
    encoding, height, width, padding, big, rows = picture
    tight = image_message(encoding, height, width, rows.shape[1], big, rows.tobytes())
    got = to_rgb(encoding, height, width, rows.shape[1] + padding, big, padded(rows, padding))
    assert got.dtype == np.uint8 and got.shape == (height, width, 3) and got.flags.c_contiguous
    want = reference(encoding, tight)
    # 16 bits: it scales by 1/257, we keep the upper byte as cameras do; interpolated Bayer
    # pixels are then rounded at another place
    tolerance = 0 if not encoding.endswith('16') else 1 if encoding == 'mono16' else 2
    assert np.abs(got.astype(int) - want.astype(int)).max() <= tolerance


@settings(max_examples=50, deadline=None)
@given(pictures(['16UC1']))
def test_depth_has_a_fixed_scale(picture):
    encoding, height, width, padding, big, rows = picture
    got = to_rgb(encoding, height, width, rows.shape[1] + padding, big, padded(rows, padding))
    depth = rows.copy().view('>u2' if big else '<u2').astype(float)
    want = np.floor(np.clip(depth / DEPTH_RANGE_MM, 0, 1) * 255 + 1e-9)
    assert np.array_equal(got, np.repeat(want[..., None], 3, axis=2))


def test_depth_of_five_and_of_twenty_metres():
    data = np.array([[0, 5000, 20000]], '<u2').tobytes()
    assert to_rgb('16UC1', 1, 3, 6, False, data)[0, :, 0].tolist() == [0, 127, 255]


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer_colours_are_not_exchanged(pattern, bits):
    """A wholly red scene under each colour filter, without trusting any library's names."""
    tile = np.array([255 if c == 'r' else 0 for c in pattern]).reshape(2, 2)
    mosaic = np.tile(tile, (4, 4)).astype(f'<u{bits // 8}')
    mosaic = mosaic << (bits - 8)
    got = to_rgb(f'bayer_{pattern}{bits}', 8, 8, 8 * bits // 8, False, mosaic.tobytes())
    assert got[2:-2, 2:-2].min(axis=(0, 1)).tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ('encoding', 'pixel'),
    [
        ('rgb8', [200, 100, 50]),
        ('bgr8', [50, 100, 200]),
        ('8UC3', [50, 100, 200]),
        ('rgba8', [200, 100, 50, 9]),
        ('bgra8', [50, 100, 200, 9]),
    ],
)
def test_channel_order(encoding, pixel):
    assert to_rgb(encoding, 1, 1, len(pixel), False, bytes(pixel)).tolist() == [[[200, 100, 50]]]


def test_yuv_red():
    """BT.601 red is Y 82, U 90, V 240, in the byte order ROS gives each name."""
    for encoding, quad in (
        ('yuv422', (90, 82, 240, 82)),
        ('uyvy', (90, 82, 240, 82)),
        ('yuv422_yuy2', (82, 90, 82, 240)),
        ('yuyv', (82, 90, 82, 240)),
    ):
        red = to_rgb(encoding, 2, 2, 4, False, bytes(quad) * 2).astype(int)
        assert np.abs(red - [255, 0, 0]).max() < 5, encoding


def test_two_planes_of_yuv_whatever_the_padding():
    """BT.601 red and green, left and right: rows of Y, then of U and V in turns."""
    y = np.full((4, 8), 82, np.uint8)
    y[:, 4:] = 145
    u, v = [90, 90, 54, 54], [240, 240, 34, 34]
    for encoding, first, second in (('nv12', u, v), ('nv21', v, u)):
        chroma = np.tile(np.stack([first, second], 1).reshape(1, 8).astype(np.uint8), (2, 1))
        planes = np.vstack([y, chroma])
        for padding in (0, 5):
            got = to_rgb(encoding, 4, 8, 8 + padding, False, padded(planes, padding)).astype(int)
            assert got.shape == (4, 8, 3)
            assert np.abs(got[:, :4] - [255, 0, 0]).max() < 5, encoding
            assert np.abs(got[:, 4:] - [0, 255, 0]).max() < 5, encoding


@pytest.mark.parametrize('order', '<>')
def test_depth_in_metres_where_nothing_was_measured(order):
    metres = np.array([[0, 5, 20, -1, np.nan, np.inf, -np.inf]], f'{order}f4')
    data = padded(metres.view(np.uint8), 3)
    got = to_rgb('32FC1', 1, 7, 31, order == '>', data)
    assert got[0, :, 0].tolist() == [0, 127, 255, 0, 0, 255, 0]
    assert np.array_equal(got[..., 0], got[..., 2])


def test_against_cv_bridge():
    """Where the distribution has cv_bridge, the same contract holds for it."""
    pytest.importorskip('cv_bridge')
    messages = pytest.importorskip('sensor_msgs.msg')
    from cv_bridge import CvBridge

    rng = np.random.default_rng(0)
    for encoding in (
        'bgr8',
        'rgb8',
        'mono8',
        'bgra8',
        'rgba8',
        'mono16',
        'yuv422',
        'yuv422_yuy2',
        'bayer_rggb8',
        'bayer_bggr8',
        'bayer_gbrg8',
        'bayer_grbg8',
    ):
        step = 32 * bytes_per_pixel(encoding)
        data = rng.integers(0, 256, 24 * step, np.uint8).tobytes()
        message = messages.Image(height=24, width=32, encoding=encoding, step=step)
        message.data = array.array('B', data)
        want = CvBridge().imgmsg_to_cv2(message, 'rgb8').astype(int)
        got = to_rgb(encoding, 24, 32, step, False, data)
        assert np.abs(got - want).max() <= (1 if encoding == 'mono16' else 0), encoding


@pytest.mark.parametrize(
    'kind',
    [
        bytes,
        bytearray,
        memoryview,
        lambda b: array.array('B', b),
        lambda b: np.frombuffer(b, np.uint8),
    ],
)
def test_any_buffer_serves_and_is_copied(kind):
    data = bytearray(range(12))
    got = to_rgb('rgb8', 2, 2, 6, False, kind(data))
    data[0] = 99
    assert got[0, 0].tolist() == [0, 1, 2]
    assert got.flags.writeable and got.flags.owndata


def test_missing_padding_of_the_last_row_is_no_error():
    assert to_rgb('mono8', 2, 3, 5, False, bytes(8)).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ('fields', 'says'),
    [
        (('mono8', 2, 3, 5, False, bytes(7)), 'needs 8'),
        (('bgr8', 2, 3, 8, False, bytes(99)), 'step is 8'),
        (('bgr8', 2, 3, 0, False, bytes(99)), 'step is 0'),
        (('bgr8', 0, 3, 9, False, b''), 'at least 1'),
        (('bgr8', 3, 0, 9, False, b''), 'at least 1'),
        (('yuv422', 2, 3, 6, False, bytes(99)), 'even'),
        (('nv12', 4, 3, 4, False, bytes(99)), 'both must be even'),
        (('nv21', 3, 4, 4, False, bytes(99)), 'both must be even'),
        (('nv12', 4, 4, 4, False, bytes(23)), 'needs 24'),
        (('32FC1', 1, 2, 7, False, bytes(99)), 'need 8'),
        (('bayer_rggb8', 1, 3, 3, False, bytes(99)), 'at least 2'),
    ],
)
def test_impossible_fields_are_named_in_one_line(fields, says):
    with pytest.raises(VideoError, match=says) as caught:
        to_rgb(*fields)
    assert '\n' not in str(caught.value)


def test_unknown_encoding_lists_the_known_ones():
    with pytest.raises(UnsupportedEncoding, match=r"'32FC7'.*bgr8.*mono16") as caught:
        to_rgb('32FC7', 1, 1, 4, False, bytes(4))
    assert caught.value.encoding == '32FC7'


def test_vga_takes_well_under_a_millisecond():
    data = np.zeros(480 * 640 * 3, np.uint8).tobytes()
    times = []
    for _ in range(30):
        start = time.perf_counter()
        to_rgb('bgr8', 480, 640, 1920, False, data)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5e-3  # 0.02 ms where this was written
