"""`tkn predict`: what had been predicted for each moment of a recording, as a file."""

import numpy as np
import pytest
from small_models import KEYPOINTS, WINDOW, moving_square, repeat_last_model, small_model

from tkn_ros.cli import main
from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.streaming.keypoint_rows import predict_keypoints
from tkn_ros.streaming.predict_video import predict_frames
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.files import ImageFolder
from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.open import open_source
from tkn_ros.video.source import Source
from tkn_ros.video.writers import write_image

FRAMES, HORIZON = 15, 3
PERIOD = 40_000_000


class Frames(Source):
    """Given pictures at given times."""

    def __init__(self, images, stamps=None):
        super().__init__('frames')
        self._all = list(zip(stamps or range(0, len(images) * PERIOD, PERIOD), images))
        self.fps, (self.height, self.width) = 25.0, images.shape[1:3]

    def _read(self):
        for stamp, image in self._all:
            yield Frame(stamp, image)


def test_every_moment_after_the_first_window_has_its_prediction():
    clip, model = moving_square(FRAMES, 48, 64), small_model()
    shown = list(predict_frames(model, Frames(clip), HORIZON))
    assert [s.number for s in shown] == list(range(WINDOW, FRAMES + HORIZON))
    assert [s.at_ns for s in shown] == [n * PERIOD for n in range(WINDOW, FRAMES + HORIZON)]
    for s in shown:
        ahead = (s.at_ns - s.from_ns) // PERIOD
        assert 1 <= ahead <= HORIZON and s.image.shape == (48, 64, 3)
        if s.number < FRAMES:
            assert np.array_equal(s.actual, clip[s.number])
        else:
            assert s.actual is None
    window = SlidingWindow(model, period_ns=PERIOD)
    for i in range(FRAMES):
        window.push(i * PERIOD, clip[i])
    end = window.render(window.predict(HORIZON), (48, 64))
    assert np.array_equal(end, np.stack([s.image for s in shown[-HORIZON:]]))
    assert all(s.from_ns == (FRAMES - 1) * PERIOD for s in shown[-HORIZON:])


def test_only_what_comes_after_the_end():
    clip, model = moving_square(FRAMES), small_model()
    every = list(predict_frames(model, Frames(clip), HORIZON))
    last = list(predict_frames(model, Frames(clip), HORIZON, last=True))
    assert len(last) == HORIZON
    for a, b in zip(every[-HORIZON:], last):
        assert np.array_equal(a.image, b.image) and a.at_ns == b.at_ns


def test_a_pause_begins_a_new_window():
    clip = moving_square(FRAMES)
    stamps = [i * PERIOD + (10**9 if i >= 7 else 0) for i in range(FRAMES)]
    shown = list(predict_frames(small_model(), Frames(clip, stamps), HORIZON))
    at = [s.at_ns for s in shown]
    assert at == sorted(at)
    assert all(s.from_ns >= stamps[7] for s in shown if s.at_ns > stamps[7] + 3 * PERIOD)


def test_a_recording_shorter_than_the_window_is_refused():
    with pytest.raises(VideoError, match=f'frames: {WINDOW - 1} frames are too few'):
        list(predict_frames(small_model(), Frames(moving_square(WINDOW - 1)), HORIZON))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i, image in enumerate(moving_square(FRAMES, 48, 64)):
        write_image(f'video/{i}.png', image)
    save_checkpoint('small.safetensors', repeat_last_model())
    return tmp_path


USUAL = ['predict', 'video', '--weights', 'small.safetensors', '--horizon', str(HORIZON)]
COUNT = FRAMES + HORIZON - WINDOW


@pytest.mark.parametrize('out', ['out.mp4', 'out.gif', 'out.mcap', 'out'])
def test_files_that_can_be_read_again(here, capsys, out):
    assert main([*USUAL, '-o', out]) == 0
    assert capsys.readouterr().out.strip() == f'{out}: {COUNT} predicted frames'
    with open_source(out) as source:
        frames = list(source)
    if out.endswith('.gif'):  # frames that are equal become one, shown longer
        assert 1 <= len(frames) <= COUNT
    else:
        assert len(frames) == COUNT
    assert frames[0].image.shape == (48, 64, 3)
    first = moving_square(FRAMES, 48, 64)[WINDOW - 1]  # this model repeats the newest frame
    tolerance = 20 if out[-3:] in ('mp4', 'gif') else 1  # both lose colours
    assert np.abs(frames[0].image.astype(int) - first).mean() < tolerance


def test_a_folder_names_its_frames_by_the_moment(here):
    assert main([*USUAL, '-o', 'out', '--size', '20', '10', '--compare']) == 0
    names = sorted(p.name for p in (here / 'out').iterdir())
    assert names[0] == f'frame_{WINDOW:06d}.png' and len(names) == COUNT
    assert next(iter(ImageFolder('out'))).image.shape == (10, 20 + 4 + 20, 3)


def test_a_bag_has_the_future_times_and_beside_them_the_camera(here):
    assert main([*USUAL, '-o', 'out.mcap', '--compare']) == 0
    with open_source('out.mcap', '/tkn/predicted_frames') as source:
        assert [f.stamp_ns for f in source] == [n * PERIOD for n in range(WINDOW, FRAMES + HORIZON)]
    with open_source('out.mcap', '/camera/image_raw') as source:
        assert source.count() == FRAMES - WINDOW


def test_keypoints_of_every_frame(here, capsys):
    """Those that the window gives, in pixels of the video."""
    save_checkpoint('moving.safetensors', small_model())
    assert main([*USUAL, '-o', 'out/a.npz', '--weights', 'moving.safetensors']) == 0
    count = FRAMES - WINDOW + 1
    said = capsys.readouterr().out.strip()
    assert said == f'out/a.npz: {count} predictions of {KEYPOINTS} keypoints'
    assert [p.name for p in (here / 'out').iterdir()] == ['a.npz']
    with np.load('out/a.npz') as file:
        arrays = dict(file)
    about = {name: arrays.pop(name).item() for name in ('width', 'height', 'fps', 'horizon')}
    assert about == {'width': 64, 'height': 48, 'fps': 25.0, 'horizon': HORIZON}
    assert str(arrays.pop('weights')) == 'moving.safetensors'
    assert {name: array.shape for name, array in arrays.items()} == {
        'frame': (count,),
        'observed': (count, KEYPOINTS, 2),
        'predicted': (count, HORIZON, KEYPOINTS, 2),
        'active': (count, KEYPOINTS),
        'sigma': (count, HORIZON, KEYPOINTS),
        'id': (count, KEYPOINTS),
    }
    assert arrays['frame'].tolist() == list(range(WINDOW - 1, FRAMES))
    assert arrays['active'].dtype == bool and arrays['active'].all()
    assert (arrays['id'] == np.arange(KEYPOINTS)).all() and not arrays['sigma'].any()
    window = SlidingWindow(small_model(), period_ns=PERIOD)
    for i, frame in enumerate(open_source('video')):
        window.push(i * PERIOD, frame.image)
        if i == 8:
            pixels = window.predict(HORIZON).pixels()
    row = arrays['frame'].tolist().index(8)
    assert np.allclose(arrays['observed'][row], pixels.observed[-1], atol=1e-4)
    assert np.allclose(arrays['predicted'][row], pixels.predicted, atol=1e-4)


def test_keypoints_are_as_many_as_the_pauses_leave():
    clip = moving_square(FRAMES)
    stamps = [i * PERIOD + (10**9 if i >= 7 else 0) for i in range(FRAMES)]
    rows = predict_keypoints(small_model(), Frames(clip, stamps), HORIZON)
    assert rows.frame.tolist() == [*range(WINDOW - 1, 7), *range(7 + WINDOW - 1, FRAMES)]
    with pytest.raises(VideoError, match=f'frames: {WINDOW - 1} frames are too few'):
        predict_keypoints(small_model(), Frames(clip[: WINDOW - 1]), HORIZON)


@pytest.mark.parametrize(
    'arguments, said',
    [
        (['-o', 'out.mov'], '".mov" is not written here'),
        (['-o', 'video'], 'video: is read from'),
        (['-o', 'small.safetensors'], '".safetensors" is not written here'),
        (['-o', 'out.mp4', '--weights', 'none'], 'weights "none" do not exist'),
        (['-o', 'out.mp4', '--fps', '0'], 'fps'),
        (['-o', 'out.npz', '--compare'], '--compare is of predicted frames'),
        (['-o', 'out.npz', '--last'], '--last is of predicted frames'),
        (['-o', 'out.npz', '--size', '8', '8'], '--size is of predicted frames'),
        (['-o', 'out.npz', '--fps', '2000'], 'fps'),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(here, capsys, arguments, said):
    assert main([*USUAL, *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith('tkn: ') and said in message
    assert not (here / 'out.mp4').exists() and not list(here.glob('*out*.npz'))


def test_a_missing_video(here, capsys):
    assert main(['predict', 'nothing', '-o', 'a.mp4', '--weights', 'small.safetensors']) == 2
    assert 'nothing: no such file or folder' in capsys.readouterr().err
