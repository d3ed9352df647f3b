"""Rosbags of both storages, all compressions and ROS 1, written and read back."""

import cv2
import numpy as np
import pytest
from rosbags import rosbag1, rosbag2
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.typesys import Stores, get_typestore

from tkn_ros.video.bags import BagSource
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source

STORE = get_typestore(Stores.ROS2_JAZZY)
STORE1 = get_typestore(Stores.ROS1_NOETIC)
IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
START = 1_700_000_000_000_000_000
PERIOD = 40_000_000


def picture(number, size=(12, 16)):
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


def fields(store, stamp, seq=0):
    time = store.types['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9)
    more = {'seq': seq} if store is STORE1 else {}
    return store.types['std_msgs/msg/Header'](stamp=time, frame_id='camera', **more)


def image(number, stamp, store=STORE, size=(12, 16), encoding='bgr8'):
    data = picture(number, size)[..., ::-1].copy()
    return store.types[IMAGE](
        header=fields(store, stamp),
        height=size[0],
        width=size[1],
        encoding=encoding,
        is_bigendian=0,
        step=size[1] * 3,
        data=data.reshape(-1),
    )


def compressed(number, stamp, store=STORE):
    data = cv2.imencode('.png', picture(number)[..., ::-1])[1].reshape(-1)
    return store.types[COMPRESSED](header=fields(store, stamp), format='png', data=data)


def stamp_of(number):
    return START + number * PERIOD


def write_bag(path, topics, storage=StoragePlugin.SQLITE3, mode=CompressionMode.NONE):
    """topics: {name: (msgtype, [(log time, message or bytes)])}"""
    writer = rosbag2.Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        rows = []
        for topic, (msgtype, messages) in topics.items():
            connection = writer.add_connection(topic, msgtype, typestore=STORE)
            rows += [(log, connection, message) for log, message in messages]
        for log, connection, message in sorted(rows, key=lambda row: row[0]):
            raw = (
                message
                if isinstance(message, bytes)
                else STORE.serialize_cdr(message, connection.msgtype)
            )
            writer.write(connection, log, raw)
    return path


def images(count=5, make=image, stamped=True):
    return [(stamp_of(n) + 3_000_000, make(n, stamp_of(n) if stamped else 0)) for n in range(count)]


def check(source, count=5, stamp=stamp_of, frame_id='camera'):
    frames = list(source)
    assert [f.stamp_ns for f in frames] == [stamp(n) for n in range(count)]
    assert {f.frame_id for f in frames} == {frame_id}
    assert all(np.array_equal(f.image, picture(n)) for n, f in enumerate(frames))
    assert (source.height, source.width, source.bad_count) == (12, 16, 0)
    assert source.fps == pytest.approx(25)


@pytest.mark.parametrize(
    ('storage', 'mode'),
    [
        *((StoragePlugin.MCAP, mode) for mode in CompressionMode),
        *((StoragePlugin.SQLITE3, mode) for mode in list(CompressionMode)[:3]),  # no chunks in it
    ],
)
@pytest.mark.parametrize(('msgtype', 'make'), [(IMAGE, image), (COMPRESSED, compressed)])
def test_every_storage_and_compression(tmp_path, storage, mode, msgtype, make):
    path = write_bag(tmp_path / 'bag', {'/camera': (msgtype, images(make=make))}, storage, mode)
    with open_source(path) as source:
        assert isinstance(source, BagSource) and source.topic == '/camera'
        check(source)
        check(source)  # from the start again
        assert [f.stamp_ns for f in source.frames(1, 3)] == [stamp_of(1), stamp_of(2)]
    if mode == CompressionMode.FILE:
        part = next(path.glob('*.zstd'))
        with pytest.raises(VideoError, match='pass its folder'):
            open_source(part)
        return
    bare = next(p for p in path.iterdir() if p.suffix in ('.db3', '.mcap'))
    check(open_source(bare))
    (path / 'metadata.yaml').unlink()
    check(open_source(path))


def test_a_recording_in_several_files(tmp_path):
    """rosbag2 splits long ones; the metadata lists the parts."""
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, images()[:3])})
    rest = write_bag(tmp_path / 'rest', {'/camera': (IMAGE, images()[3:])})
    (rest / 'rest.db3').rename(path / 'bag_1.db3')
    metadata = (path / 'metadata.yaml').read_text()
    metadata = metadata.replace('  - bag.db3\n', '  - bag.db3\n  - bag_1.db3\n', 1)
    (path / 'metadata.yaml').write_text(metadata)
    check(open_source(path))


@pytest.mark.parametrize(('msgtype', 'make'), [(IMAGE, image), (COMPRESSED, compressed)])
def test_ros1(tmp_path, msgtype, make):
    path = tmp_path / 'old.bag'
    with rosbag1.Writer(path) as writer:
        connection = writer.add_connection('/camera', msgtype, typestore=STORE1)
        for number in range(5):
            message = make(number, stamp_of(number), STORE1)
            writer.write(connection, stamp_of(number), STORE1.serialize_ros1(message, msgtype))
    check(open_source(path))
    check(open_source(path, topic='camera'))


def test_without_header_stamps_the_time_of_recording_counts(tmp_path):
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, images(stamped=False))})
    check(open_source(path), stamp=lambda n: stamp_of(n) + 3_000_000)


def test_a_late_message_takes_its_place(tmp_path):
    order = [0, 2, 1, 3, 4]
    messages = [(START + i, image(n, stamp_of(n))) for i, n in enumerate(order)]
    check(open_source(write_bag(tmp_path / 'bag', {'/camera': (IMAGE, messages)})))


def test_damaged_messages_are_passed_over_and_counted(tmp_path):
    messages = images(7)
    whole = bytes(STORE.serialize_cdr(image(9, START), IMAGE))
    messages[1] = (messages[1][0], whole[:60])
    messages[2] = (messages[2][0], b'\x00\x01\x00\x00' + b'\xff' * 80)
    messages[3] = (messages[3][0], image(3, stamp_of(3), encoding='strange'))
    messages[4] = (messages[4][0], image(4, stamp_of(4), size=(6, 8)))
    source = open_source(write_bag(tmp_path / 'bag', {'/camera': (IMAGE, messages)}))
    for _ in range(2):
        assert [f.stamp_ns for f in source] == [stamp_of(n) for n in (0, 5, 6)]
        assert source.bad_count == len(source.bad_frames) == 4
        assert any('strange' in reason for reason in source.bad_frames)
        assert any('8x6, not 16x12' in reason for reason in source.bad_frames)


def test_reasons_are_capped_but_all_are_counted(tmp_path):
    messages = images(1) + [(stamp_of(n), b'\x00\x01\x00\x00') for n in range(1, 60)]
    source = open_source(write_bag(tmp_path / 'bag', {'/camera': (IMAGE, messages)}))
    assert source.count() == 1
    assert source.bad_count == 59 and len(source.bad_frames) == 20


def test_no_damage_to_a_message_ends_the_reading(tmp_path):
    """Hundreds of messages with a few bytes of their fields overwritten, among whole ones."""
    rng = np.random.default_rng(0)
    raw = np.frombuffer(STORE.serialize_cdr(image(1, stamp_of(1)), IMAGE), np.uint8)
    messages = images(600)
    for number in range(1, 599):
        if number % 2:
            damaged = raw.copy()
            damaged[rng.integers(0, 70, rng.integers(1, 9))] = rng.integers(0, 256)
            messages[number] = (messages[number][0], damaged.tobytes())
    source = open_source(write_bag(tmp_path / 'bag', {'/camera': (IMAGE, messages)}))
    whole = {stamp_of(n) for n in range(0, 599, 2)} | {stamp_of(599)}
    stamps = [f.stamp_ns for f in source]
    assert whole <= set(stamps)
    assert source.bad_count + len(stamps) == 600 and source.bad_count > 50


def test_a_topic_must_be_chosen_among_several(tmp_path):
    path = write_bag(
        tmp_path / 'bag',
        {
            '/left': (IMAGE, images()),
            '/right/compressed': (COMPRESSED, images(make=compressed)),
            '/chatter': ('std_msgs/msg/String', []),
        },
    )
    with pytest.raises(VideoError, match=r'pass TOPIC=.*: /left, /right/compressed'):
        open_source(path)
    check(open_source(path, topic='/left'))
    check(open_source(path, topic='right/compressed'))
    with pytest.raises(VideoError, match=r'no topic /up.*image topics are /left, /right'):
        open_source(path, topic='/up')
    with pytest.raises(VideoError, match=r'/chatter is std_msgs/msg/String, not an image'):
        open_source(path, topic='/chatter')


def test_a_bag_without_images_lists_what_it_has(tmp_path):
    path = write_bag(tmp_path / 'bag', {'/chatter': ('std_msgs/msg/String', [])})
    with pytest.raises(VideoError, match=r'no image topic.*/chatter \(std_msgs/msg/String\)'):
        open_source(path)


def test_a_topic_without_a_readable_image_says_why(tmp_path):
    messages = [(START, image(0, START, encoding='strange'))]
    path = write_bag(tmp_path / 'bag', {'/a': (IMAGE, messages), '/b': (IMAGE, [])})
    with pytest.raises(VideoError, match=r"/a can be read: message 0: .*'strange'"):
        open_source(path, topic='/a')
    with pytest.raises(VideoError, match='it has no messages'):
        open_source(path, topic='/b')


def test_given_frame_rate_is_nominal_and_leaves_stamps_alone(tmp_path):
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, images())})
    source = open_source(path, fps=7)
    assert source.fps == 7
    assert [f.stamp_ns for f in source] == [stamp_of(n) for n in range(5)]
    with pytest.raises(VideoError, match='fps 0'):
        open_source(path, fps=0)


def test_one_image_has_the_default_rate(tmp_path):
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, images(1))})
    assert open_source(path).fps == 25.0


@pytest.mark.parametrize('name', ['a.bag', 'a.db3', 'a.mcap'])
@pytest.mark.parametrize('content', [b'', b'no bag at all, just some text of one line' * 9])
def test_what_is_no_bag(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=f'{name}: not a whole rosbag') as caught:
        open_source(tmp_path / name)
    assert '\n' not in str(caught.value)


def test_a_bag_whose_recording_was_cut_off(tmp_path):
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, images(50))}, StoragePlugin.MCAP)
    bare = path / 'bag.mcap'
    bare.write_bytes(bare.read_bytes()[:-500])
    with pytest.raises(VideoError, match='mcap recover'):
        open_source(path)


def test_a_bag_damaged_between_messages_gives_what_comes_before(tmp_path):
    path = write_bag(
        tmp_path / 'bag',
        {'/camera': (IMAGE, images(6000))},
        StoragePlugin.MCAP,
        CompressionMode.STORAGE,
    )
    bare = path / 'bag.mcap'
    data = bytearray(bare.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)  # within a compressed chunk
    bare.write_bytes(data)
    source = open_source(path)
    count = source.count()
    assert 1000 < count < 6000 and count == len(list(source))
    assert source.bad_count >= 1
    assert 'ends early' in source.bad_frames[-1] or 'announces' in source.bad_frames[-1]


def test_metadata_that_is_no_metadata(tmp_path):
    (tmp_path / 'metadata.yaml').write_text('a: [')
    with pytest.raises(VideoError, match='not a whole rosbag') as caught:
        open_source(tmp_path)
    assert '\n' not in str(caught.value)


def test_other_topics_of_unknown_type_do_not_matter(tmp_path):
    """A definition nobody can parse, beside images."""
    path = tmp_path / 'bag'
    with rosbag2.Writer(path, version=9) as writer:
        writer.add_connection('/odd', 'odd_msgs/msg/Odd', msgdef='???', rihs01='RIHS01_0')
        camera = writer.add_connection('/camera', IMAGE, typestore=STORE)
        for log, message in images():
            writer.write(camera, log, STORE.serialize_cdr(message, IMAGE))
    check(open_source(path))
