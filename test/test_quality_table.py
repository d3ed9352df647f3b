"""`tkn tables quality`, `training`, `figures` and the page of `all`, of a moving square."""

import json

import numpy as np
import pytest
from train_help import write_clips

from tkn_ros.cli import main
from tkn_ros.paper.kept_results import ResultsError, open_results
from tkn_ros.paper.quality import FOLLOWED, ROWS, Plan, settings_of
from tkn_ros.paper.quality_table import (
    equal_error,
    format_quality,
    quality_lines,
    seconds_to_equal,
)
from tkn_ros.paper.results_page import write_page
from tkn_ros.paper.runtimes import SpeedRow
from tkn_ros.paper.sizes import SizeRow
from tkn_ros.paper.speed import Speed
from tkn_ros.paper.training_cost import NETWORKS, format_training, measure_training
from tkn_ros.video.metrics import ms_ssim, sharpness, ssim

PLAN = ['--budget', '0.02', '--size', '32', '--window', '4', '--horizon', '4', '--runs', '2']
PLAN += ['--batch', '2', '--out', 'out', '--cache', 'cache']


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with clips, and two networks that were trained on them for a second."""
    folder = tmp_path_factory.mktemp('quality')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_clips(folder / 'clips', 2, 50)
        data = ['--data', 'clips', '--test', 'clips/clip0.npy']
        command = ['tables', 'quality', *data, *PLAN, '--networks']
        assert main([*command, 'struct-vrnn', '--json', 'a.json']) == 0
        assert main([*command, 'struct-vrnn', 'tkn', '--json', 'b.json']) == 0
        yield folder


def test_what_is_done_is_not_done_again(trained):
    first, both = (json.loads((trained / name).read_text()) for name in ('a.json', 'b.json'))
    assert first['rows']['struct-vrnn'] == both['rows']['struct-vrnn']
    assert set(both['rows']) == {'struct-vrnn', 'tkn'}
    assert both['settings']['data'] == ['clips'] and both['settings']['minutes'] == 0.02
    for row in both['rows'].values():
        assert row['steps'] >= 1 and row['examples'] >= row['steps'] and row['curve']
        assert set(row['figures']['model']) == {'psnr', 'ssim', 'ms_ssim', 'sharpness', 'mse'}
    assert set(both['rows']['tkn']['figures']) == {'model', 'repeat_last', 'constant_velocity'}
    still = [row['figures']['repeat_last'] for row in both['rows'].values()]
    assert still[0] == pytest.approx(still[1])


def test_trivial_predictors_stand_below_the_networks(trained):
    results = json.loads((trained / 'b.json').read_text())
    titles = [title for title, _, _ in quality_lines(results)]
    assert titles == [
        'Struct-VRNN',
        "TKN (the paper's form)",
        'repeat the last frame',
        "TKN's keypoints at constant velocity",
    ]
    table = format_quality(results)
    assert '0.766  24.29' in table and 'LPIPS is left out' in table and 'clip0.npy' in table


def test_another_plan_is_refused(trained, capsys, monkeypatch):
    monkeypatch.chdir(trained)
    data = ['--data', 'clips', '--test', 'clips/clip0.npy']
    assert main(['tables', 'quality', *data, *PLAN, '--runs', '3']) == 2
    assert 'is of runs 2, and now it is 3' in capsys.readouterr().err
    for wrong, said in (
        (['--networks', 'oracle'], '"oracle" is unknown'),
        (['--budget', '0'], '--budget is 0'),
    ):
        assert main(['tables', 'quality', *data, *PLAN, *wrong]) == 2
        assert said in capsys.readouterr().err
    assert main(['tables', 'quality', '--data', 'clips', *PLAN]) == 2
    assert 'give --test' in capsys.readouterr().err


def test_figures_of_the_trained_networks(trained, capsys, monkeypatch):
    monkeypatch.chdir(trained)
    command = ['tables', 'figures', '--data', 'clips', '--test', 'clips/clip1.npy', *PLAN]
    assert main(command) == 0
    assert capsys.readouterr().out.split() == [
        f'out/figures/{name}.png' for name in ('fig8', 'fig9', 'fig11')
    ]
    assert main([*command, '--out', 'nowhere']) == 2
    assert 'run tkn tables quality first' in capsys.readouterr().err


def test_a_page_of_all_that_is_there(trained):
    results = json.loads((trained / 'b.json').read_text())
    machine = {'processor': 'a CPU', 'threads': 1, 'torch': '2', 'date': '', 'load_before': 0.0}
    speed = Speed(machine, [SpeedRow('KTH', 'tkn', 'TKN', 'eager', 'float32', 9.0, 100.0)])
    sizes = [SizeRow(1.0, 2.0, 2.0, 'III', 'TKN', '1.0', '2.0')]
    page = trained / 'docs' / 'results.md'
    write_page(page, sizes, speed, results, None, notes='What was run.')
    text = page.read_text()
    for part in ('What was run.', '## Speed', '## Quality', 'results/curves.png', '## Sizes'):
        assert part in text
    assert '## Training' not in text and 'tkn tables all --data /data/kth' in text
    for name in ('curves', 'speed_quality'):
        assert (trained / 'docs' / 'results' / f'{name}.png').stat().st_size > 1000


def test_seconds_to_equal_loss():
    curves = {'tkn': [[10, 0.5], [20, 0.2]], 'slamp': [[10, 0.9], [30, 0.1]], 'dmvfn': [[30, 0.3]]}
    results = {'rows': {name: {'curve': curve} for name, curve in curves.items()}}
    assert equal_error(results) == 0.2
    found = [seconds_to_equal(results, name, 0.2) for name in ('tkn', 'slamp', 'dmvfn', 'simvpv2')]
    assert found == [20, 30, None, None]


def test_cost_of_training(monkeypatch):
    monkeypatch.setattr('tkn_ros.paper.training_cost.NETWORKS', ('struct-vrnn', 'tkn'))
    cost = measure_training(batch=2, seconds=0.0, size=32)
    assert [row['network'] for row in cost['rows']] == ['struct-vrnn', 'tkn']
    for row in cost['rows']:
        assert row['step_s'] > 0 and row['steps'] >= 1
        assert row['epoch_s'] == pytest.approx(row['step_s'] * cost['epoch'] / 2)
    table = format_training(cost, {'tkn': 12.0})
    assert 'Struct-VRNN' in table and '5661' in table and 's to equal' in table
    assert {'e3d-lstm', 'dmvfn', 'tkn'} < set(NETWORKS)


def test_every_row_is_trained_for_as_long():
    plan = Plan((), (), 4.0, batch=3)
    for row in ROWS:
        settings = settings_of(row, plan)
        settings.check_stages()
        assert (settings.model.height, settings.model.window, settings.ahead) == (64, 10, 10)
        assert all(getattr(settings, name).steps == 10**6 for name in settings.stages)
    assert settings_of(FOLLOWED, plan).model.following
    assert settings_of('slamp', plan).frames.batch == 3


def test_files_that_hold_no_results(tmp_path):
    path = tmp_path / 'results.json'
    assert open_results(path, {'a': 1}) == {'settings': {'a': 1}, 'rows': {}}
    for text in ('{', '[]', '{"settings": 3, "rows": {}}', '{"settings": {}}'):
        path.write_text(text)
        with pytest.raises(ResultsError, match='not results of this command'):
            open_results(path, {'a': 1})


# ---- measures


def picture(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((side, side, 3))


def test_ms_ssim_of_one_scale_is_ssim():
    a, b = picture(20), picture(20, 1) * 0.3 + picture(20) * 0.7
    assert ms_ssim(a, b) == pytest.approx(ssim(a, b), abs=1e-9)


def test_ms_ssim_over_two_scales_by_hand():
    """Structure at the finer scale, all of SSIM at the coarser one, by their weights."""
    a = np.kron(picture(16), np.ones((2, 2, 1)))
    b = np.clip(a + 0.1, 0, 1) * 0.8
    coarse = [x.reshape(16, 2, 16, 2, 3).mean((1, 3)) for x in (a, b)]
    weights = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    assert ms_ssim(a, a) == pytest.approx(1)
    light = ssim(*coarse) ** weights[1]
    assert ms_ssim(a, b) <= light + 1e-9 and ms_ssim(a, b) > light * 0.9
    with pytest.raises(ValueError, match='at least 11x11'):
        ms_ssim(picture(8), picture(8))


def test_sharpness_is_the_share_of_the_gradient_energy():
    truth = np.stack([picture(16, i) for i in range(3)])
    assert sharpness(truth, truth) == pytest.approx(1)
    assert sharpness(truth * 0.5, truth) == pytest.approx(0.25)
    assert sharpness(np.zeros_like(truth), truth) == 0
    assert np.isnan(sharpness(truth, np.zeros_like(truth)))
    bytes_too = (truth * 255).round().astype(np.uint8)
    assert sharpness(bytes_too, truth) == pytest.approx(1, abs=0.01)
