"""`tkn evaluate`: the figures of keypoints, on the recording itself and not on the resized clip."""

import json

import numpy as np
import pytest
from small_models import SIDE, WINDOW, moving_square, small_model
from train_help import write_clips

from tkn_ros.cli import main
from tkn_ros.datasets.clips import Clip, load_clips
from tkn_ros.datasets.find import ArrayFile
from tkn_ros.datasets.originals import originals
from tkn_ros.evaluation.comparison import compare, format_comparison
from tkn_ros.evaluation.keypoint_figures import score_keypoints, shrink
from tkn_ros.evaluation.point_tracks import read_tracks
from tkn_ros.evaluation.runs import EvaluationError
from tkn_ros.model.checkpoints import load_checkpoint, save_checkpoint
from tkn_ros.streaming.keypoint_rows import predict_keypoints, read_rows, write_rows
from tkn_ros.video.frame import VideoError

FRAMES, HEIGHT, WIDTH, HORIZON = 30, 96, 128, 5
USUAL = [
    *('evaluate', '--data', 'big.npy', '--weights', 'small.safetensors', '--cache', 'cache'),
    *('--horizon', str(HORIZON), '--json', 'a.json'),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save('big.npy', moving_square(FRAMES, HEIGHT, WIDTH))
    save_checkpoint('small.safetensors', small_model())
    lines = [f'{t + 1},1,{t},{(t + 32) / 2},16,12' for t in range(FRAMES)]  # of half the size
    (tmp_path / 'gt.txt').write_text('\n'.join(lines))
    return tmp_path


def test_they_are_those_of_what_predict_writes(here, capsys):
    scaled = ['--tracks', 'gt.txt', '--tracks-scale', '2', '2']
    assert main([*USUAL, *scaled, '--report', 'report']) == 0
    shown = capsys.readouterr().out
    results = json.loads((here / 'a.json').read_text())
    found = results['clips'][0]['keypoints']
    assert found.pop('within_sigma') is None  # this network does not know
    model = load_checkpoint('small.safetensors')
    write_rows('a.npz', predict_keypoints(model, ArrayFile(here / 'big.npy'), HORIZON))
    grey = np.stack([shrink(frame) for frame in np.load('big.npy')])
    tracks = read_tracks('gt.txt', (2, 2))
    right = score_keypoints(grey, (HEIGHT, WIDTH), read_rows('a.npz'), tracks)
    assert right.pop('within_sigma') == 0
    assert found == right and found['predictions'] == FRAMES - HORIZON - 9
    assert found['hits_of'] is not None
    overall = results['overall']['keypoints']
    assert overall == pytest.approx({**found, 'within_sigma': None}, abs=1e-3)
    assert 'hit c.v.' in shown and f'{found["on_moving"]:.3f}' in shown
    assert 'person: share of' in results['protocol'] in shown
    assert 'hit c.v.' in (here / 'report/report.md').read_text()


def test_a_part_keeps_the_numbers_of_the_tracks(here):
    """Boxes are found by the recording's own numbers."""
    model, tracks = small_model(), read_tracks('gt.txt', (2, 2))
    clip = load_clips(['big.npy'], SIDE, SIDE, 'cache', part=(0.2, 1.0))[0]
    assert clip.first == 6 and clip.recording.name == 'big.npy'
    found = compare(model, [clip], HORIZON, tracks=tracks)
    np.save('rest.npy', np.load('big.npy')[6:])
    rest = load_clips(['rest.npy'], SIDE, SIDE, 'cache')
    later = {frame - 6: boxes for frame, boxes in tracks.items()}
    again = compare(model, rest, HORIZON, tracks=later)
    assert found['overall'] == again['overall'] and found['overall']['keypoints']['hits_of'] > 0


def test_the_pictures_are_those_of_the_resized_clip(here):
    """For a network that resizes all that it is given, nothing is gained by full size."""
    clip = load_clips(['big.npy'], SIDE, SIDE, 'cache')[0]
    full = compare(small_model(), [clip], HORIZON)['per_step']
    assert full == compare(small_model(), [Clip('', clip.frames, 25.0)], HORIZON)['per_step']


@pytest.mark.parametrize(
    'arguments, predictions', [([], 16), (['--judged', '3'], 3), (['--runs', '1'], 16)]
)
def test_how_many_are_judged(here, arguments, predictions):
    assert main([*USUAL, *arguments]) == 0
    results = json.loads((here / 'a.json').read_text())
    assert results['clips'][0]['keypoints']['predictions'] == predictions


def test_pictures_alone(here, capsys):
    assert main([*USUAL, '--no-keypoints']) == 0
    results = json.loads((here / 'a.json').read_text())
    assert 'keypoints' not in results['overall'] and 'keypoints' not in results['clips'][0]
    assert 'regions' not in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments, said',
    [
        (['--no-keypoints', '--tracks', 'gt.txt'], '--tracks is of keypoints'),
        (['--no-keypoints', '--judged', '5'], '--judged is of keypoints'),
        (['--tracks', 'none.txt'], 'none.txt: cannot be read'),
        (['--tracks', 'big.npy'], 'big.npy: '),
        (['--tracks', 'gt.txt', '--data', 'clips'], 'tracks are of one recording, and 3 are given'),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(here, capsys, arguments, said):
    write_clips(here / 'clips')
    assert main([*USUAL, *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith('tkn: ') and said in message


def test_originals_of_several_clips(here):
    """Parts of a recording that is read once, a recording of its own, and frames alone."""
    whole = load_clips(['big.npy'], SIDE, SIDE, 'cache')[0]
    opened = []

    class Counted:
        def open(self):
            opened.append(1)
            return whole.recording.open()

    recording = Counted()
    parts = [
        Clip(str(first), whole.frames[first : first + 5], 25.0, recording=recording, first=first)
        for first in (3, 8, 20)
    ]
    alone = Clip('alone', moving_square(4), 25.0)
    seen = []
    for clip, images in originals([*parts, whole, alone]):
        if clip is parts[1]:
            seen.append((clip, [next(images)]))  # the rest is passed over
        else:
            seen.append((clip, list(images)))
    frames = np.load('big.npy')
    assert len(opened) == 1 and [c for c, _ in seen] == [*parts, whole, alone]
    assert np.array_equal(seen[0][1], frames[3:8]) and np.array_equal(seen[1][1], frames[8:9])
    assert np.array_equal(seen[2][1], frames[20:25]) and np.array_equal(seen[3][1], frames)
    assert np.array_equal(seen[4][1], alone.frames)


def test_a_recording_that_lost_frames(here):
    clip = load_clips(['big.npy'], SIDE, SIDE, 'cache')[0]
    np.save('big.npy', moving_square(FRAMES - 1, HEIGHT, WIDTH))
    with pytest.raises(VideoError, match='only 29 of 30 frames can be read again'):
        compare(small_model(), [clip], HORIZON)


def test_clips_without_room_for_a_judgement():
    """Long enough for a run of frames, but not for the past that the referee looks at."""
    clip = Clip('short', moving_square(WINDOW + HORIZON), 25.0)
    results = compare(small_model(), [clip], HORIZON)
    assert results['overall']['keypoints']['predictions'] == 0
    assert results['overall']['keypoints']['err'] is None
    assert '-' in format_comparison(results)


def test_tracks_of_several_recordings_are_refused(here):
    clips = [Clip('a', moving_square(20), 25.0), *load_clips(['big.npy'], SIDE, SIDE, 'cache')]
    with pytest.raises(EvaluationError, match='one recording'):
        compare(small_model(), clips, HORIZON, tracks={0: {1: (0, 0, 1, 1)}})
