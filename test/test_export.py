"""Exported files do what the network does, in the runtimes that they are for."""

import json

import numpy as np
import pytest
import torch
from small_models import SIDE, WINDOW, moving_square, small_model

import tkn_ros.streaming.export as exporting
from tkn_ros.cli import main
from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.streaming.backends.openvino import openvino_core
from tkn_ros.streaming.export import ExportError, export
from tkn_ros.streaming.window import SlidingWindow

HORIZON = WINDOW + 1


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'small.safetensors'
    save_checkpoint(path, small_model(residual=True))
    return path


def expected_of(frames, horizon):
    """(B, n, H, W, 3) -> what the plain network gives, as bytes, and keypoints."""
    with torch.no_grad():
        drawn, keypoints = small_model(residual=True)(
            torch.from_numpy(frames).permute(0, 1, 4, 2, 3).float() / 255, horizon
        )
    return (drawn.clamp(0, 1) * 255).round().permute(0, 1, 3, 4, 2).numpy(), keypoints.numpy()


def test_onnx_whole_in_onnx_runtime(weights, tmp_path, capsys):
    onnxruntime = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    pytest.importorskip('onnx', reason='onnx is not installed')
    assert (
        main(
            [
                'export',
                '--weights',
                str(weights),
                '--out',
                str(tmp_path),
                '--horizon',
                str(HORIZON),
                '--cameras',
                '2',
            ]
        )
        == 0
    )
    assert 'whole.onnx' in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / 'whole.onnx')
    described = json.loads((tmp_path / 'export.json').read_text())['graphs']['whole']
    assert [(i.name, i.shape) for i in session.get_inputs()] == [
        (i['name'], i['shape']) for i in described['inputs']
    ]
    frames = np.stack([moving_square(WINDOW), moving_square(WINDOW, seed=4)])
    results = dict(
        zip([o.name for o in session.get_outputs()], session.run(None, {'frames': frames}))
    )
    drawn, keypoints = expected_of(frames, HORIZON)
    assert np.abs(results['predicted_keypoints'] - keypoints).max() < 1e-5
    assert np.abs(results['predicted_frames'] - drawn).max() <= 1
    assert results['predicted_frames'].shape == (2, HORIZON, SIDE, SIDE, 3)


def test_openvino_stages_make_a_stream(weights, tmp_path):
    pytest.importorskip('openvino', reason='openvino is not installed')
    assert (
        main(
            [
                'export',
                '--format',
                'openvino',
                '--parts',
                'stages',
                '--weights',
                str(weights),
                '--out',
                str(tmp_path),
                '--horizon',
                str(WINDOW),
            ]
        )
        == 0
    )
    described = json.loads((tmp_path / 'export.json').read_text())
    assert described['residual'] is True and set(described['graphs']) == {
        'encode',
        'predict',
        'draw',
    }
    encode, predict, draw = (
        openvino_core().compile_model(
            tmp_path / f'{name}.xml', 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'}
        )
        for name in ('encode', 'predict', 'draw')
    )
    window, ring = SlidingWindow(small_model(residual=True)), []
    for i, frame in enumerate(moving_square(WINDOW + 2)):
        window.push(i * 33_000_000, frame)
        encoded = encode({'frames': frame[None]})
        ring.append(encoded['keypoints'])
    known = np.stack(ring[-WINDOW:], 1)
    predicted = predict({'keypoints': known})['predicted_keypoints'] + known[:, -1:]
    features = {
        name['name']: encoded[name['name']] for name in described['graphs']['encode']['outputs'][1:]
    }
    drawn = draw(
        {'keypoints': predicted, 'own_keypoints': ring[-1], 'frame': frame[None], **features}
    )['predicted_frames']
    expected = window.predict(WINDOW)
    assert np.abs(predicted[0] - expected.predicted).max() < 1e-4
    assert np.abs(drawn[0].astype(int) - window.render(expected)).mean() < 0.05


def test_a_torch_program_needs_no_tkn_ros(weights, tmp_path):
    assert (
        main(
            [
                'export',
                '--format',
                'torch',
                '--weights',
                str(weights),
                '--out',
                str(tmp_path),
                '--horizon',
                '2',
            ]
        )
        == 0
    )
    program = torch.export.load(tmp_path / 'whole.pt2').module()
    frames = moving_square(WINDOW)[None]
    drawn, keypoints = program(torch.from_numpy(frames))
    expected, expected_keypoints = expected_of(frames, 2)
    assert np.abs(drawn.numpy() - expected).max() <= 1
    assert np.abs(keypoints.numpy() - expected_keypoints).max() < 1e-5


def test_a_file_that_does_something_else_is_refused(tmp_path, monkeypatch):
    run = exporting._write_and_run

    def wrong(*arguments):
        drawn, keypoints = run(*arguments)
        return [drawn, keypoints + 0.1]

    monkeypatch.setattr(exporting, '_write_and_run', wrong)
    with pytest.raises(ExportError, match=r'differs from the reference by 0\.\d+ in the keypoints'):
        export(small_model(), tmp_path, 'torch', horizon=1)


def test_what_cannot_be_exported_is_named(weights, tmp_path, capsys):
    with pytest.raises(ExportError, match='format "tflite" is unknown; use one of onnx'):
        export(small_model(), tmp_path, 'tflite')
    with pytest.raises(ExportError, match='parts is "half"'):
        export(small_model(), tmp_path, 'torch', 'half')
    (tmp_path / 'file').write_text('')
    assert (
        main(
            [
                'export',
                '--weights',
                str(weights),
                '--format',
                'torch',
                '--out',
                str(tmp_path / 'file'),
            ]
        )
        == 2
    )
    assert capsys.readouterr().err.count('\n') == 1


@pytest.mark.parametrize('parts', ['whole', 'stages'])
def test_a_background_that_goes_on(tmp_path, parts):
    """The files are checked against the plain network before this returns."""
    done = export(small_model(drifts=True), tmp_path, 'torch', parts, HORIZON)
    names = {path.path.stem for path in done}
    assert names == ({'whole'} if parts == 'whole' else {'encode', 'predict', 'draw', 'background'})
    described = json.loads((tmp_path / 'export.json').read_text())['graphs']
    if parts == 'stages':
        assert described['draw']['inputs'][2]['shape'] == [1, SIDE, SIDE, 6]
