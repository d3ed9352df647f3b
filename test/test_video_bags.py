"""Rosbags of both storages, all compressions and ROS 1, written and read back."""

import re

import numpy as np
import pytest
from bag_help import (
    COMPRESSED,
    IMAGE,
    START,
    STORE,
    STORE1,
    compressed,
    image,
    images,
    picture,
    stamp_of,
    write_bag,
)
from rosbags import rosbag1, rosbag2
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from tkn_ros.video.bags import BagSource
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source


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


@pytest.mark.parametrize('mode', [CompressionMode.NONE, CompressionMode.STORAGE])
def test_a_bag_whose_recording_was_cut_off(tmp_path, mode):
    """What is there is read, and what is lost is said: by file, and through its folder."""
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, images(4000))}, StoragePlugin.MCAP, mode)
    bare = path / 'bag.mcap'
    whole = bare.read_bytes()
    bare.write_bytes(whole[: len(whole) * 3 // 4])
    for name in (bare, path):
        source = open_source(name)
        frames = list(source)
        assert 1000 < len(frames) < 4000
        assert np.array_equal(frames[-1].image, picture(len(frames) - 1))
        assert re.search(r'bag.mcap breaks off: its last \d+ of \d+ bytes', source.bad_frames[-1])
    (path / 'metadata.yaml').unlink()
    assert len(list(open_source(path))) == len(frames)


def test_a_split_recording_without_metadata_and_with_a_lost_part(tmp_path):
    """Its files one after the other, by number; the empty one is named."""
    path = tmp_path / 'bag'
    path.mkdir()
    for number, part in ((2, images()[:2]), (10, images()[2:])):
        written = write_bag(tmp_path / f'part_{number}', {'/camera': (IMAGE, part)})
        (written / f'part_{number}.db3').rename(path / f'part_{number}.db3')
    check(open_source(path))
    (path / 'part_3.db3').write_bytes(b'')
    source = open_source(path)
    assert len(list(source)) == 5
    assert 'part_3.db3' in source.bad_frames[-1]


def test_messages_as_a_subscriber_gets_them(tmp_path):
    """In the order of recording, of any size, and the damaged ones too."""
    messages = images(5)
    messages[1] = (messages[1][0], b'\x00\x01\x00\x00')
    messages[2] = (messages[2][0], image(2, stamp_of(0), size=(6, 8)))
    path = write_bag(tmp_path / 'bag', {'/camera': (IMAGE, messages)})
    found = list(open_source(path).messages())
    assert [m.logged_ns for m in found] == [log for log, _ in messages]
    assert [bool(m.error) for m in found] == [False, True, False, False, False]
    assert found[2].message.width == 8


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
