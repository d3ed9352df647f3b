"""`tkn tables sizes`: our sizes beside the paper's."""

import json

import pytest
import torch
from torch import nn

from tkn_ros.cli import main
from tkn_ros.paper.flops import measure_size
from tkn_ros.paper.sizes import difference, format_sizes, size_rows


@pytest.fixture(scope='module')
def rows():
    return {(r.table, r.name): r for r in size_rows()}


def test_tkn_meets_table_iii_within_two_percent(rows):
    for name in ('TKN', 'TKN (w/o tp)', 'TKN-Sequential'):
        row = rows['III', name]
        assert row.params_m == pytest.approx(float(row.paper_params_m), rel=0.02)
        assert row.gmacs_thop == pytest.approx(float(row.paper_g), rel=0.02)
        assert row.gmacs_true < row.gmacs_thop


def test_the_stated_widths_of_tkn_sequential_do_not(rows):
    row = rows['III', 'TKN-Sequential, widths as stated']
    assert row.params_m == pytest.approx(31.7, abs=0.05)


@pytest.mark.parametrize(
    'name, params_m, gmacs',
    [
        ('3x3', 0.1425, 1.381),
        ('2x2', 0.0641, 0.537),
        ('1x1', 0.0170, 0.154),
        ('3x3, 1x1', 0.0815, 0.862),
    ],
)
def test_the_detectors_of_table_v_are_equal_to_every_printed_digit(rows, name, params_m, gmacs):
    row = rows['V', name]
    assert row.params_m == pytest.approx(params_m, abs=1e-4)
    assert row.gmacs_thop == pytest.approx(gmacs, abs=1e-3)
    assert difference(row.params_m, row.paper_params_m).startswith('=')
    assert difference(row.gmacs_thop, row.paper_g).startswith('=')


@pytest.mark.parametrize('name', ['TKN', 'TKN+RNN', 'TKN+LSTM', 'TKN+GRU', 'TKN+MLP'])
def test_the_predictors_of_table_vii_are_equal_to_every_printed_digit(rows, name):
    row = rows['VII', name]
    assert f'{row.params_m:.1f}' == row.paper_params_m
    assert f'{row.gmacs_thop:.1f}' == row.paper_g


def test_explicit_and_latent_keypoints_of_table_ix(rows):
    explicit, latent = rows['IX', 'explicit'], rows['IX', 'latent']
    assert (f'{explicit.params_m:.1f}', f'{explicit.gmacs_thop:.2f}') == ('0.7', '0.01')
    assert latent.params_m == pytest.approx(18.9, rel=0.005)
    assert f'{latent.gmacs_thop:.2f}' == '0.19'


def test_both_ways_of_counting_by_hand():
    conv = measure_size(lambda: nn.Conv2d(3, 5, 3, 2, 1), (2, 3, 8, 8))
    assert conv.params_m * 1e6 == pytest.approx(3 * 5 * 9 + 5)
    macs = 2 * 5 * 4 * 4 * 3 * 9
    assert conv.gmacs_thop * 1e9 == pytest.approx(macs)
    assert conv.gmacs_true * 1e9 == pytest.approx(macs)
    back = measure_size(lambda: nn.ConvTranspose2d(5, 3, 3, 2, 1, 1), (2, 5, 4, 4))
    assert back.gmacs_thop * 1e9 == pytest.approx(2 * 3 * 8 * 8 * 5 * 9)  # at the output's size
    assert back.gmacs_true * 1e9 == pytest.approx(2 * 5 * 4 * 4 * 3 * 9)  # at the input's
    lstm = measure_size(lambda: nn.LSTM(4, 6, batch_first=True), (1, 7, 4))
    assert lstm.gmacs_true * 1e9 == pytest.approx(7 * 4 * 6 * (4 + 6))


def test_counting_takes_no_memory_and_leaves_the_default_device():
    with torch.no_grad():
        size = measure_size(lambda: nn.Linear(10**6, 10**6), (1, 10**6))
    assert size.params_m == pytest.approx(1e6, rel=1e-5)  # 4 TB, were it real
    assert torch.zeros(1).device.type == 'cpu'


def test_differences_are_judged_by_the_digits_the_paper_prints():
    assert difference(0.017, '0.02') == '= (-15.0%)'
    assert difference(0.026, '0.02') == '+30.0%'
    assert difference(105.2, '105') == '= (+0.2%)'


def test_the_command_prints_every_row_and_writes_json(tmp_path, capsys, rows):
    assert main(['tables', 'sizes', '--json', str(tmp_path / 'new' / 'sizes.json')]) == 0
    printed = capsys.readouterr().out
    assert format_sizes(list(rows.values())) in printed
    written = json.loads((tmp_path / 'new' / 'sizes.json').read_text())['rows']
    assert [(r['table'], r['name']) for r in written] == list(rows)
    assert set(written[0]) == {
        'table',
        'name',
        'params_m',
        'gmacs_thop',
        'gmacs_true',
        'paper_params_m',
        'paper_g',
    }
    assert written[0]['params_m'] == pytest.approx(19.1, rel=0.02)


def test_a_missing_thop_is_one_line_with_the_mend(monkeypatch, capsys):
    monkeypatch.setitem(__import__('sys').modules, 'thop', None)
    assert main(['tables', 'sizes']) == 1
    error = capsys.readouterr().err
    assert 'pip install thop' in error
    assert error.count('\n') == 1
