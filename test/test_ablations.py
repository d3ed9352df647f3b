"""`tkn tables ablations` at a tiny budget: every row can be run, a stopped run goes on."""

import json

import cv2
import numpy as np
import pytest

from tkn_ros.cli import main
from tkn_ros.evaluation.runs import (
    EvaluationError,
    cut_runs,
    evaluate_prediction,
    evaluate_reconstruction,
    evaluate_repeat_last,
)
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.paper import ablations
from tkn_ros.paper.ablations import DETECTORS, PREDICTORS, ROWS, run_ablations
from tkn_ros.paper.kept_results import ResultsError
from tkn_ros.video.metrics import psnr, ssim
from tkn_ros.video.writers import write_video


def moving_square(frames: int, side: int = 16) -> np.ndarray:
    clip = np.full((frames, side, side, 3), 60, np.uint8)
    for t in range(frames):
        clip[t, 4:9, t % (side - 4) : t % (side - 4) + 4] = (250, 120, 30)
    return clip


def test_every_row_names_parts_that_there_are_and_figures_of_the_paper():
    assert {r.table for r in ROWS} == {'V', 'VI', 'VII', 'VIII', 'IX'}
    for row in ROWS:
        assert row.detector in DETECTORS
        assert row.predictor in PREDICTORS or (row.table == 'V' and not row.predictor)
        assert row.paper or 'Fig 3a' in row.name
    used = {r.detector for r in ROWS}, {r.predictor for r in ROWS} - {''}
    assert used == (set(DETECTORS), set(PREDICTORS))


def test_a_stopped_run_goes_on_and_finished_parts_are_not_done_again(tmp_path, monkeypatch):
    clips, test = [moving_square(40)], [moving_square(24)]
    trained = []

    def spy(name):
        real = getattr(ablations, name)

        def train(module, *args, **kwargs):
            trained.append(type(module).__name__)
            if stop_at == len(trained):
                raise KeyboardInterrupt
            return real(module, *args, **kwargs)

        monkeypatch.setattr(ablations, name, train)

    spy('detector_stage')
    spy('predictor_stage')

    def run(tables=('IX',), **values):
        settings = {'budget': 1, 'horizon': 4, 'batch': 2, **values}
        return run_ablations(clips, test, settings.pop('budget'), tmp_path, tables, **settings)

    stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        run()
    assert trained == ['KeypointDetector', 'TransformerPredictor', 'TransformerPredictor']
    stop_at = 0
    results = run()
    assert trained[3:] == ['TransformerPredictor']
    assert set(results['predictors']) == {'3x3 + explicit', '3x3 + encoder'}
    run()
    run(tables=('V', 'IX'))
    assert trained[4:] == ['KeypointDetector'] * 3  # the 3x3 one is there already
    assert not list(tmp_path.glob('.*'))
    with pytest.raises(ResultsError, match='is of budget 1, and now it is 2'):
        run(budget=2)
    (tmp_path / 'results.json').write_text('{"settings": ')
    with pytest.raises(ResultsError, match='not results of this command'):
        run()


def ablations_command(data, tables, folder):
    """`tkn tables ablations` at the smallest budget, its results in `folder`/out."""
    small = ['--budget', '1', '--batch', '2', '--size', '16', '--horizon', '5', '--tables']
    kept = ['--cache', str(folder / 'cache'), '--out', str(folder / 'out')]
    return ['tables', 'ablations', '--data', str(data), *small, tables, *kept]


def test_the_command_reads_any_source_and_prints_ours_beside_the_papers(tmp_path, capsys):
    for i, frame in enumerate(moving_square(75, 32)):
        (tmp_path / 'video').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / 'video' / f'{i:03}.png'), frame[..., ::-1])
    command = ablations_command(tmp_path / 'video', 'V', tmp_path)
    assert main(command) == 0
    printed = capsys.readouterr().out
    for text in ('3x3, 1x1', ' 31.91', ' .916'.replace('.', '0.'), 'repeating the newest frame'):
        assert text in printed
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert set(results['detectors']) == {'3x3', '2x2', '1x1', '3x3, 1x1'}

    assert main([*command[:-1], str(tmp_path / 'other'), '--horizon', '30']) == 2
    assert 'no test clip has 40 frames' in capsys.readouterr().err
    assert main([*command[:3], str(tmp_path / 'none.mp4'), *command[4:]]) == 2
    assert 'no such file' in capsys.readouterr().err
    for size in ('12', '30'):
        assert main([*command, '--size', size]) == 2
        assert f'--size is {size}, expected a multiple of 4 from 16' in capsys.readouterr().err


def test_the_command_takes_the_splits_of_a_data_set(tmp_path):
    (tmp_path / 'boxing').mkdir()
    for person in (1, 17):  # of KTH, to train and to test
        write_video(
            tmp_path / f'boxing/person{person:02}_boxing_d1_uncomp.avi.mp4',
            moving_square(40, 32),
            25,
        )
    for file in (tmp_path / 'boxing').iterdir():
        file.rename(file.with_suffix(''))
    assert main(ablations_command(tmp_path, 'IX', tmp_path)) == 0
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert results['settings']['data'].endswith('tested on the test split')


def test_runs_are_cut_at_the_horizon_and_thinned_evenly():
    runs = cut_runs([moving_square(23), moving_square(9), moving_square(40)], 6, 4)
    assert [len(r) for r in runs] == [10] * (4 + 8)
    assert np.array_equal(runs[1], moving_square(23)[4:14])
    assert len(cut_runs([moving_square(400)], 6, 4, most=7)) == 7
    with pytest.raises(EvaluationError, match='no test clip has 30 frames'):
        cut_runs([moving_square(29)], 10, 20)


def test_figures_are_means_of_psnr_and_ssim_over_future_frames():
    runs = cut_runs([moving_square(14)], 10, 4)
    newest, future = runs[0][9], runs[0][10:]
    repeating = evaluate_repeat_last(runs, 10)
    assert repeating['psnr'] == pytest.approx(np.mean([psnr(newest, f) for f in future]), abs=1e-4)
    assert repeating['ssim'] == pytest.approx(np.mean([ssim(newest, f) for f in future]), abs=1e-4)
    still = np.repeat(moving_square(1), 14, 0)
    assert evaluate_repeat_last([still], 10) == {'ssim': pytest.approx(1), 'psnr': 60.0}

    model = TKN(TKNConfig()).eval()
    for figure in (
        evaluate_prediction(model, runs, 10),
        evaluate_reconstruction(model.detector, runs, 10),
    ):
        assert figure['psnr'] < repeating['psnr']  # untrained
