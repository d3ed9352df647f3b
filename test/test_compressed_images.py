"""Compressed images: PNG, JPEG, and what is none."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.image import message_to_cvimage
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.encodings import compressed_to_rgb
from tkn_ros.video.frame import VideoError

TYPES = get_typestore(Stores.ROS2_JAZZY).types


def smooth_picture():
    y, x = np.mgrid[:48, :64]
    return np.stack([x * 4, y * 5, (x + y) * 2], axis=2).astype(np.uint8)


@pytest.mark.parametrize(('suffix', 'tolerance'), [('.png', 0), ('.jpg', 12)])
def test_compressed_pictures(suffix, tolerance):
    rgb = smooth_picture()
    encoded = cv2.imencode(suffix, rgb[..., ::-1])[1]
    got = compressed_to_rgb('jpeg', encoded.tobytes())
    assert got.flags.c_contiguous
    assert np.abs(got.astype(int) - rgb).max() <= tolerance
    message = TYPES['sensor_msgs/msg/CompressedImage'](header=None, format='', data=encoded)
    assert np.array_equal(got, message_to_cvimage(message, 'rgb8'))


def test_compressed_grey_alpha_and_16_bit():
    grey = smooth_picture()[..., 0]
    png = cv2.imencode('.png', grey)[1]
    assert np.array_equal(compressed_to_rgb('mono8; png compressed ', png), np.dstack([grey] * 3))
    bgra = np.dstack([smooth_picture()[..., ::-1], grey])
    assert np.array_equal(compressed_to_rgb('png', cv2.imencode('.png', bgra)[1]), smooth_picture())
    wide = cv2.imencode('.png', np.full((4, 4), 5000, np.uint16))[1]
    assert compressed_to_rgb('mono16; png compressed ', wide).max() == 5000 >> 8
    assert compressed_to_rgb('16UC1; png compressed ', wide).max() == 127


def test_image_transport_names_the_order_it_compressed():
    png = cv2.imencode('.png', smooth_picture()[..., ::-1])[1]
    usual = compressed_to_rgb('rgb8; png compressed bgr8', png)
    exchanged = compressed_to_rgb('rgb8; png compressed rgb8', png)
    assert np.array_equal(usual, smooth_picture())
    assert np.array_equal(exchanged, smooth_picture()[..., ::-1])


@pytest.mark.parametrize('data', [b'', b'\xff\xd8\xff\xe0 not a jpeg', bytes(100)])
def test_what_is_no_picture_is_said_so(data):
    with pytest.raises(VideoError, match="'jpeg' cannot be decoded") as caught:
        compressed_to_rgb('jpeg', data)
    assert '\n' not in str(caught.value)


def test_compressed_depth_transport_is_refused_by_name():
    with pytest.raises(VideoError, match='compressedDepth'):
        compressed_to_rgb('16UC1; compressedDepth png', bytes(100))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_decoder(data):
    for prefix in (b'', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff'):
        with pytest.raises(VideoError):
            compressed_to_rgb('png', prefix + data)
