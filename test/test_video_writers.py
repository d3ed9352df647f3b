"""Videos, GIFs, images and bags as written are as read."""

import weakref

import av
import numpy as np
import pytest
from PIL import Image

from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.open import open_source
from tkn_ros.video.writers import VideoWriter, write_gif, write_image, write_video


def scene(number, height=48, width=64):
    y, x = np.mgrid[:height, :width]
    return np.stack([x + 4 * number, y + 4 * number, x // 2 + 4 * number], 2).astype(np.uint8)


@pytest.mark.parametrize('size', [(48, 64), (47, 63), (48, 63), (1, 1)])
@pytest.mark.parametrize('fps', [25, 29.97, 10.0, 0.5])
def test_video(tmp_path, size, fps):
    path = tmp_path / 'new' / 'a.mp4'
    assert write_video(path, (Frame(n, scene(n, *size)) for n in range(12)), fps) == 12
    source = open_source(path)
    assert source.fps == pytest.approx(fps, rel=1e-3)
    assert (source.height, source.width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    frames = list(source)
    assert len(frames) == 12 and source.bad_count == 0
    for number, frame in enumerate(frames):
        assert frame.stamp_ns == pytest.approx(number * 1e9 / fps, rel=1e-3, abs=1e6)
        error = np.abs(frame.image[: size[0], : size[1]].astype(int) - scene(number, *size))
        assert error.mean() < (3 if min(size) > 1 else 8)
        assert np.abs(frame.image[-1].astype(int) - frame.image[-2]).mean() < 8  # a copied row
    assert [p.name for p in path.parent.iterdir()] == ['a.mp4']


def test_video_is_what_every_player_shows(tmp_path):
    write_video(tmp_path / 'a.mp4', [scene(0)] * 3, 25)
    with av.open(str(tmp_path / 'a.mp4')) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ('h264', 'yuv420p')
    data = (tmp_path / 'a.mp4').read_bytes()
    assert data.index(b'moov') < data.index(b'mdat')  # starts to play before it is loaded


def test_a_video_cut_short_by_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / 'a.mp4', 25) as writer:
        writer.write(scene(0))
        assert not (tmp_path / 'a.mp4').exists()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / 'a.mp4', 25):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_video_survives_a_failed_one(tmp_path):
    path = tmp_path / 'a.mp4'
    write_video(path, [scene(0)] * 4, 25)
    with pytest.raises(VideoError, match='no frames'):
        write_video(path, [], 25)
    assert open_source(path).count() == 4
    write_video(path, [scene(0)] * 2, 25)
    assert open_source(path).count() == 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ('pictures', 'says'),
    [
        ([], 'no frames'),
        ([scene(0), scene(0, 10, 10)], r'\(10, 10, 3\)'),
        ([scene(0)[..., 0]], r'expected uint8 \(H, W, 3\)'),
        ([scene(0).astype(np.float32)], 'float32'),
        ([np.zeros((0, 4, 3), np.uint8)], 'expected uint8'),
    ],
)
@pytest.mark.parametrize('write', [write_video, write_gif])
def test_pictures_that_cannot_be_written(tmp_path, write, pictures, says):
    path = tmp_path / ('a.mp4' if write is write_video else 'a.gif')
    with pytest.raises(VideoError, match=says):
        write(path, pictures, 25)
    assert list(tmp_path.iterdir()) == []


def test_names_and_rates_that_cannot_be_written(tmp_path):
    with pytest.raises(VideoError, match=r'\.mp4'):
        write_video(tmp_path / 'a.avi', [scene(0)], 25)
    with pytest.raises(VideoError, match='fps 0'):
        write_video(tmp_path / 'a.mp4', [scene(0)], 0)
    with pytest.raises(VideoError, match='fps -1'):
        write_gif(tmp_path / 'a.gif', [scene(0)], -1)
    with pytest.raises(VideoError, match=r"'\.xyz'"):
        write_image(tmp_path / 'a.xyz', scene(0))
    with pytest.raises(VideoError, match="''"):
        write_image(tmp_path / 'a', scene(0))


@pytest.mark.parametrize(('fps', 'milliseconds'), [(25, 40), (30, 30), (10, 100), (200, 20)])
def test_gif(tmp_path, fps, milliseconds):
    path = tmp_path / 'a.gif'
    frames = (Frame(n, scene(n, 60, 80)) for n in range(40))
    assert write_gif(path, frames, fps, max_width=40) == 40
    with Image.open(path) as gif:
        assert (gif.size, gif.n_frames, gif.info['loop']) == ((40, 30), 40, 0)
        assert gif.info['duration'] == milliseconds
        for number in (0, 20, 39):
            gif.seek(number)
            got = np.asarray(gif.convert('RGB')).astype(int)
            assert np.abs(got - scene(number, 60, 80)[::2, ::2]).mean() < 8
    assert len(list(tmp_path.iterdir())) == 1


def test_gif_is_never_enlarged_and_keeps_small_marks(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(60, 120, (60, 80, 3), np.uint8) for _ in range(3)]
    for frame in frames:
        frame[10:12, 10:12] = (255, 0, 0)
    write_gif(tmp_path / 'a.gif', frames, 25)
    with Image.open(tmp_path / 'a.gif') as gif:
        assert gif.size == (80, 60)
        red = np.asarray(gif.convert('RGB'))[11, 11].astype(int)
        assert np.abs(red - [255, 0, 0]).max() < 20


def test_video_is_written_one_frame_at_a_time(tmp_path):
    """While the writer asks for frame n, frames long before it are gone."""
    refs = []
    most = 0

    def frames():
        nonlocal most
        for number in range(30):
            image = scene(number)
            refs.append(weakref.ref(image))
            yield image
            del image
            most = max(most, sum(r() is not None for r in refs))

    write_video(tmp_path / 'a.mp4', frames(), 25)
    assert most <= 2


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.jpg'])
def test_image(tmp_path, suffix):
    path = tmp_path / 'new' / f'a{suffix}'
    write_image(path, scene(3))
    got = np.asarray(Image.open(path).convert('RGB')).astype(int)
    assert np.abs(got - scene(3)).max() <= (12 if suffix == '.jpg' else 0)
    assert len(list(path.parent.iterdir())) == 1
