"""Prepared clips: decoded once, whole or not there, and never a stale one."""

import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_models import moving_square
from train_help import write_avi, write_clips

from tkn_ros.datasets import prepared
from tkn_ros.datasets.clips import load_clips, long_enough
from tkn_ros.datasets.find import find_recordings
from tkn_ros.datasets.prepared import default_folder, prepare
from tkn_ros.datasets.recording import Recording
from tkn_ros.video.bag_writer import BagWriter, image_serialiser
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import Source
from tkn_ros.video.writers import write_image, write_video


class Counted(Source):
    """Frames with given stamps; counts how often it is read."""

    reads = 0

    def __init__(self, images, stamps=None, breaks_at=None):
        super().__init__('counted')
        self.images, self.breaks_at = images, breaks_at
        self.stamps = stamps or [i * 40_000_000 for i in range(len(images))]
        self.fps, (self.height, self.width) = 25.0, images.shape[1:3]

    def _read(self):
        Counted.reads += 1
        for i, (stamp, image) in enumerate(zip(self.stamps, self.images)):
            if i == self.breaks_at:
                raise KeyboardInterrupt
            yield Frame(stamp, image)


def recording(images, name='counted', **source):
    return Recording(name, lambda: Counted(images, **source), {'name': name})


def test_frames_are_resized_decoded_once_and_mapped(tmp_path):
    clip = moving_square(9, 64, 96)
    before = Counted.reads
    first, second = (prepare(recording(clip), 32, 48, tmp_path) for _ in range(2))
    assert Counted.reads == before + 1
    expected = np.stack([cv2.resize(f, (48, 32), interpolation=cv2.INTER_AREA) for f in clip])
    for kept in (first, second):
        assert np.array_equal(kept.frames, expected)
        assert isinstance(kept.frames, np.memmap) and not kept.frames.flags.writeable
        assert kept.fps == 25 and kept.cuts == []
    prepare(recording(clip), 16, 16, tmp_path)
    assert Counted.reads == before + 2  # another size is another clip


def test_what_an_interrupted_run_leaves_is_not_taken_for_whole(tmp_path):
    clip = moving_square(9)
    with pytest.raises(KeyboardInterrupt):
        prepare(recording(clip, breaks_at=5), 32, 32, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(prepare(recording(clip), 32, 32, tmp_path).frames) == 9


def damage_bytes(npy: Path):
    data = bytearray(npy.read_bytes())
    data[-100] ^= 1
    npy.write_bytes(data)


def cut_frames(npy: Path):
    npy.write_bytes(npy.read_bytes()[:-5000])


def lose_manifest(npy: Path):
    npy.with_suffix('.json').unlink()


def spoil_manifest(npy: Path):
    npy.with_suffix('.json').write_text('{"frames": 9')


@pytest.mark.parametrize('damage', [damage_bytes, cut_frames, lose_manifest, spoil_manifest])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    clip = moving_square(9)
    prepare(recording(clip), 32, 32, tmp_path)
    (npy,) = tmp_path.glob('*.npy')
    damage(npy)
    before = Counted.reads
    assert np.array_equal(prepare(recording(clip), 32, 32, tmp_path).frames, clip)
    assert Counted.reads == before + 1
    assert sorted(p.suffix for p in tmp_path.iterdir()) == ['.json', '.npy']


def test_the_manifest_says_what_the_frames_are(tmp_path):
    prepare(recording(moving_square(9)), 32, 32, tmp_path)
    about = json.loads(next(tmp_path.glob('*.json')).read_text())
    assert about['frames'] == 9 and about['source'] == 'counted' and len(about['sha256']) == 64
    assert about['settings']['height'] == 32


def test_a_changed_source_is_read_again(tmp_path):
    clips = tmp_path / 'clips'
    (path,) = write_clips(clips, 1)
    one = load_clips([path], 32, 32, tmp_path / 'cache')[0].frames
    np.save(path, 255 - np.load(path))
    os.utime(path, ns=(time.time_ns(), os.stat(path).st_mtime_ns + 10**9))
    other = load_clips([path], 32, 32, tmp_path / 'cache')[0].frames
    assert np.array_equal(other, 255 - one)
    folder = clips / 'images'
    for i in range(3):
        write_image(folder / f'{i}.png', moving_square(3)[i])
    assert len(load_clips([folder], 32, 32, tmp_path / 'cache')[0]) == 3
    write_image(folder / '3.png', moving_square(4)[3])
    assert len(load_clips([folder], 32, 32, tmp_path / 'cache')[0]) == 4


def test_time_that_jumps_divides_a_clip(tmp_path):
    stamps = [i * 40_000_000 for i in range(12)]
    stamps[5:] = [s + 2_000_000_000 for s in stamps[5:]]
    prepared = prepare(recording(moving_square(12), stamps=stamps), 32, 32, tmp_path)
    assert prepared.cuts == [5]


def test_no_more_than_a_few_frames_are_in_memory(tmp_path):
    """150 frames of 640x480 are 138 MB; a long bag must not cost more than a short one."""
    import tracemalloc

    frame = np.zeros((480, 640, 3), np.uint8)

    class Long(Source):
        fps, height, width = 25.0, 480, 640

        def _read(self):
            for i in range(150):
                yield Frame(i * 40_000_000, frame.copy())

    tracemalloc.start()
    try:
        prepared = prepare(Recording('long', lambda: Long('long'), {}), 64, 64, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(prepared.frames) == 150 and peak < 30e6


def test_a_recording_without_a_frame_is_refused(tmp_path):
    with pytest.raises(VideoError, match='empty: no frame can be read; leave it out'):
        prepare(recording(moving_square(3)[:0], 'empty'), 32, 32, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_usual_folder(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_folder() == tmp_path / 'tkn_ros'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert default_folder() == tmp_path / '.cache/tkn_ros'


def image_message(image, stamp_ns):
    """A sensor_msgs/Image, serialised."""
    return image_serialiser()(image, stamp_ns)


def test_a_truncated_video_and_a_corrupt_message_are_reported_and_passed_over(tmp_path):
    clip = moving_square(40, 64, 64)
    write_video(tmp_path / 'whole.mp4', clip, 25)
    folder = tmp_path / 'data'
    folder.mkdir()
    write_avi(folder / 'cut.avi', 40)
    data = (folder / 'cut.avi').read_bytes()
    (folder / 'cut.avi').write_bytes(data[: len(data) // 2])
    with BagWriter(folder / 'bag.mcap') as bag:
        for i, image in enumerate(clip):
            raw = image_message(image, i * 40_000_000)
            bag.write_raw(
                '/image', 'sensor_msgs/msg/Image', raw[:50] if i == 7 else raw, i * 40_000_000
            )
    (folder / 'broken.mp4').write_bytes((tmp_path / 'whole.mp4').read_bytes()[:200])
    said = []
    clips = load_clips([folder], 32, 32, tmp_path / 'cache', say=said.append)
    assert [Path(c.name).name for c in clips] == ['bag.mcap', 'cut.avi']
    assert len(clips[0]) == 39 and 10 <= len(clips[1]) < 40
    assert all('\n' not in line for line in said)
    assert 'bag.mcap: 1 damaged places were skipped (first: message 7' in said[0]
    assert said[1].startswith('left out: ') and 'broken.mp4: ' in said[1]
    assert 'cut.avi: 2 damaged places were skipped (first: packet' in said[2]
    again = []
    load_clips([folder], 32, 32, tmp_path / 'cache', say=again.append)
    assert again == said  # the cache remembers
    with pytest.raises(VideoError, match='broken.mp4'):
        load_clips([folder / 'broken.mp4'], 32, 32, tmp_path / 'cache')


def test_why_there_is_nothing_to_use_is_said_where_there_is_one_reason(tmp_path):
    folder, said = tmp_path / 'bags', []
    folder.mkdir()
    for name in ('a', 'b'):
        with BagWriter(folder / f'{name}.mcap') as bag:
            for topic in ('/left', '/right'):
                bag.write_raw(
                    topic, 'sensor_msgs/msg/Image', image_message(moving_square(1)[0], 0), 0
                )
    with pytest.raises(VideoError) as error:
        load_clips([folder], 32, 32, tmp_path / 'cache', 'train', say=said.append)
    assert len(said) == 2
    assert str(error.value) == (
        f'no clip to use in {folder}: 2 image topics, pass --topic with one of them: /left, /right'
    )
    (folder / 'b.mcap').write_bytes(b'')
    with pytest.raises(VideoError, match='no clip to use in .*bags; give other data$'):
        load_clips([folder], 32, 32, tmp_path / 'cache', 'train', say=said.append)
    assert len(load_clips([folder], 32, 32, tmp_path / 'cache', topic='left', say=said.append)) == 1


def test_clips_that_are_too_short_are_named(tmp_path):
    paths = [*write_clips(tmp_path / 'long', 1, 24), *write_clips(tmp_path / 'short', 1, 5)]
    clips = load_clips(paths, 32, 32, tmp_path / 'cache')
    said = []
    good = long_enough(clips, 8, 'window 4 + horizon 4', said.append)
    assert [len(c) for c in good] == [24]
    assert said == [
        f'left out as too short: {paths[1]} (5 frames); 8 frames are needed (window 4 + horizon 4)'
    ]
    with pytest.raises(VideoError, match=r'too short: .*clip0.npy \(5 frames\); at least 8 frames'):
        long_enough(clips[1:], 8, 'window 4 + horizon 4')


def test_a_part_of_each_recording(tmp_path):
    paths = write_clips(tmp_path / 'clips', 2, 20)
    first = load_clips(paths, 32, 32, tmp_path / 'cache', part=(0.0, 0.6))
    rest = load_clips(paths, 32, 32, tmp_path / 'cache', part=(0.6, 1.0))
    for a, b, path in zip(first, rest, paths):
        assert np.array_equal(np.concatenate([a.frames, b.frames]), np.load(path))
        assert len(a) == 12
    with pytest.raises(VideoError, match='part is 0.6:0.4'):
        load_clips(paths, 32, 32, tmp_path / 'cache', part=(0.6, 0.4))


def test_a_cache_that_cannot_be_read_back_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(prepared, '_checksum', lambda path: 'another')  # a disk that lies
    with pytest.raises(OSError, match='cannot be read back'):
        prepare(recording(moving_square(3)), 32, 32, tmp_path)


def test_a_live_camera_is_refused():
    with pytest.raises(VideoError, match='a live camera has no end; record it first'):
        find_recordings('/dev/video99')
