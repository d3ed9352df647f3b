"""`tkn benchmark`: its figures are of what it says they are."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import SIDE, WINDOW, small_config, small_model

import tkn_ros.streaming.select as select
from tkn_ros.benchmark import quality, scaling, timing
from tkn_ros.benchmark.overhead import time_overhead
from tkn_ros.benchmark.quality import add_quality
from tkn_ros.benchmark.roofline import Rates, Work, count_work, measure_rates, roofline_ms
from tkn_ros.benchmark.rows import Setting, format_rows
from tkn_ros.benchmark.scaling import at, exponent, format_scaling, measure_scaling, plot_scaling
from tkn_ros.benchmark.timing import Naive, at_size, measure
from tkn_ros.cli import main
from tkn_ros.commands.benchmark_backends import backend_name
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.streaming.backends.cuda import CUDABackend, fastest_kernels
from tkn_ros.streaming.quality import synthetic_clips

RATES = Rates({'float32': 1e11, 'bfloat16': 2e11}, 1e10)
SMALL = Setting(SIDE, SIDE, WINDOW, 5)
KEYS = {
    'backend',
    'device',
    'threads',
    'height',
    'width',
    'window',
    'horizon',
    'batch',
    'ms_median',
    'ms_p99',
    'fps',
    'ratio_to_naive',
    'psnr_loss_db',
}


@pytest.fixture(autouse=True)
def _one_thread_and_an_own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv('TKN_CACHE_DIR', str(tmp_path / 'cache'))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_rows_are_consistent():
    rows = measure(small_model(), SMALL, [('eager', 'float32'), ('eager', 'bfloat16')], RATES, 0.1)
    naive, eager, half = rows
    assert [r.backend for r in rows] == ['naive', 'eager', 'eager'] and naive.ratio_to_naive == 1
    for row in rows:
        assert row.repetitions >= 15 and 0 < row.ms_median <= row.ms_p99
        assert row.fps == pytest.approx(5 / row.ms_median * 1e3)
        assert row.ratio_to_naive == pytest.approx(naive.ms_median / row.ms_median)
        assert (row.height, row.width, row.window, row.horizon, row.batch) == (
            SIDE,
            SIDE,
            WINDOW,
            5,
            1,
        )
    assert set(eager.stages) == {'encode', 'predict', 'draw'}
    assert all(ms > 0 for ms in eager.stages.values())  # how long is not for a test to say
    assert 'eager bfloat16' in format_rows(rows) and half.precision == 'bfloat16'


def test_the_ratio_is_that_of_the_work(monkeypatch):
    """A naive model that sleeps on top takes so much longer, and nothing else does."""
    run = Naive.__call__
    monkeypatch.setattr(Naive, '__call__', lambda *a: (time.sleep(0.05), run(*a))[1])
    naive, eager = measure(small_model(), SMALL, [('eager', 'float32')], RATES, 0.1)
    assert naive.ms_median > 50 > eager.ms_median * 1.5 and eager.ratio_to_naive > 1.5


def test_what_cannot_be_had_is_told_and_left_out():
    reported = []
    rows = measure(
        small_model(), SMALL, [('cuda', ''), ('eager', 'float32')], RATES, 0.01, say=reported.append
    )
    assert [r.backend for r in rows] == ['naive', 'eager']
    assert len(reported) == 1 and 'cuda' in reported[0] and 'left out' in reported[0]


def test_a_whole_step_as_one_graph_has_a_row_of_its_own(monkeypatch):
    gpu = CUDABackend(small_model(), 'float32', 'cpu')  # the same code, not recorded
    monkeypatch.setattr(timing, 'make_backend', lambda *a, **b: gpu)
    monkeypatch.setattr(quality, 'make_backend', lambda *a, **b: gpu)
    naive, staged, whole = rows = measure(small_model(), SMALL, [('cuda', 'float32')], RATES, 0.1)
    assert [r.backend for r in rows] == ['naive', 'cuda', 'cuda step']
    assert set(staged.stages) == {'encode', 'predict', 'draw'} and not whole.stages
    assert whole.ratio_to_naive == pytest.approx(naive.ms_median / whole.ms_median)
    add_quality(rows, small_model(), synthetic_clips(small_model(), WINDOW, 2), WINDOW)
    assert whole.psnr_db == staged.psnr_db is not None


def test_recording_for_a_gpu_leaves_cudnn_on():
    with fastest_kernels():
        assert torch.backends.cudnn.enabled and torch.backends.cudnn.benchmark


def test_several_cameras_count_as_so_many_frames():
    rows = measure(
        small_model(),
        Setting(SIDE, SIDE, WINDOW, 3, 4),
        [('eager', 'float32')],
        RATES,
        0.01,
        least=1,
    )
    assert rows[1].fps == pytest.approx(12 / rows[1].ms_median * 1e3)


def test_quality_of_each_row():
    model = small_model()
    rows = measure(model, SMALL, [('eager', 'float32'), ('eager', 'bfloat16')], RATES, 0.01)
    add_quality(rows, model, synthetic_clips(model, WINDOW, 5), WINDOW)
    assert rows[0].psnr_db == rows[1].psnr_db and rows[0].psnr_loss_db == rows[1].psnr_loss_db == 0
    assert rows[2].psnr_db != rows[1].psnr_db
    assert rows[2].psnr_loss_db == pytest.approx(rows[1].psnr_db - rows[2].psnr_db)
    assert 3 < rows[0].psnr_db < 60 and -1 <= rows[0].ssim <= 1


def test_the_floor_is_arithmetic():
    work = Work(encode=10**9, predict=4 * 10**9, draw=10**9, passes=2, weights=10**8)
    assert roofline_ms(work, RATES, 'float32') == pytest.approx(1e3 * (2e9 / 1e11 + 8e8 / 1e10))
    assert roofline_ms(work, RATES, 'int8+bfloat16') == pytest.approx(
        1e3 * (2e9 / 2e11 + 4e9 / 2e11)
    )
    assert roofline_ms(work, RATES, 'int8') == pytest.approx(1e3 * (2e9 / 1e11 + 4e9 / 2e11))
    full = build(TKNConfig()).eval()
    ten, twenty = (count_work(full, 64, 64, 10, m) for m in (10, 20))
    assert ten.passes == 1 and twenty.passes == 2 and twenty.predict == 2 * ten.predict
    assert ten.weights == pytest.approx(18.9e6, rel=0.01)
    assert ten.predict == pytest.approx(0.19e9, rel=0.05)  # the paper's figure
    frame = (twenty.draw - ten.draw) / 10
    assert ten.draw == pytest.approx(11 * frame, rel=0.02)  # the shared half is one frame's work


def test_the_machines_rates_are_plausible():
    torch.set_num_threads(1)
    rates = measure_rates('cpu', 0.2)
    assert 1e8 < rates.macs['float32'] < 1e13 and 1e8 < rates.macs['bfloat16'] < 1e13
    assert 1e8 < rates.bytes_read < 1e13


def test_around_the_network():
    times = time_overhead(SIDE, SIDE, 4)
    assert set(times) == {'decode_image', 'resize', 'publish'}
    assert all(0 < t < 1000 for t in times.values())


def test_growth(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, 'AXES', {'horizon': (2, 8), 'side': (16, 32), 'cameras': (1, 2)})
    monkeypatch.setattr(scaling, 'Setting', lambda: Setting(SIDE, SIDE, WINDOW, 2))
    grown = measure_scaling(
        small_model(),
        ('eager', 'float32'),
        RATES,
        0.05,
        axes=('horizon', 'side', 'cameras'),
        say=lambda text: None,
    )
    assert [row.horizon for row in grown['horizon']] == [2, 2, 8, 8]
    assert at('side', 128).height == 128 and at('cameras', 4).batch == 4
    text = format_scaling(grown)
    assert '| 8 |' in text and 'time ~ horizon^' in text
    plot_scaling(grown, tmp_path / 'growth.png')
    assert (tmp_path / 'growth.png').stat().st_size > 5000


def test_the_exponent_of_growth():
    rows = measure(small_model(), SMALL, [('eager', 'float32')], RATES, 0.01, least=1)[1:] * 2
    a, b = replace(rows[0], horizon=10, ms_median=2.0), replace(rows[0], horizon=40, ms_median=8.0)
    assert exponent('horizon', [a, b]) == pytest.approx(1)
    a, b = replace(a, height=64), replace(a, height=256, ms_median=32.0)
    assert exponent('side', [a, b]) == pytest.approx(1)  # per pixel


def test_another_size_leaves_the_model_as_it_is():
    model = small_model()
    twin = at_size(model, Setting(48, 64))
    assert (twin.config.height, twin.config.width) == (48, 64) and model.config.height == SIDE
    assert next(twin.parameters()) is next(model.parameters())


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(select, 'candidates', lambda model: [('eager', '')])
    weights, out = tmp_path / 'small.safetensors', tmp_path / 'out' / 'run.json'
    save_checkpoint(weights, build(small_config()))
    assert (
        main(
            [
                'benchmark',
                '--weights',
                str(weights),
                '--backends',
                'eager',
                'eager:bfloat16',
                '--sizes',
                '32',
                '--horizons',
                '3',
                '--window',
                '4',
                '--threads',
                '1',
                '--seconds',
                '0.1',
                '--json',
                str(out),
                '--device',
                'cpu',
            ]
        )
        == 0
    )
    text = capsys.readouterr().out
    assert 'naive float32' in text and 'auto:' in text and 'PSNR' in text
    result = json.loads(out.read_text())
    assert {'machine', 'rows', 'auto'} <= set(result)
    assert all(set(row) >= KEYS for row in result['rows'])
    assert [row['threads'] for row in result['rows']] == [1, 1, 1]
    assert result['machine']['cores'] and result['machine']['versions']['torch']
    assert np.isfinite([row['psnr_loss_db'] for row in result['rows']]).all()


def test_wrong_options_get_one_line(tmp_path, capsys):
    assert main(['benchmark', '--weights', str(tmp_path / 'none.safetensors')]) == 2
    assert capsys.readouterr().err.count('\n') == 1
    with pytest.raises(SystemExit):
        main(['benchmark', '--sizes', '0'])
    assert backend_name('openvino:int8') == ('openvino', 'int8')
