"""The demo as a user starts it: good input gives five files, bad input one line and no file."""

import json
import os
import subprocess

import av
import numpy as np
import pytest
import torch
from bags import PredictionBag
from PIL import Image
from ros_rig import SECOND, launcher, ros_or_skip, stamp_of
from ros_station import PATIENCE
from rosbags.highlevel import AnyReader
from small_models import moving_square

from tkn_ros.demo import main, table
from tkn_ros.evaluation.recorded_keypoints import FIGURES
from tkn_ros.model.checkpoints import DEFAULT_WEIGHTS
from tkn_ros.synthetic.render import render_clip
from tkn_ros.video.writers import write_video

ros_or_skip()

KEYS = {
    'frames_in',
    'predictions',
    'dropped',
    'psnr',
    'ssim',
    'psnr_repeat_last',
    'ssim_repeat_last',
    'per_step',
    'latency_ms',
    'fps',
    'resident_mib',
    'keypoints',
    'zones',
}


def demo(folder, *arguments):
    """Its CompletedProcess, with `folder` as the working folder."""
    return subprocess.run(
        [launcher('demo'), *map(str, arguments)],
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=6 * PATIENCE,
        stdin=subprocess.DEVNULL,
    )


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*'))


def test_a_short_clip_from_end_to_end(tmp_path):
    count, out = 60, tmp_path / 'x' / 'demo'
    out.mkdir(parents=True)  # an earlier result is replaced
    (out / 'summary.json').write_text('{}')
    (out / 'old.txt').write_text('old')
    write_video(tmp_path / 'clip.mp4', render_clip(5, count, 96, 128), 25)
    ended = demo(tmp_path, '--video', 'clip.mp4', '--out', out)
    assert ended.returncode == 0, ended.stderr
    assert not (out / 'old.txt').exists()
    assert {p.name for p in out.iterdir()} >= {
        'prediction.mp4',
        'prediction.gif',
        'montage.png',
        'predictions.mcap',
        'summary.json',
    }
    assert [p.name for p in out.parent.iterdir()] == ['demo']

    summary = json.loads((out / 'summary.json').read_text())
    assert summary.keys() >= KEYS
    assert summary['frames_in'] == count
    # a frame that a newer one overtook on a busy machine is dropped, and known to be
    assert 0 < summary['predictions'] <= count - 9
    assert summary['predictions'] + summary['dropped'] <= count
    assert [row['step'] for row in summary['per_step']] == list(range(1, 11))
    assert summary['keypoints'].keys() == set(FIGURES)  # None where a busy machine predicted little
    assert 5 < summary['psnr'] < 60 and 0 < summary['ssim'] <= 1
    assert 0 < summary['latency_ms']['p50'] <= summary['latency_ms']['p99']
    assert summary['fps'] > 0 and 50 < summary['resident_mib'] < 1.2 * 1024
    for name in ('frames in', 'predictions out', 'dropped', 'latency', 'repeat last', 'velocity'):
        assert name in ended.stdout

    with av.open(str(out / 'prediction.mp4')) as video:
        pictures = [f.to_ndarray(format='rgb24') for f in video.decode(video=0)]
    assert len(pictures) == count and np.std(pictures[-1]) > 10
    with Image.open(out / 'prediction.gif') as gif:
        assert gif.n_frames > 1
    with Image.open(out / 'montage.png') as montage:
        assert np.asarray(montage).std() > 10
    with AnyReader([out / 'predictions.mcap']) as bag:
        counts = {c.topic: c.msgcount for c in bag.connections}
        drawn = [c for c in bag.connections if c.topic == '/tkn/predicted_frames']
        stamps = [
            stamp_of(bag.deserialize(raw, c.msgtype))
            for c, _, raw in bag.messages(connections=drawn)
        ]
    assert counts['/camera/image_raw'] == count
    assert counts['/tkn/predicted_keypoints'] == summary['predictions']
    assert counts['/tkn/danger_warnings'] > 0 and summary['zones'].keys() == {'ahead'}
    # predictions that newer ones overtook on a busy machine are not drawn; the others are drawn
    # whole, but perhaps the last, which the end of the recording may have cut
    starts = [0, *(np.flatnonzero(np.diff(stamps) < 0) + 1), len(stamps)]
    lengths = np.diff(starts)
    assert len(lengths) > 1 and len(stamps) <= 10 * summary['predictions']
    assert not (lengths[:-1] % 10).any()  # 20 where just as many are skipped between two


def test_frames_as_large_as_the_camera(tmp_path):
    """More than can be drawn of every prediction: what is shown is whole all the same."""
    write_video(tmp_path / 'clip.mp4', render_clip(5, 45, 240, 320), 15)
    out = tmp_path / 'out'
    ended = demo(tmp_path, '--video', 'clip.mp4', '--out', out, '--output-size', '-1', '-1')
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((out / 'summary.json').read_text())
    assert 0 < summary['predictions'] <= 36 and summary['frames_in'] == 45
    with av.open(str(out / 'prediction.mp4')) as video:
        pictures = [f.to_ndarray(format='rgb24') for f in video.decode(video=0)]
    half = pictures[-1].shape[1] // 2
    assert np.std(pictures[-1][:, half:]) > 10  # the predicted half is no blank
    with Image.open(out / 'montage.png') as montage:
        rows = np.array_split(np.asarray(montage), 3)
    assert all(np.std(row) > 10 for row in rows)  # observed, what came, what had been predicted
    with AnyReader([out / 'predictions.mcap']) as bag:
        frames = [c for c in bag.connections if c.topic == '/tkn/predicted_frames']
        _, _, raw = next(bag.messages(frames))
        message = bag.deserialize(raw, frames[0].msgtype)
    assert (message.height, message.width) == (240, 320)


def test_a_clip_too_short_to_measure_has_a_table_all_the_same():
    summary = {
        'frames_in': 14,
        'predictions': 5,
        'dropped': 0,
        'per_step': [],
        'psnr': None,
        'ssim': None,
        'psnr_repeat_last': None,
        'ssim_repeat_last': None,
        'fps': 100.0,
        'latency_ms': {'p50': 1.0, 'p99': 2.0},
        'resident_mib': 400.0,
        'keypoints': dict.fromkeys(FIGURES),
        'zones': {},
    }
    assert 'no prediction whose whole future is in the clip' in table(summary)


@pytest.fixture
def folder(tmp_path):
    """A folder with all kinds of bad input."""
    (tmp_path / 'empty.mp4').write_bytes(b'')
    (tmp_path / 'text.mp4').write_text('a text\n' * 100)
    (tmp_path / 'nothing').mkdir()
    write_video(tmp_path / 'short.mp4', moving_square(6, 48, 64), 25)
    write_video(tmp_path / 'good.mp4', moving_square(20, 48, 64), 25)
    with PredictionBag(tmp_path / 'two.mcap') as bag:
        for i in range(3):
            bag.image('/left/image', SECOND + i * SECOND // 10, moving_square(1)[0])
            bag.image('/right/image', SECOND + i * SECOND // 10, moving_square(1)[0])
    with PredictionBag(tmp_path / 'blind.mcap') as bag:
        bag.keypoints('/points', SECOND, [2 * SECOND], SECOND, (48, 64))
    whole = DEFAULT_WEIGHTS.read_bytes()
    (tmp_path / 'cut.safetensors').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'pickled.pt').write_bytes(b'\x80\x02cos\nsystem\n.')
    return tmp_path


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--zones', 'no.yaml'], ['no.yaml', 'No such file']),
        (['--video', 'missing.mp4'], ['missing.mp4', 'no such file']),
        (['--video', 'empty.mp4'], ['empty.mp4']),
        (['--video', 'text.mp4'], ['text.mp4', 'pass a video file']),
        (['--video', 'nothing'], ['nothing', 'empty']),
        (
            ['--video', 'two.mcap', '--topic', '/up/image'],
            ['no topic /up/image', '/left/image, /right/image'],
        ),
        (['--video', 'two.mcap'], ['2 image topics', '/left/image, /right/image']),
        (['--video', 'blind.mcap'], ['no image topic', '/points (tkn_ros/msg/PredictedKeypoints)']),
        (['--video', 'good.mp4', '--weights', 'cut.safetensors'], ['cut.safetensors', 'truncated']),
        (['--video', 'good.mp4', '--weights', 'pickled.pt'], ['pickled.pt', 'another format']),
        (['--video', 'short.mp4'], ['6 frames', 'window of 10', 'longer clip']),
        (['--video', 'good.mp4', '--window', '30'], ['20 frames', 'window of 30']),
        (
            ['--video', 'good.mp4', '--seconds', '0.1'],
            ['within 0.1 s', 'window of 10', '--seconds'],
        ),
        (['--video', 'good.mp4', '--horizon', '0'], ['--horizon is 0', 'at least 1']),
        pytest.param(
            ['--video', 'good.mp4', '--device', 'cuda'],
            ['device "cuda"', 'install'],
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU'),
        ),
    ],
    ids=lambda value: '_'.join(value) if isinstance(value, list) and value[0] == '--video' else '',
)
def test_bad_input_gets_one_line_and_leaves_nothing(folder, monkeypatch, capfd, arguments, said):
    """Nothing is started yet, so that this may run here."""
    before = tree(folder)
    monkeypatch.chdir(folder)
    assert main([*arguments, '--out', 'x/demo']) == 1
    output, error = capfd.readouterr()
    assert output == ''
    check_one_line(error, said)
    assert tree(folder) == before


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--video', 'missing.mp4'], ['missing.mp4', 'no such file']),
        (
            ['--video', 'good.mp4', '--output-size', '3', '3'],
            ['the predictor node ended early', 'output_size'],
        ),
    ],
    ids=['at once', 'reported by a node'],
)
def test_bad_input_as_a_process(folder, arguments, said):
    before = tree(folder)
    ended = demo(folder, *arguments, '--out', folder / 'x' / 'demo')
    assert ended.returncode == 1
    check_one_line(ended.stderr, said)
    assert [p for p in tree(folder) if p not in (*before, 'x')] == []


def check_one_line(error, said):
    assert len(error.splitlines()) == 1, error
    assert error.startswith('demo: ')
    assert all(part in error for part in said), error


def test_a_folder_with_other_things_is_not_replaced(folder, monkeypatch, capfd):
    """Only an earlier result gives way."""
    (folder / 'photos').mkdir()
    (folder / 'photos' / 'dear.jpg').write_bytes(b'1')
    before = tree(folder)
    monkeypatch.chdir(folder)
    assert main(['--video', 'good.mp4', '--out', 'photos']) == 1
    check_one_line(capfd.readouterr().err, ['--out photos', 'name a new folder'])
    assert tree(folder) == before


def test_help_names_every_option():
    ended = demo(os.getcwd(), '--help')
    assert ended.returncode == 0
    for option in ('--video', '--topic', '--window', '--horizon', '--weights', '--device', '--out'):
        assert option in ended.stdout
