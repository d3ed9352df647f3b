"""KTH, Human3.6M, Moving MNIST and folders of anything."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from small_models import moving_square
from train_help import write_avi, write_clips

import tkn_ros.synthetic
from tkn_ros.datasets import moving_mnist
from tkn_ros.datasets.clips import load_clips
from tkn_ros.datasets.find import absolute, find_recordings, knows_split
from tkn_ros.datasets.human36m import human36m_recordings
from tkn_ros.datasets.kth import kth_recordings
from tkn_ros.datasets.moving_mnist import DIGIT, MovingMnist, read_digits
from tkn_ros.video.frame import VideoError
from tkn_ros.video.writers import write_image, write_video

DATA = Path(__file__).parents[2] / 'shared/data'


@pytest.fixture
def kth(tmp_path):
    folder = tmp_path / 'kth'
    for name, count in (
        ('person16_walking_d1', 30),
        ('person17_walking_d1', 30),
        ('person01_boxing_d3', 20),
    ):
        write_avi(folder / f'{name}_uncomp.avi', count)
    (folder / 'person02_notes.avi').write_bytes(b'')  # not of the data set
    (folder / '00sequences.txt').write_text(
        'Persons and frames\n\nperson01_boxing_d3\t\tframes\t1-5, 8-12, 13-99\n'
        'person16_walking_d1\tframes 1-10, 11-20, 21-30\nperson17_walking_d1\tframes\t1-15,16-30\n'
    )
    return folder


def test_kth_files_and_their_sequences(kth):
    boxing, train, test = kth_recordings(kth)
    assert [r.name for r in (boxing, train, test)] == [
        'person01_boxing_d3_uncomp',
        'person16_walking_d1_uncomp',
        'person17_walking_d1_uncomp',
    ]
    assert boxing.ranges == ((0, 5), (7, 12), (12, 99))  # the file counts from 1, ends included
    assert (boxing.label, boxing.subject, boxing.split) == ('boxing', 'person01', 'train')
    assert (train.label, train.split, test.split) == ('walking', 'train', 'test')


def test_kth_splits(kth, tmp_path):
    said = []
    train = load_clips([kth], 32, 32, tmp_path / 'cache', 'train', say=said.append)
    test = load_clips([kth], 32, 32, tmp_path / 'cache', 'test', say=said.append)
    assert [(c.label, len(c)) for c in train] == [
        ('boxing', 5),
        ('boxing', 5),
        ('boxing', 8),
        ('walking', 10),
        ('walking', 10),
        ('walking', 10),
    ]
    assert [(c.label, len(c), c.subject) for c in test] == [('walking', 15, 'person17')] * 2
    whole = load_clips([kth / 'person16_walking_d1_uncomp.avi'], 32, 32, tmp_path / 'cache')
    assert np.array_equal(np.concatenate([c.frames for c in train[3:]]), whole[0].frames)
    assert said == []
    assert knows_split(kth) and not knows_split(kth / 'person01_boxing_d3_uncomp.avi')
    for path in (*kth.glob('person01*.avi'), *kth.glob('person16*.avi')):
        path.unlink()
    with pytest.raises(VideoError, match=r'no clip to use in .*kth \(split "train"\); give other'):
        load_clips([kth], 32, 32, tmp_path / 'cache', 'train')


def test_kth_without_persons_for_testing_holds_out_the_last_sequences_and_says_so(kth, tmp_path):
    (kth / 'person17_walking_d1_uncomp.avi').unlink()
    said = []
    train, test = (
        load_clips([kth], 32, 32, tmp_path / 'cache', split, say=said.append)
        for split in ('train', 'test')
    )
    assert [c.name[-8:] for c in test] == [' [12:20]', ' [20:30]']
    assert not {c.name for c in train} & {c.name for c in test} and len(train) == 4
    assert len(said) == 2 and "not on the data set's own split" in said[0]


def test_kth_in_a_folder_for_each_class_and_without_its_list(kth, tmp_path):
    for path in kth.glob('*_uncomp.avi'):
        action = path.name.split('_')[1]
        (kth / action).mkdir(exist_ok=True)
        path.rename(kth / action / path.name)
    assert [len(r.ranges) for r in kth_recordings(kth)] == [3, 3, 2]
    assert [len(r.ranges) for r in kth_recordings(kth / 'boxing')] == [3]  # the list is one up
    (kth / '00sequences.txt').write_text('nothing')
    with pytest.raises(VideoError, match='no line as "person01_boxing_d1 frames'):
        kth_recordings(kth)
    (kth / '00sequences.txt').unlink()
    assert [r.ranges for r in kth_recordings(kth)] == [((0, None),)] * 3


@pytest.mark.skipif(not (DATA / 'kth').is_dir(), reason='no ../shared/data/kth here')
def test_the_real_kth_files(tmp_path):
    recordings = find_recordings(DATA / 'kth')
    assert [r.label for r in recordings] == ['boxing', 'handwaving']
    assert recordings[0].ranges == ((0, 95), (95, 185), (185, 245), (245, 360))
    clips = load_clips([DATA / 'kth'], 64, 64, tmp_path)
    assert [len(c) for c in clips] == [95, 90, 60, 115, 112, 108, 140, 108]


def test_human36m(tmp_path):
    folder = tmp_path / 'h36m'
    for name in (
        'S1/Videos/Walking 1.54138969.mp4',
        'S9/Videos/WalkDog.55011271.mp4',
        'S11/MySegmentsMat/mask.mp4',
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(folder / name, moving_square(5), 50)
    for i in range(3):
        write_image(folder / f'S11/s_11_act_02_subact_01_ca_01/{i}.jpg', moving_square(3)[i])
    (folder / 'S2').mkdir()
    recordings = human36m_recordings(folder)
    assert [(r.subject, r.label, r.split) for r in recordings] == [
        ('S1', 'Walking', 'train'),
        ('S9', 'WalkDog', 'test'),
        ('S11', 'act_02', 'test'),
    ]
    train = load_clips([folder], 32, 32, tmp_path / 'cache', 'train')
    test = load_clips([folder], 32, 32, tmp_path / 'cache', 'test')
    assert [len(c) for c in train] == [5] and [len(c) for c in test] == [5, 3]
    with pytest.raises(VideoError, match='hold neither videos'):
        human36m_recordings(_empty(tmp_path))


def _empty(tmp_path):
    (tmp_path / 'empty/S1').mkdir(parents=True)
    return tmp_path / 'empty'


@pytest.fixture
def digits(tmp_path):
    """Ten full squares of different brightness, as MNIST stores them."""
    images = np.repeat(np.arange(100, 200, 10, dtype=np.uint8), DIGIT * DIGIT)
    path = tmp_path / 't10k-images-idx3-ubyte.gz'
    path.write_bytes(gzip.compress(struct.pack('>4I', 2051, 10, DIGIT, DIGIT) + images.tobytes()))
    return path


def test_moving_mnist(digits, tmp_path):
    source = MovingMnist(digits, clips=2, seed=5)
    frames = np.stack([f.image for f in source])
    assert frames.shape == (40, 64, 64, 3)
    assert np.array_equal(frames, np.stack([f.image for f in source]))  # by the seed alone
    assert not np.array_equal(frames[:20], frames[20:])
    for clip in (frames[:20], frames[20:]):
        area = (clip[..., 0] > 0).sum((1, 2))
        assert (area >= DIGIT**2).all() and (area <= 2 * DIGIT**2).all()  # never cut off
        assert (np.abs(np.diff(clip.astype(int), axis=0)).sum((1, 2, 3)) > 0).all()
    (recording,) = find_recordings(digits.parent)
    assert len(recording.ranges) == 1000 and recording.ranges[1] == (20, 40)


def test_digits_that_are_none(digits, tmp_path):
    data = digits.read_bytes()
    for i, bad in enumerate((data[: len(data) // 2], gzip.compress(b'x' * 30), b'')):
        path = tmp_path / f'bad{i}.gz'
        path.write_bytes(bad)
        with pytest.raises(VideoError, match='no whole file of MNIST images'):
            read_digits(path)


@pytest.mark.skipif(not (DATA / 'benchmark/mnist').is_dir(), reason='no ../shared/data here')
def test_real_digits():
    assert read_digits(DATA / 'benchmark/mnist/t10k-images-idx3-ubyte.gz').shape == (10000, 28, 28)


def test_a_folder_of_anything_is_searched(tmp_path):
    write_clips(tmp_path / 'data/arrays', 2)
    write_video(tmp_path / 'data/film.mp4', moving_square(6), 25)
    for i in range(3):
        write_image(tmp_path / f'data/deep/images/{i}.png', moving_square(3)[i])
    (tmp_path / 'data/notes.txt').write_text('none of these')
    names = [
        str(Path(r.name).relative_to(tmp_path / 'data')) for r in find_recordings(tmp_path / 'data')
    ]
    assert names == ['arrays/clip0.npy', 'arrays/clip1.npy', 'deep/images', 'film.mp4']
    (tmp_path / 'none').mkdir()
    with pytest.raises(VideoError, match='nothing in this folder is a video'):
        find_recordings(tmp_path / 'none')
    with pytest.raises(VideoError, match='no such file or folder'):
        find_recordings(tmp_path / 'missing')


def test_rendered_clips_are_kept_only_as_long_as_the_code_that_draws_them(
    digits, tmp_path, monkeypatch
):
    def identities():
        return [find_recordings(spec)[0].identity for spec in ('synthetic:2', digits)]

    before = identities()
    assert identities() == before
    source = tmp_path / 'source'
    shutil.copytree(Path(tkn_ros.synthetic.__file__).parent, source)
    digits_source = Path(shutil.copy(moving_mnist.__file__, tmp_path))
    monkeypatch.setattr(tkn_ros.synthetic, '__file__', str(source / '__init__.py'))
    monkeypatch.setattr(moving_mnist, '__file__', str(digits_source))
    assert identities() == before
    for path in (*sorted(source.glob('*.py')), digits_source):
        with open(path, 'a') as file:
            file.write('\n')
        changed = identities()
        differ = [one != other for one, other in zip(before, changed)]
        assert differ == [path != digits_source, path == digits_source], path
        before = changed


def test_paths_of_data_hold_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('clips', 'synthetic', '0'):
        (tmp_path / name).mkdir()
    (tmp_path / 'link').symlink_to('clips')
    assert absolute('clips/../clips') == absolute(tmp_path / 'clips') == f'{tmp_path}/clips'
    assert absolute('link') == f'{tmp_path}/link'  # another machine's may lead elsewhere
    assert absolute('0') == f'{tmp_path}/0' and absolute('1') == '1'  # a camera
    for spec in ('synthetic', 'synthetic:3', 'synthetic:3:4', 'glyphs:3', 'missing'):
        assert absolute(spec) == spec


@pytest.mark.parametrize(
    'array, said',
    [
        (np.zeros((3, 8, 8), np.uint8), 'holds uint8'),
        (np.zeros((3, 8, 8, 3)), 'holds float64'),
        (None, 'not a whole NumPy file'),
    ],
)
def test_arrays_that_are_no_frames(tmp_path, array, said):
    path = tmp_path / 'a.npy'
    if array is None:
        path.write_bytes(b'')
    else:
        np.save(path, array)
    with pytest.raises(VideoError, match=said):
        load_clips([path], 32, 32, tmp_path / 'cache')
    assert find_recordings(path)[0].name == str(path)
