"""Image messages read from their bytes: the same as rclpy reads, and hostile bytes refused."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ros_rig import ros_or_skip
from rosbags.typesys import Stores, get_typestore

ros_or_skip()

from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from tkn_ros.video.encodings import message_to_rgb  # noqa: E402
from tkn_ros.video.frame import VideoError  # noqa: E402
from tkn_ros.video.image_cdr import image_reader  # noqa: E402

words = st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs']), max_size=20)
numbers = st.integers(0, 2**32 - 1)
headers = st.builds(
    Header,
    stamp=st.builds(Time, sec=st.integers(-(2**31), 2**31 - 1), nanosec=numbers),
    frame_id=words,
)
images = st.builds(
    Image,
    header=headers,
    height=numbers,
    width=numbers,
    encoding=words,
    is_bigendian=st.integers(0, 255),
    step=numbers,
    data=st.binary(max_size=300),
)
pictures = st.builds(CompressedImage, header=headers, format=words, data=st.binary(max_size=300))


def fields(message) -> dict:
    """All of them, as plain values."""
    header = message.header
    found = {'stamp': (header.stamp.sec, header.stamp.nanosec), 'frame_id': header.frame_id}
    for name in ('height', 'width', 'encoding', 'is_bigendian', 'step', 'format'):
        found[name] = getattr(message, name, None)
    return found | {'data': bytes(message.data)}


@settings(deadline=None)
@given(st.one_of(images, pictures))
def test_every_field_is_as_rclpy_wrote_it(message):
    read = image_reader(isinstance(message, CompressedImage))(serialize_message(message))
    assert fields(read) == fields(message)


def test_the_picture_is_not_copied_and_the_other_byte_order_is_read():
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8)
    cdr = serialize_message(
        Image(height=4, width=6, encoding='rgb8', step=18, data=pixels.tobytes())
    )
    message = image_reader()(cdr)
    assert np.shares_memory(message.data, np.frombuffer(cdr, np.uint8))
    assert np.array_equal(message_to_rgb(message), pixels.reshape(4, 6, 3))
    store = get_typestore(Stores.ROS2_JAZZY)
    other = bytes(store.serialize_cdr(message, 'sensor_msgs/msg/Image', little_endian=False))
    assert other != cdr and fields(image_reader()(other)) == fields(message)


WHOLE = serialize_message(
    Image(
        height=2,
        width=2,
        encoding='rgb8',
        step=6,
        data=bytes(range(12)),
        header=Header(frame_id='c'),
    )
)


def read_or_refuse(cdr: bytes) -> None:
    """A message or a VideoError in one line that is not long."""
    try:
        message_to_rgb(image_reader()(cdr))
    except VideoError as error:
        assert len(str(error)) < 1000 and '\n' not in str(error)


@settings(deadline=None, max_examples=500)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=8), st.integers(0, len(WHOLE)))
def test_bent_bytes_are_read_or_refused(place, patch, end):
    read_or_refuse((WHOLE[:place] + patch + WHOLE[place + len(patch) :])[:end])
    read_or_refuse(WHOLE[:place] + patch + WHOLE[place:])


def test_claims_of_gigabytes_take_no_memory():
    """Each of the lengths in a message, said to be as large as can be."""
    for place in range(4, len(WHOLE) - 4):
        cdr = WHOLE[:place] + struct.pack('<I', 2**32 - 1) + WHOLE[place + 4 :]
        tracemalloc.start()
        read_or_refuse(cdr)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()


@pytest.mark.parametrize(
    'cdr', [b'', b'\0\1', b'\0\1\0\0', WHOLE[:-1], WHOLE + bytes(8), b'\7' * 99]
)
def test_what_is_no_image_is_refused(cdr):
    with pytest.raises(VideoError, match=f'message of {len(cdr)} bytes cannot be read'):
        image_reader()(cdr)
