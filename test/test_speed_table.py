"""`tkn tables speed`: what is raced, what is counted, and how it stands beside the paper."""

import json

import numpy as np
import pytest
import torch

from tkn_ros.cli import main
from tkn_ros.paper.contenders import Task, build_contender, eager_call
from tkn_ros.paper.halves import halves_of
from tkn_ros.paper.memory import MemoryMeter
from tkn_ros.paper.race import Racer, race
from tkn_ros.paper.runtimes import SpeedRow
from tkn_ros.paper.speed import HalfRow, Speed, measure_speed
from tkn_ros.paper.speed_table import format_speed, paper_ms, ratios
from tkn_ros.paper.table_one import PAPER_PEERS, TABLE_1, TABLE_4

SMALL = Task('KTH', 32, 3, 4)


@pytest.fixture(scope='module')
def speed(tmp_path_factory):
    folder = tmp_path_factory.mktemp('graphs')
    with pytest.MonkeyPatch.context() as patch:  # two backends of the engine, and not five
        few = [('openvino', 'float32'), ('eager', '')]
        patch.setattr('tkn_ros.paper.runtimes.candidates', lambda model: few)
        found = measure_speed(folder, 0.0, networks=('struct-vrnn', 'tkn'), tasks=(SMALL,))
    assert len(list(folder.rglob('*.xml'))) == 1  # the peer's graph is kept
    return found


def test_every_network_is_raced_in_eager_and_on_a_runtime(speed):
    found = {(row.network, row.runtime.split()[0]) for row in speed.rows}
    assert {('struct-vrnn', 'eager'), ('struct-vrnn', 'openvino')} <= found
    assert {('tkn', 'eager'), ('tkn', 'engine:')} == {f for f in found if f[0] == 'tkn'}
    for row in speed.rows:
        assert row.ms > 0 and row.calls >= 2
        assert row.fps == pytest.approx(4 / row.ms * 1e3)
        model = build_contender(row.network, SMALL)
        params = sum(p.numel() for p in model.parameters())
        assert row.params_m == pytest.approx(params / 1e6)
        assert row.gmacs_thop > 0 and row.gmacs_true > 0


def test_rows_survive_json_and_stand_in_the_table(speed):
    assert Speed.from_json(json.loads(json.dumps(speed.as_json()))) == speed
    table = format_speed(speed)
    for name in ('Struct-VRNN', 'TKN', 'engine: ', speed.machine['processor']):
        assert name in table


def test_the_ratios_are_those_of_the_times():
    def row(network: str, runtime: str, ms: float) -> SpeedRow:
        return SpeedRow('KTH', network, network, runtime, 'float32', ms)

    rows = [row('tkn', 'eager', 10.0), row('tkn', 'engine: openvino', 2.0)]
    rows += [row('convlstm', 'eager', 20.0), row('convlstm', 'openvino', 5.0)]
    rows += [row('e3d-lstm', 'eager', 60.0), row('simvpv2', 'eager', 1.0)]
    found = ratios(Speed({}, rows))
    assert found['engine_to_mean'] == 20 and found['engine_to_e3d'] == 30
    assert found['engine_to_fast_mean'] == found['engine_to_fast_least'] == 2.5
    assert found['plain_to_mean'] == 4 and found['plain_to_least'] == 2
    assert found['paper_to_mean'] == pytest.approx((72 + 338) / 2 / 17)
    assert ratios(Speed({}, [])) == {}


def test_the_paper_says_twenty_times_as_fast_as_e3d_lstm():
    assert len(PAPER_PEERS) == 8 and len(TABLE_1) == 11
    assert paper_ms('e3d-lstm', 'KTH') / paper_ms('tkn', 'KTH') == pytest.approx(19.9, abs=0.05)
    mean = np.mean([paper_ms(name, 'KTH') for name in PAPER_PEERS])
    assert mean / paper_ms('tkn', 'KTH') == pytest.approx(13.6, abs=0.05)
    assert paper_ms('slamp', 'Human3.6M') is None and paper_ms('bundled', 'KTH') is None


@pytest.mark.parametrize('network', TABLE_4)
def test_the_halves_of_table_iv_are_the_whole(network):
    whole = build_contender(network, SMALL)
    detector, predictor = halves_of(network, SMALL)
    halves = [sum(p.numel() for p in half.module.parameters()) for half in (detector, predictor)]
    assert sum(halves) == sum(p.numel() for p in whole.parameters()) and min(halves) > 0
    for half in (detector, predictor):
        half.call()()
    row = HalfRow(network, network, 'detector', 1.0, halves[0] / 1e6, 1.0)
    assert 'Table IV' in format_speed(
        Speed(
            {'processor': '', 'threads': 1, 'torch': '', 'date': '', 'load_before': 0.0}, [], [row]
        )
    )


def test_the_detector_s_half_draws_keypoints_that_stand_still():
    whole = build_contender('tkn', SMALL)
    detector, predictor = halves_of('tkn', SMALL)
    frames = torch.rand(SMALL.shape)
    with torch.no_grad():
        keypoints, features = whole.observe(frames)
        drawn, _ = detector.module(frames, 3)  # of the window, which is its own future here
        torch.testing.assert_close(drawn, whole.render(keypoints, features))
        expected = whole.predict_keypoints(keypoints, 4)
        torch.testing.assert_close(predictor.module(keypoints, 4), expected)


def test_plain_and_frame_by_frame_draw_the_same():
    drawn = [eager_call(build_contender(n, SMALL), SMALL)() for n in ('tkn', 'tkn-wo-tp')]
    assert drawn[0].shape == (4, 32, 32, 3)
    assert np.abs(drawn[0].astype(int) - drawn[1]).max() <= 1


def test_everybody_takes_turns():
    calls: list[str] = []
    racers = [Racer(lambda name=name: calls.append(name)) for name in 'ab']
    race(racers, 0.0, least=2)
    order = [name for i, name in enumerate(calls) if i == 0 or calls[i - 1] != name]
    assert order == ['a', 'b', 'a', 'b']
    assert calls.count('a') == len(racers[0].times) + 2  # a turn's first call does not count
    racers[0].times = [1.0, 9.0, 2.0]
    assert racers[0].ms == 2.0


def test_memory_is_what_was_held_at_most():
    meter = MemoryMeter()
    before = meter.peak(lambda: None)
    grown = meter.peak(lambda: np.ones(100 * 2**20 // 8).sum())
    if before is None:  # no Linux
        pytest.skip('the peak of memory is known on Linux alone')
    assert 90 < grown - before < 130


def test_an_unknown_network_is_refused(capsys):
    assert main(['tables', 'speed', '--networks', 'oracle']) == 2
    assert '"oracle" is unknown; use some of convlstm' in capsys.readouterr().err
