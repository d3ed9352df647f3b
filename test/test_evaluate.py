"""`tkn evaluate`: the figures of a model beside trivial predictors."""

import json
import re

import numpy as np
import pytest
import torch
from small_models import (
    SIDE,
    WINDOW,
    moving_square,
    repeat_last_model,
    small_following_config,
    small_model,
)
from small_peers import small_peer_config
from train_help import write_clips

from tkn_ros.baselines.networks import build_baseline
from tkn_ros.cli import main
from tkn_ros.datasets.clips import Clip
from tkn_ros.evaluation.clip_pass import METHODS, constant_velocity, draw_run, run_starts
from tkn_ros.evaluation.comparison import compare, format_comparison
from tkn_ros.evaluation.runs import EvaluationError
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.model.inference import to_images, to_tensor
from tkn_ros.paper.kth_tables import format_kth
from tkn_ros.video.metrics import psnr, ssim

CLIPS = [Clip(f'clip{i}', moving_square(20, seed=i), 25.0) for i in range(2)]


def test_the_figures_are_those_of_the_metrics():
    """One clip, one run: against a direct computation."""
    model, clip = small_model(), moving_square(WINDOW + 3)
    results = compare(model, [Clip('one', clip, 25.0)], 3)
    with torch.no_grad():
        drawn, _ = model(to_tensor(clip[:WINDOW])[None], 3)
    drawn = to_images(drawn[0])
    for step, row in enumerate(results['per_step']):
        truth = clip[WINDOW + step] / 255.0
        assert row['step'] == step + 1
        assert row['model']['psnr'] == pytest.approx(psnr(drawn[step], truth), abs=1e-4)
        assert row['model']['ssim'] == pytest.approx(ssim(drawn[step], truth), abs=1e-4)
        still = clip[WINDOW - 1] / 255.0
        assert row['repeat_last']['psnr'] == pytest.approx(psnr(still, truth), abs=1e-4)
    for method in METHODS:
        for figure in ('psnr', 'ssim'):
            mean = np.mean([row[method][figure] for row in results['per_step']])
            assert results['overall'][method][figure] == pytest.approx(mean, abs=1e-5)


def test_the_mean_is_over_clips_and_not_over_runs():
    short, long = CLIPS[0], Clip('long', moving_square(60, seed=9), 25.0)
    results = compare(small_model(), [short, long], 4)
    assert [c['runs'] for c in results['clips']] == [13, 14]
    for method in METHODS:
        each = [c[method]['psnr'] for c in results['clips']]
        assert results['overall'][method]['psnr'] == pytest.approx(np.mean(each), abs=1e-5)


def test_a_model_that_repeats_scores_as_repeating():
    overall = compare(repeat_last_model(), CLIPS, 4)['overall']
    assert overall['model']['psnr'] == pytest.approx(overall['repeat_last']['psnr'], abs=1e-2)
    assert overall['constant_velocity'] != overall['repeat_last']


def test_constant_velocity():
    start, velocity = torch.rand(5, 3), torch.rand(5, 3)
    path = torch.stack([start + i * velocity for i in range(10)])
    going_on = constant_velocity(path[:4], 6)
    assert torch.allclose(going_on[..., :2], path[4:, :, :2], atol=1e-5)
    assert torch.equal(going_on[..., 2], path[3, :, 2].expand(6, -1))  # the intensity stays
    assert torch.equal(constant_velocity(path[:1], 2), path[:1].expand(2, -1, -1))


def test_the_rest_of_a_clip_whose_keypoints_do_not_move_is_the_last_frame():
    still = np.repeat(moving_square(1), WINDOW + 2, 0)
    clip = Clip('still', still, 25.0)
    _, last, moved = draw_run(small_model(output='change'), clip, still, 0, 2)
    assert np.array_equal(moved, last)


def test_runs():
    assert run_starts(100, 8, 4) == list(range(0, 93, 4))
    assert run_starts(100, 8, 4, most=2) == [0, 92]
    assert run_starts(28, 8, 4) == list(range(0, 21, 2))  # closer, to be ten or more
    assert run_starts(20, 8, 4) == list(range(13))
    assert run_starts(7, 8, 4) == []


def test_clips_that_are_too_short_are_refused():
    with pytest.raises(EvaluationError, match='clip0: 21 frames are needed'):
        compare(small_model(), CLIPS, 17)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / 'clips')
    save_checkpoint('small.safetensors', small_model())
    return tmp_path


USUAL = ['evaluate', '--data', 'clips', '--weights', 'small.safetensors', '--cache', 'cache']


def test_the_command_writes_figures_and_a_report(here, capsys):
    assert main([*USUAL, '--horizon', '6', '--json', 'out/a.json', '--report', 'report']) == 0
    shown = capsys.readouterr().out
    results = json.loads((here / 'out/a.json').read_text())
    assert set(results) >= {'protocol', 'clips', 'per_step', 'overall'}
    assert set(METHODS) == {'model', 'repeat_last', 'constant_velocity'}
    assert set(results['overall']) == {*METHODS, 'keypoints'}
    for method in METHODS:
        assert set(results['overall'][method]) == {'psnr', 'ssim'}
    assert len(results['per_step']) == 6 and len(results['clips']) == 3
    assert results['protocol'] in shown and '4 frames observed, 6 predicted' in shown
    assert f'{results["overall"]["model"]["psnr"]:.2f}' in shown
    for name in ('report.md', 'per_step.png', 'figures.json', 'strip_000_clip0_npy.png'):
        assert (here / 'report' / name).stat().st_size > 100


def test_the_same_input_gives_the_same_figures(here):
    for name in ('a', 'b'):
        assert main([*USUAL, '--json', f'{name}.json']) == 0
    assert (here / 'a.json').read_bytes() == (here / 'b.json').read_bytes()


def test_any_horizon_and_a_part(here):
    assert (
        main([*USUAL, '--horizon', '11', '--part', '0.2:1', '--runs', '1', '--json', 'a.json']) == 0
    )
    results = json.loads((here / 'a.json').read_text())
    assert [c['runs'] for c in results['clips']] == [1, 1, 1]
    assert [c['frames'] for c in results['clips']] == [19, 19, 19]
    assert len(results['per_step']) == 11 and 'at most 1 a clip' in results['protocol']


@pytest.mark.parametrize(
    'arguments, said',
    [
        (
            ['--horizon', '30'],
            'too short: clips/clip0.npy (24 frames), clips/clip1.npy (24 frames)',
        ),
        (['--weights', 'none'], 'weights "none" do not exist'),
        (['--data', 'nowhere'], 'nowhere: no such file or folder'),
        (['--device', 'gpu'], 'device "gpu" is unknown'),
        (['--json', 'clips'], ''),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(here, capsys, arguments, said):
    assert main([*USUAL, *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith('tkn: ') and said in message


def without_times(table: str) -> str:
    """Less the ms and fps that our row of Table I has."""
    return re.sub(r'(ours .{16}).*(   \(ms on)', r'\1\2', table)


def test_the_tables_of_kth():
    clips = [
        Clip(f'c{i}', moving_square(20, seed=i), 25.0, label=label)
        for i, label in enumerate(('boxing', 'boxing', 'walking'))
    ]
    model = small_model()
    results = compare(model, clips, 8)
    boxing = np.mean([c['model']['ssim'] for c in results['clips'][:2]])
    assert results['classes']['boxing']['model']['ssim'] == pytest.approx(boxing, abs=1e-5)
    text = format_kth(results, model)
    assert '0.871   27.71' in text and '0.897' in text
    assert '3 test sequences of boxing, walking' in text
    assert 'the rows do not compare' in text
    assert 'walking' in format_comparison(results)
    with_others = compare(
        model, [*clips, *CLIPS, Clip('h36m', CLIPS[0].frames, 25.0, 'Walking')], 8
    )
    assert with_others['overall'] != results['overall']
    assert without_times(format_kth(with_others, model)) == without_times(text)
    assert format_kth(compare(model, CLIPS, 8), model) == ''


def test_the_tables_of_kth_are_of_any_network():
    clips = [Clip('c', moving_square(20), 25.0, label='boxing')]
    peer = build_baseline(small_peer_config('convlstm', SIDE)).eval()
    text = format_kth(compare(peer, clips, 4), peer)
    assert 'KTH, ConvLSTM,' in text and '0.712   23.58      72     278' in text
    torch.manual_seed(0)
    followed = build(small_following_config()).eval()
    text = format_kth(compare(followed, clips, 4, judged=0), followed)
    assert 'KTH, TKN,' in text and '0.871   27.71      17    1176' in text
