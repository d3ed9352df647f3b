"""Bags as the writer leaves them are whole, carry their types, and read back without ours."""

import json
import sqlite3
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from tkn_ros.video.bag_writer import BagWriter, message_definition
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
START = 1_700_000_000_000_000_000
MESSAGES = Path(__file__).parents[1] / 'msg'

TEXTS = {
    'tkn_ros/msg/Keypoint': '# of one frame\nfloat32 x  # [px]\nfloat32 y\nfloat32 intensity\n',
    'tkn_ros/msg/KeypointFrame': (
        'uint8 OK=0\nbuiltin_interfaces/Time stamp\nKeypoint[] keypoints\nstd_msgs/Header header\n'
    ),
}
TARGETS = [
    ('out/p.mcap', 'mcap'),
    ('out/p.db3', 'sqlite3'),
    ('out/m', 'mcap'),
    ('out/s', 'sqlite3'),
]


def store_with(texts):
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in texts.items():
        store.register(get_types_from_msg(text, name))
    return store


STORE = store_with(TEXTS)
TYPES = STORE.types


def header(stamp):
    time = TYPES['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9)
    return TYPES['std_msgs/msg/Header'](stamp=time, frame_id='camera')


def picture(number):
    return np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)


def image(number, stamp):
    message = TYPES[IMAGE](
        header=header(stamp),
        height=12,
        width=16,
        encoding='rgb8',
        is_bigendian=0,
        step=48,
        data=picture(number).reshape(-1),
    )
    return bytes(STORE.serialize_cdr(message, IMAGE))


def compressed(number, stamp):
    data = cv2.imencode('.png', picture(number)[..., ::-1])[1].reshape(-1)
    message = TYPES[COMPRESSED](header=header(stamp), format='png', data=data)
    return bytes(STORE.serialize_cdr(message, COMPRESSED))


def keypoints(stamp):
    point = TYPES['tkn_ros/msg/Keypoint']
    message = TYPES['tkn_ros/msg/KeypointFrame'](
        stamp=header(stamp).stamp,
        keypoints=[point(1.5, 2.5, 0.25), point(3, 4, 1)],
        header=header(stamp),
    )
    return bytes(STORE.serialize_cdr(message, 'tkn_ros/msg/KeypointFrame'))


def write(path, storage, count=5):
    definition = message_definition('tkn_ros/msg/KeypointFrame', TEXTS)
    with BagWriter(path, storage) as writer:
        for number in range(count):
            stamp = START + number * 40_000_000
            writer.write_raw('/camera', IMAGE, image(number, stamp), stamp)
            writer.write_raw('small', COMPRESSED, compressed(number, stamp), stamp + 1)
            writer.write_raw(
                '/tkn/keypoints',
                'tkn_ros/msg/KeypointFrame',
                keypoints(stamp),
                stamp + 2,
                definition,
            )
    return path


@pytest.mark.parametrize(('name', 'storage'), TARGETS)
def test_round_trip(tmp_path, name, storage):
    path = write(tmp_path / name, storage)
    assert list(path.parent.iterdir()) == [path]
    assert path.is_file() == (path.suffix != '')
    for topic in ('/camera', '/small'):
        source = open_source(path, topic)
        frames = list(source)
        assert [f.stamp_ns for f in frames] == [START + n * 40_000_000 for n in range(5)]
        assert all(np.array_equal(f.image, picture(n)) for n, f in enumerate(frames))


@pytest.mark.parametrize(('name', 'storage'), TARGETS)
def test_types_are_embedded(tmp_path, name, storage):
    """Read by a reader that knows no types but those in the bag, which also checks the hashes."""
    path = write(tmp_path / name, storage)
    with AnyReader([path]) as reader:
        assert reader.message_count == 15
        assert {c.topic: c.msgcount for c in reader.connections} == {
            '/camera': 5,
            '/small': 5,
            '/tkn/keypoints': 5,
        }
        for connection in reader.connections:
            (qos,) = connection.ext.offered_qos_profiles
            assert qos.reliability == QosReliability.RELIABLE
            assert qos.durability == QosDurability.VOLATILE
        ours = [c for c in reader.connections if c.topic == '/tkn/keypoints']
        assert 'MSG: tkn_ros/Keypoint\n' in ours[0].msgdef.data
        assert 'MSG: std_msgs/Header\n' in ours[0].msgdef.data
        for number, (connection, logged, raw) in enumerate(reader.messages(ours)):
            message = reader.deserialize(raw, connection.msgtype)
            assert logged == START + number * 40_000_000 + 2
            assert raw == keypoints(logged - 2)
            assert [(k.x, k.y, k.intensity) for k in message.keypoints] == [
                (1.5, 2.5, 0.25),
                (3, 4, 1),
            ]
            assert message.OK == 0


def test_hashes_are_those_of_ros(tmp_path):
    """As rosidl of Jazzy computed it for sensor_msgs/msg/Image."""
    path = write(tmp_path / 'b', 'sqlite3', 1)
    with sqlite3.connect(path / 'b.db3') as database:
        rows = dict(database.execute('SELECT name, type_description_hash FROM topics'))
    assert rows['/camera'] == (
        'RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47'
    )


def test_hashes_of_our_messages_are_those_of_rosidl():
    """Where the messages are built, rosidl's own hash stands in a file beside them."""
    built = Path(sys.prefix) / 'share/tkn_ros/msg/PredictedKeypoints.json'
    if not built.exists():
        pytest.skip('the messages of tkn_ros are not built into this environment')
    hashes = {
        entry['type_name']: entry['hash_string']
        for entry in json.loads(built.read_text())['type_hashes']
    }
    msgtype = 'tkn_ros/msg/PredictedKeypoints'
    texts = {f'tkn_ros/msg/{p.stem}': p.read_text() for p in (built.parent).glob('*.msg')}
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(message_definition(msgtype, texts), msgtype))
    assert store.hash_rihs01(msgtype) == hashes[msgtype]


@pytest.mark.parametrize('path', sorted(MESSAGES.glob('*.msg')), ids=lambda p: p.stem)
def test_definitions_of_our_own_messages(path):
    texts = {f'tkn_ros/msg/{p.stem}': p.read_text() for p in MESSAGES.glob('*.msg')}
    msgtype = f'tkn_ros/msg/{path.stem}'
    types = get_types_from_msg(message_definition(msgtype, texts), msgtype)
    assert types[msgtype] == store_with(texts).fielddefs[msgtype]


def test_a_bag_in_bare_mcap_ends_as_the_format_asks(tmp_path):
    data = write(tmp_path / 'p.mcap', 'sqlite3').read_bytes()  # the name outweighs the argument
    assert data[:8] == data[-8:] == b'\x89MCAP0\r\n'
    assert b'ros2msg' in data
    assert b'relative_file_paths' in data and b'- p.mcap' in data  # as rosbag2 embeds it


def test_a_bag_appears_when_it_is_whole(tmp_path):
    with BagWriter(tmp_path / 'p.mcap') as writer:
        writer.write_raw('/camera', IMAGE, image(0, START), START)
        assert not (tmp_path / 'p.mcap').exists()
    assert (tmp_path / 'p.mcap').is_file()


def test_leaving_by_an_error_leaves_nothing(tmp_path):
    for name, storage in (('p.mcap', 'mcap'), ('p.db3', 'sqlite3'), ('m', 'mcap')):
        with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / name, storage) as writer:
            writer.write_raw('/camera', IMAGE, image(0, START), START)
            raise ZeroDivisionError
        assert list(tmp_path.iterdir()) == []


def test_what_is_there_already(tmp_path):
    assert write(tmp_path / 'p.mcap', 'mcap', 1) == write(tmp_path / 'p.mcap', 'mcap', 2)
    assert open_source(tmp_path / 'p.mcap', '/camera').count() == 2
    write(tmp_path / 'm', 'mcap', 1)
    with pytest.raises(VideoError, match='exists already'):
        BagWriter(tmp_path / 'm')
    (tmp_path / 'd.mcap').mkdir()
    with pytest.raises(VideoError, match='is a folder'):
        BagWriter(tmp_path / 'd.mcap')


def test_a_bag_without_messages_is_still_a_bag(tmp_path):
    for name, storage in TARGETS:
        with BagWriter(tmp_path / name, storage):
            pass
        with pytest.raises(VideoError, match='no image topic'):
            open_source(tmp_path / name)


def test_memory_stays_bounded_and_large_bags_are_chunked(tmp_path):
    path = tmp_path / 'p.mcap'
    with BagWriter(path) as writer:
        for number in range(3000):
            writer.write_raw('/camera', IMAGE, image(number % 3, START + number), START + number)
    assert path.read_bytes().count(b'zstd') > 2
    assert open_source(path).count() == 3000


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (('/a', 'no_msgs/msg/Such', b'\0' * 8, 0), 'no definition of no_msgs/msg/Such'),
        (('/a', 'x_msgs/msg/X', b'\0' * 8, 0, 'Unknown field\n'), 'not whole'),
        (('/a', 'x_msgs/msg/X', b'\0' * 8, 0, '?? ??'), 'not whole'),
        (('/a', IMAGE, b'\0' * 8, -1), 'negative'),
    ],
)
def test_what_cannot_be_written(tmp_path, arguments, says):
    with pytest.raises(VideoError, match=says) as caught, BagWriter(tmp_path / 'p.mcap') as writer:
        writer.write_raw(*arguments)
    assert '\n' not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_topic_has_one_type(tmp_path):
    with pytest.raises(VideoError, match='does not go there'), BagWriter(tmp_path / 'b') as writer:
        writer.write_raw('/a', IMAGE, image(0, START), START)
        writer.write_raw('a', COMPRESSED, compressed(0, START), START)


def test_unknown_storage(tmp_path):
    with pytest.raises(VideoError, match='mcap or sqlite3'):
        BagWriter(tmp_path / 'b', 'rosdb')


def test_a_definition_needs_every_type_it_is_made_of():
    only = {'tkn_ros/msg/KeypointFrame': TEXTS['tkn_ros/msg/KeypointFrame']}
    with pytest.raises(VideoError, match='no definition of tkn_ros/msg/KeypointFrame'):
        message_definition('tkn_ros/msg/KeypointFrame', only)
    with pytest.raises(VideoError, match='a/msg/B'):
        message_definition('a/msg/B', {'a/msg/B': '?? ??'})
