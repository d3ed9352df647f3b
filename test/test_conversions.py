"""Between ROS messages and arrays; the encodings themselves are in test_encodings.py."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ros_rig import ros_or_skip
from small_models import SIDE, WINDOW, moving_square, small_model

ros_or_skip()

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from tkn_ros.model.detector import keypoints_to_maps, maps_to_keypoints  # noqa: E402
from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.conversions import (  # noqa: E402
    image_to_rgb,
    prediction_to_message,
    rgb_to_image,
    to_time,
)
from tkn_ros.streaming.prediction import Prediction, from_pixels, to_pixels  # noqa: E402
from tkn_ros.streaming.window import SlidingWindow  # noqa: E402
from tkn_ros.video.encodings import UnsupportedEncoding  # noqa: E402
from tkn_ros.video.frame import VideoError  # noqa: E402
from tkn_ros.video.stamps import to_ns  # noqa: E402

LAST = (2**31 - 1) * 10**9 + 999_999_999  # the latest moment that a message can hold (2038)
MS = 1_000_000

stamps = st.one_of(st.integers(0, LAST), st.sampled_from([0, 1, 999_999_999, 10**9, LAST]))
pictures = arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)))


def over_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


@given(stamps)
def test_stamps_round_trip(ns):
    time = over_the_wire(to_time(ns))
    assert 0 <= time.nanosec < 10**9
    assert to_ns(time) == ns


def test_stamps_before_1970():
    assert to_ns(to_time(-1)) == -1 and to_time(-1).nanosec == 999_999_999


@given(pictures, stamps)
def test_pictures_round_trip(picture, stamp):
    message = over_the_wire(rgb_to_image(picture, stamp, 'left'))
    assert (message.height, message.width) == picture.shape[:2]
    assert message.encoding == 'rgb8' and message.step == 3 * picture.shape[1]
    assert message.header.frame_id == 'left' and to_ns(message.header.stamp) == stamp
    assert np.array_equal(image_to_rgb(message), picture)


def test_a_picture_that_is_not_contiguous():
    picture = moving_square(1, 20, 30)[0]
    for view in (picture[:, ::-1], picture[::2, 1::3], picture.transpose(1, 0, 2)):
        assert np.array_equal(image_to_rgb(rgb_to_image(view, 0, '')), view)


@settings(deadline=None)
@given(pictures, st.integers(0, 13), st.booleans(), st.sampled_from(['rgb8', 'bgr8', 'mono8']))
def test_padded_rows(picture, padding, last_row_too, encoding):
    """Drivers align rows; some leave the padding of the last row out."""
    pixels = {'rgb8': picture, 'bgr8': picture[..., ::-1], 'mono8': picture[..., :1]}[encoding]
    height, row = len(pixels), pixels.reshape(len(pixels), -1)
    padded = np.full((height, row.shape[1] + padding), 77, np.uint8)
    padded[:, : row.shape[1]] = row
    data = padded.tobytes()
    if padding and not last_row_too:
        data = data[:-padding]
    message = Image(
        height=height, width=picture.shape[1], encoding=encoding, step=padded.shape[1], data=data
    )
    expected = np.repeat(picture[..., :1], 3, -1) if encoding == 'mono8' else picture
    assert np.array_equal(image_to_rgb(over_the_wire(message)), expected)


@pytest.mark.parametrize('bigendian', [0, 1])
def test_byte_order_is_that_of_the_message(bigendian):
    values = np.arange(0, 60_000, 10_000, np.uint16).reshape(2, 3)
    message = Image(
        height=2,
        width=3,
        encoding='mono16',
        step=6,
        is_bigendian=bigendian,
        data=values.astype('>u2' if bigendian else '<u2').tobytes(),
    )
    assert np.array_equal(image_to_rgb(message)[..., 0], values >> 8)


@pytest.mark.parametrize('kind', ['png', 'jpg'])
def test_compressed_images(kind):
    picture = cv2.GaussianBlur(moving_square(1, 32, 48)[0], (0, 0), 3)
    encoded = cv2.imencode(f'.{kind}', picture[..., ::-1])[1].tobytes()
    message = over_the_wire(CompressedImage(format=f'rgb8; {kind} compressed bgr8', data=encoded))
    assert np.abs(image_to_rgb(message).astype(int) - picture).max() <= (0 if kind == 'png' else 12)


def test_what_cannot_be_shown_is_refused_by_name():
    with pytest.raises(UnsupportedEncoding, match="'64FC1' is not supported"):
        image_to_rgb(Image(height=1, width=1, encoding='64FC1', step=8, data=bytes(8)))
    with pytest.raises(VideoError, match='image data has 5 bytes'):
        image_to_rgb(Image(height=1, width=2, encoding='rgb8', step=6, data=bytes(5)))
    with pytest.raises(VideoError, match='cannot be decoded'):
        image_to_rgb(CompressedImage(format='jpeg', data=b'no jpeg'))


sizes = st.tuples(st.integers(1, 2000), st.integers(1, 2000))
cells = st.tuples(st.integers(2, 64), st.integers(2, 64))


def from_pixels_by_shares(pixels, cells, size):
    """Written the other way round: pixel -> share of the picture -> cell -> [-1, 1]."""
    out = pixels.copy()
    for axis, other in ((0, 1), (1, 0)):
        share = (pixels[..., axis] + 0.5) / size[other]
        out[..., axis] = (share * cells[other] - 0.5) / (cells[other] - 1) * 2 - 1
    return out


@given(arrays(np.float64, (4, 3), elements=st.floats(-1, 1)), cells, sizes)
def test_pixels_and_back(keypoints, cells, size):
    pixels = to_pixels(keypoints, cells, size)
    assert np.allclose(from_pixels_by_shares(pixels, cells, size), keypoints, atol=1e-9)
    assert np.allclose(from_pixels(pixels[..., :2], cells, size), keypoints[..., :2], atol=1e-9)
    assert np.array_equal(pixels[..., 2], keypoints[..., 2])
    # inside of the picture, whose pixels reach from -0.5 to size - 0.5
    assert (pixels[..., :2] >= -0.5).all() and (pixels[:, 0] <= size[1] - 0.5).all()
    assert (pixels[:, 1] <= size[0] - 0.5).all()


@given(cells, sizes)
def test_the_ends_of_the_grid_are_the_centres_of_its_outermost_cells(cells, size):
    corners = np.array([[-1, -1, 0], [1, 1, 0], [0, 0, 0.5]])
    first, last, middle = to_pixels(corners, cells, size)
    assert first[:2] == pytest.approx([s / n / 2 - 0.5 for s, n in zip(size[::-1], cells[::-1])])
    assert last[:2] == pytest.approx([s - s / n / 2 - 0.5 for s, n in zip(size[::-1], cells[::-1])])
    assert middle[:2] == pytest.approx([(s - 1) / 2 for s in size[::-1]])


def test_pixels_of_a_picture_as_large_as_the_grid_are_its_cells():
    x = np.linspace(-1, 1, 16)
    keypoints = np.stack([x, x, x], -1)
    assert np.allclose(to_pixels(keypoints, (16, 16), (16, 16))[:, 0], np.arange(16))


def test_a_detected_bump_is_where_it_is_in_the_picture():
    """From the picture through the detector's own geometry to pixels of the source."""
    at = torch.tensor([[[2 / 15 * 2 - 1, 11 / 15 * 2 - 1, 1.0]]])  # column 2, row 11 of 16 x 16
    maps = keypoints_to_maps(at, 16, 16, 0.5)
    pixels = to_pixels(maps_to_keypoints(maps)[0].numpy(), (16, 16), (480, 640))
    assert pixels[0, :2] == pytest.approx([2.5 * 40 - 0.5, 11.5 * 30 - 0.5], abs=0.1)


def test_a_prediction_as_a_message():
    window = SlidingWindow(small_model())
    start, period = 1_700_000_000 * 10**9 + 5, 40 * MS
    for i, frame in enumerate(moving_square(6, 48, 64)):
        window.push(start + i * period, frame)
    prediction = window.predict(3)
    message = over_the_wire(prediction_to_message(prediction, 'left', 2_500 * MS, 'a.safetensors'))
    assert isinstance(message, PredictedKeypoints)
    assert to_ns(message.header.stamp) == start + 5 * period
    assert message.header.frame_id == 'left' and message.weights == 'a.safetensors'
    assert (message.image_height, message.image_width) == (48, 64)
    assert message.frame_period == pytest.approx(0.04)
    assert to_ns(message.processing_time) == 2_500 * MS
    assert [to_ns(f.stamp) for f in message.observed] == [
        start + i * period for i in range(6 - WINDOW, 6)
    ]
    assert [to_ns(f.stamp) for f in message.predicted] == [
        start + (5 + j) * period for j in (1, 2, 3)
    ]
    for frames, keypoints in (
        (message.observed, prediction.observed),
        (message.predicted, prediction.predicted),
    ):
        sent = np.array([[(k.x, k.y, k.intensity) for k in f.keypoints] for f in frames])
        expected = to_pixels(keypoints, (SIDE // 4, SIDE // 4), (48, 64))
        expected[..., 2] = np.maximum(expected[..., 2], 0.0)  # the message promises 0 or more
        assert np.allclose(sent, expected, atol=1e-3)
        # a network of the paper's form: all active, sigma unknown, the index for an id
        for moment in frames:
            assert [k.id for k in moment.keypoints] == list(range(keypoints.shape[1]))
            assert all(k.active and k.sigma == 0 for k in moment.keypoints)


def test_followed_keypoints_as_a_message():
    """Two active ones, of which one was not seen at first; an inactive one; sigma in pixels."""
    size, cells = (48, 64), (24, 32)
    at = np.array([[10.0, 12.0], [31.5, 23.5], [60.0, 40.0]])
    places = np.zeros((4, 3, 3), np.float32)
    places[..., :2] = from_pixels(at, cells, size)
    places[..., 2] = [0.9, 0.5, 0.0]
    window = SlidingWindow(small_model())
    for i, frame in enumerate(moving_square(WINDOW, *size)):
        window.push(i * 40 * MS + 1, frame)
    known = np.ones((4, 3), bool)
    known[:2, 1] = False
    sigma = np.array([[0.01, 0.02, 0.0], [0.03, 0.05, 0.0]], np.float32)
    prediction = Prediction(
        40 * MS,
        [i * 40 * MS + 1 for i in range(4)],
        places,
        [(4 + j) * 40 * MS + 1 for j in range(2)],
        places[:2],
        window.predict(2).seen,
        cells,
        active=np.array([True, True, False]),
        known=known,
        sigma=sigma,
        ids=np.array([7, 2**32 - 1, 9]),
    )
    message = over_the_wire(prediction_to_message(prediction, '', 0))

    def column(frames, name):
        return [[getattr(k, name) for k in f.keypoints] for f in frames]

    for frames in (message.observed, message.predicted):
        assert column(frames, 'id') == [[7, 2**32 - 1, 9]] * len(frames)
        assert np.allclose(column(frames, 'x'), at[:, 0], atol=1e-3)
        assert np.allclose(column(frames, 'y'), at[:, 1], atol=1e-3)
        assert np.allclose(column(frames, 'intensity'), [0.9, 0.5, 0.0])
    unseen, seen = [True, False, False], [True, True, False]
    assert column(message.observed, 'active') == [unseen, unseen, seen, seen]
    assert column(message.predicted, 'active') == [seen, seen]
    assert np.array_equal(column(message.observed, 'sigma'), np.zeros((4, 3)))
    assert np.allclose(column(message.predicted, 'sigma'), sigma * 64)
    assert message.weights == ''
