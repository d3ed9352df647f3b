"""Video files and image folders, read back from files made on the spot."""

import struct

import av
import cv2
import numpy as np
import pytest
from video_help import make_video, scene, write_images

from tkn_ros.video.files import ImageFolder, VideoFile, natural_key
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.open import open_source


@pytest.mark.parametrize(
    ('name', 'codec', 'pix_fmt', 'tolerance'),
    [
        ('a.mp4', 'libx264', 'yuv420p', 2),
        ('a.mkv', 'libx264', 'yuv420p', 2),
        ('a.mkv', 'ffv1', 'bgr0', 0),
        ('a.avi', 'mpeg4', 'yuv420p', 2),
        ('a.avi', 'mjpeg', 'yuvj420p', 3),
        ('raw.avi', 'rawvideo', 'bgr24', 0),  # crashes OpenCV 5.0's own reader
    ],
)
def test_every_frame_of_a_video_file(tmp_path, name, codec, pix_fmt, tolerance):
    path = make_video(tmp_path / name, codec=codec, pix_fmt=pix_fmt)
    with open_source(path) as source:
        assert isinstance(source, VideoFile)
        assert (source.fps, source.height, source.width) == (25.0, 48, 64)
        assert source.count() == 20
        for number, frame in enumerate(source):
            assert isinstance(frame, Frame) and frame.frame_id == ''
            assert frame.stamp_ns == pytest.approx(number * 40_000_000, abs=1_000_000)
            assert frame.image.dtype == np.uint8 and frame.image.flags.c_contiguous
            error = np.abs(frame.image.astype(int) - scene(number))
            assert error.mean() <= tolerance
        assert source.bad_count == 0


def test_ranges_are_those_of_the_list(tmp_path):
    source = open_source(str(make_video(tmp_path / 'a.mp4')))
    everything = list(source)
    for start, stop in ((0, 5), (3, 7), (15, None), (18, 99), (20, 30), (4, 4)):
        got = list(source.frames(start, stop))
        want = everything[start:stop]
        assert [f.stamp_ns for f in got] == [f.stamp_ns for f in want]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(got, want))
    with pytest.raises(VideoError, match='-1'):
        source.frames(-1)
    with pytest.raises(VideoError, match='5 to 3'):
        source.frames(5, 3)


def test_two_iterations_do_not_disturb_each_other(tmp_path):
    source = open_source(make_video(tmp_path / 'a.mp4'))
    steps = [b.stamp_ns - a.stamp_ns for a, b in zip(source, source.frames(1))]
    assert steps == [40_000_000] * 19


def test_reading_is_lazy(tmp_path):
    source = open_source(make_video(tmp_path / 'a.mp4'))
    assert next(iter(source)).stamp_ns == 0
    assert iter(source) is not iter(source)


def test_uneven_presentation_times_are_kept(tmp_path):
    from fractions import Fraction

    pts = [100, 133, 200, 210, 400]
    path = make_video(
        tmp_path / 'a.mkv',
        count=5,
        codec='ffv1',
        pix_fmt='bgr0',
        pts=pts,
        time_base=Fraction(1, 1000),
    )
    stamps = [frame.stamp_ns for frame in open_source(path)]
    assert stamps == [(p - 100) * 1_000_000 for p in pts]
    retimed = open_source(path, fps=10)
    assert retimed.fps == 10
    assert [frame.stamp_ns for frame in retimed] == [n * 100_000_000 for n in range(5)]


@pytest.mark.parametrize('fps', [0, -1, float('nan'), float('inf'), 1e9])
def test_unusable_frame_rate(tmp_path, fps):
    path = make_video(tmp_path / 'a.mp4', count=2)
    with pytest.raises(VideoError, match='fps'):
        open_source(path, fps=fps)


def test_portrait_video_stands_upright(tmp_path):
    """Phones store it lying and ask for a quarter turn in the track header."""
    path = make_video(tmp_path / 'a.mp4', count=3)
    flat = next(iter(open_source(path))).image
    data = bytearray(path.read_bytes())
    matrix = data.index(b'tkhd') + 4 + 40  # after version, flags, times, ids, layer, volume
    one = 1 << 16
    for clockwise, values in (
        (1, (0, one, 0, -one, 0, 0, 0, 0, 1 << 30)),
        (2, (-one, 0, 0, 0, -one, 0, 0, 0, 1 << 30)),
        (3, (0, -one, 0, one, 0, 0, 0, 0, 1 << 30)),
    ):
        data[matrix : matrix + 36] = struct.pack('>9i', *values)
        turned = tmp_path / f'{clockwise}.mp4'
        turned.write_bytes(data)
        source = open_source(turned)
        frame = next(iter(source))
        assert (source.height, source.width) == frame.image.shape[:2]
        assert np.array_equal(frame.image, np.rot90(flat, -clockwise))
        assert frame.image.flags.c_contiguous


@pytest.mark.parametrize(
    ('name', 'codec', 'pix_fmt'),
    [('a.mp4', 'libx264', 'yuv420p'), ('a.avi', 'mjpeg', 'yuvj420p')],
)
def test_a_truncated_video_gives_what_it_has(tmp_path, name, codec, pix_fmt):
    from tkn_ros.video.writers import write_video

    path = tmp_path / name
    if codec == 'libx264':  # its index comes first
        rng = np.random.default_rng(0)
        write_video(path, (rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)), 25)
    else:
        make_video(path, 60, codec, pix_fmt, noise=True)
    data = path.read_bytes()
    whole = [frame.image for frame in open_source(path)]
    assert len(whole) == 60
    path.write_bytes(data[: len(data) * 6 // 10])
    source = open_source(path)
    images = [frame.image for frame in source]
    assert 25 <= len(images) < 60
    assert all(np.array_equal(a, b) for a, b in zip(images, whole))
    assert source.bad_count >= 1
    assert any('of the 60 frames it announces' in reason for reason in source.bad_frames)


def test_a_damaged_picture_is_passed_over_and_counted_again_each_time(tmp_path):
    path = make_video(tmp_path / 'a.avi', 60, 'mjpeg', 'yuvj420p', noise=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    source = open_source(path)
    for _ in range(2):
        assert source.count() == 59
        assert source.bad_count == len(source.bad_frames) == 1


def test_names_with_colons_and_percent_signs(tmp_path):
    path = make_video(tmp_path / 'a.mp4').rename(tmp_path / '12:30%d.mp4')
    assert open_source(path).count() == 20


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('a.mp4', b''),
        ('a.mp4', b'not a video'),
        ('a.avi', b'RIFF....AVI '),
        ('a.txt', b'hello\n' * 9),
    ],
)
def test_what_is_no_video(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=name) as caught:
        open_source(path)
    assert '\n' not in str(caught.value) and 'pass a video file' in str(caught.value)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / 'a.wav'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000, layout='mono')
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), 's16', 'mono')
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match='no video stream'):
        open_source(path)


def test_images_of_a_folder_in_natural_order(tmp_path):
    names = [f'frame{n}.png' for n in range(12)]
    folder = write_images(tmp_path / 'f', names)
    (folder / 'notes.txt').write_text('no image')
    (folder / '._frame0.png').write_bytes(b'left by another system')
    source = open_source(folder)
    assert isinstance(source, ImageFolder)
    assert (source.fps, source.height, source.width) == (25.0, 12, 16)
    frames = list(source)
    assert [f.stamp_ns for f in frames] == [n * 40_000_000 for n in range(12)]
    assert all(np.array_equal(f.image, scene(n, 12, 16)) for n, f in enumerate(frames))
    assert [f.stamp_ns for f in open_source(folder, fps=10).frames(2, 4)] == [2 * 10**8, 3 * 10**8]


def test_natural_order_of_names():
    names = ['a', 'a1b2', 'a1b10', 'a2', 'a02b', 'a10', 'B3', '7', '10']
    shuffled = sorted(names, reverse=True)
    assert sorted(shuffled, key=natural_key) == [
        '7',
        '10',
        'a',
        'a1b2',
        'a1b10',
        'a2',
        'a02b',
        'a10',
        'B3',
    ]


@pytest.mark.parametrize('suffix', ['jpg', 'jpeg', 'PNG', 'bmp', 'tif', 'tiff', 'webp', 'ppm'])
def test_image_formats(tmp_path, suffix):
    folder = write_images(tmp_path / 'f', [f'{n}.{suffix}' for n in range(2)])
    assert open_source(folder).count() == 2


def test_grey_images_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / '0.png'), scene(3)[..., 0])
    image = next(iter(open_source(tmp_path))).image
    assert np.array_equal(image, np.dstack([scene(3)[..., 0]] * 3))


def test_an_image_that_cannot_be_decoded_leaves_a_gap(tmp_path):
    write_images(tmp_path, ['0.png', '1.png', '2.png'])
    (tmp_path / '1.png').write_bytes(b'')
    source = open_source(tmp_path)
    assert [f.stamp_ns for f in source] == [0, 80_000_000]
    assert source.bad_frames[0].startswith('1.png cannot be decoded: its 0 bytes')


def test_an_image_of_another_size_is_an_error_that_names_it(tmp_path):
    write_images(tmp_path, ['0.png', '1.png'])
    cv2.imwrite(str(tmp_path / '2.png'), scene(0, 10, 10))
    with pytest.raises(VideoError, match=r'2\.png: 10x10 pixels, but 0\.png is 16x12'):
        list(open_source(tmp_path))


def test_folders_without_frames(tmp_path):
    with pytest.raises(VideoError, match='it is empty'):
        open_source(tmp_path)
    (tmp_path / 'clip.mp4').write_bytes(b'')
    with pytest.raises(VideoError, match=r'neither images nor a rosbag.*clip\.mp4'):
        open_source(tmp_path)
    (tmp_path / '0.png').write_bytes(b'no image')
    with pytest.raises(VideoError, match='none of its 1 images'):
        open_source(tmp_path)


def test_missing_path_lists_what_would_do(tmp_path):
    with pytest.raises(VideoError, match='no such file or folder; pass a video') as caught:
        open_source(tmp_path / 'nothing.mp4')
    assert 'nothing.mp4' in str(caught.value)
