"""`tkn benchmark --node`: cameras, the node and listeners over loopback."""

import json
from dataclasses import replace

import pytest
from ros_rig import ros_or_skip

ros_or_skip()

from tkn_ros.benchmark.node import NodeSetting, _growth, measure_node  # noqa: E402
from tkn_ros.benchmark.node_scenarios import DRAWING, SCENARIOS, USUAL  # noqa: E402
from tkn_ros.cli import main  # noqa: E402


def test_the_node_is_measured_from_outside(tmp_path, tiny_weights, capsys):
    code = main(
        [
            *('benchmark', '--node', '--weights', str(tiny_weights), '--camera-size', '128', '96'),
            *('--rate', '10', '--seconds', '6', '--output-size', '-1', '-1', '--steps', '2', '5'),
            *('--json', str(tmp_path / 'node.json')),
        ]
    )
    assert code == 0
    found = json.loads((tmp_path / 'node.json').read_text())['node']['custom']
    (camera,) = found['cameras']
    assert camera['sent'] >= 50 and camera['keypoints'] >= 20
    assert camera['counted']['received'] >= 10 and camera['counted']['dropped'] == 0
    assert 0 < camera['processing_ms']['p50'] < camera['latency_ms']['p50']
    assert camera['bursts'] >= 20 and camera['frames'] >= 40
    assert camera['latency_ms']['p50'] < camera['last_frame_ms']['p50']
    assert len(camera['latency_quarters_ms']) == 4 and 0 < camera['ros_share'] < 1
    assert found['resident_mib'] > 50 and 0 < found['cpu_share'] < 3
    said = capsys.readouterr().out
    assert 'stamp to keypoints' in said and 'stamp to last frame' in said


def test_two_cameras_are_counted_apart(tiny_weights):
    setting = NodeSetting((96, 64), 10, 5, False, {'weights': str(tiny_weights)}, cameras=2)
    left, right = measure_node(setting)['cameras']
    for camera in (left, right):
        assert camera['sent'] >= 40 and camera['keypoints'] >= 10
        assert camera['counted']['dropped'] == 0
        # those of both would be twice as many as one camera sends
        assert 5 <= camera['counted']['received'] <= camera['sent']
    with pytest.raises(ValueError, match='cameras is 5'):
        measure_node(replace(setting, cameras=5))


def test_a_run_by_name(tmp_path, tiny_weights, capsys):
    code = main(
        [
            *('benchmark', '--node', 'camera-size', '--weights', str(tiny_weights)),
            *('--seconds', '5', '--json', str(tmp_path / 'node.json')),
        ]
    )
    assert code == 0
    found = json.loads((tmp_path / 'node.json').read_text())['node']
    assert set(found) == {'camera-size'}
    assert found['camera-size']['cameras'][0]['bursts_per_s'] > 5
    assert 'steps [3, 6, 10]' in capsys.readouterr().out


def test_frames_are_drawn_without_the_node(capsys):
    assert main(['benchmark', '--node', DRAWING]) == 0
    assert '10 frames of 640x480 in ' in capsys.readouterr().out


def test_what_cannot_be_run_is_named(capsys):
    assert main(['benchmark', '--node', 'night']) == 2
    said = capsys.readouterr().err
    assert '--node night is unknown' in said and all(name in said for name in SCENARIOS)
    assert main(['benchmark', '--node', 'hd', '--rate', '5']) == 2
    assert 'give either' in capsys.readouterr().err
    assert 'long' not in USUAL and {*USUAL, 'long'} == {*SCENARIOS, DRAWING}


def test_growth_is_the_slope_of_what_has_settled():
    times = range(0, 600)
    still = [(float(t), 700.0 if t > 30 else 300.0 + 10 * t) for t in times]
    assert abs(_growth(still)) < 0.01
    leaking = [(t, mib + t / 600) for t, mib in still]
    assert abs(_growth(leaking) - 1) < 0.02
    assert _growth(still[:2]) is None
