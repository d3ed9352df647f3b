"""Networks whose keypoints are followed: every backend and every exported file does the same."""

import json

import numpy as np
import pytest
import torch
from engine_help import needs_onnx, needs_openvino
from small_models import moving_patch, small_following_config

from tkn_ros.cli import main
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.backends.cuda import CUDABackend
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.backends.onnxruntime import ONNXRuntimeBackend
from tkn_ros.streaming.backends.openvino import OpenVINOBackend, openvino_core
from tkn_ros.streaming.backends.torch_cpu import TorchBackend
from tkn_ros.streaming.export import ExportError, export
from tkn_ros.streaming.export_graphs import examples_of, graphs_of
from tkn_ros.streaming.make_window import make_window

STAGES = ('detect', 'tracks', 'drift', 'compose')
BACKENDS = {
    'stages': lambda model: TorchBackend(model),
    'cuda-on-cpu': lambda model: CUDABackend(model, 'float32', 'cpu'),
    'onnxruntime': lambda model: ONNXRuntimeBackend(model, threads=1),
    'openvino': lambda model: OpenVINOBackend(model, 'float32', threads=1),
}
NEEDS = {'onnxruntime': needs_onnx, 'openvino': needs_openvino}
MS = 1_000_000


@pytest.fixture(scope='module')
def model():
    """The bundled form, small, with weights that make everything move."""
    torch.manual_seed(0)
    model = build(small_following_config()).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2)
    return model


@pytest.fixture(scope='module')
def bundled():
    return load_checkpoint()


def compare(found, expected, what):
    """Bytes to 1 of 255, everything else to a ten-thousandth of its largest value."""
    for ours, right in zip(found, expected, strict=True):
        ours, right = np.asarray(ours), np.asarray(right)
        assert ours.shape == right.shape and ours.dtype == right.dtype, what
        off = np.abs(ours.astype(float) - right).max()
        assert off <= (1 if right.dtype == np.uint8 else 1e-4 * max(1, np.abs(right).max())), what
        assert np.ptp(right) > 1e-3, f'{what} is the same everywhere: that proves nothing'


@pytest.mark.parametrize(
    'name', [pytest.param(name, marks=NEEDS.get(name, ())) for name in BACKENDS]
)
def test_a_backend_runs_every_stage_as_the_reference_does(name, model):
    backend: Backend = BACKENDS[name](model)
    reference = EagerBackend(model)
    for cameras in (1, 2):
        examples = examples_of(model, graphs_of(model, '', 7, False), cameras, 4, 7)
        assert set(examples) == set(STAGES)
        for stage, inputs in examples.items():
            found, expected = backend.run(stage, *inputs), reference.run(stage, *inputs)
            compare(found, expected, f'{stage} of {cameras}')


@needs_onnx
def test_the_bundled_weights_predict_the_same_by_onnx_runtime(bundled):
    """ONNX Runtime has no kernel for some operators that the exporter may write (EyeLike)."""
    clip, found = moving_patch(14), []
    for backend in (EagerBackend(bundled), ONNXRuntimeBackend(bundled, threads=1)):
        window = make_window(bundled, backend=backend)
        for i, frame in enumerate(clip):
            window.push(i * 33 * MS, frame)
        found.append(window.predict(10))
    expected, ours = found
    assert expected.active.sum() > 3
    assert np.abs(ours.predicted - expected.predicted).max() < 1e-3
    assert np.abs(ours.sigma - expected.sigma).max() < 1e-3


def run_onnx(path, feed):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, {i.name: feed[i.name] for i in session.get_inputs()})))


def run_openvino(path, feed):
    precision = {'INFERENCE_PRECISION_HINT': 'f32'}
    compiled = openvino_core().compile_model(path, 'CPU', precision)
    results = compiled({port: feed[port.get_any_name()] for port in compiled.inputs})
    return {name: results[port] for port in compiled.outputs for name in port.get_names()}


def run_torch(path, feed):
    told = json.loads((path.parent / 'export.json').read_text())['graphs'][path.stem]
    inputs = [torch.from_numpy(feed[i['name']]) for i in told['inputs']]
    with torch.no_grad():
        results = torch.export.load(path).module()(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    return {o['name']: r.numpy() for o, r in zip(told['outputs'], results)}


RUN = {'onnx': run_onnx, 'openvino': run_openvino, 'torch': run_torch}


@pytest.mark.parametrize(
    'kind',
    [
        pytest.param('onnx', marks=needs_onnx),
        pytest.param('openvino', marks=needs_openvino),
        'torch',
    ],
)
def test_tkn_export_of_the_bundled_weights(kind, bundled, tmp_path, capsys):
    """Into every format, without other options; the files are run here as anybody would."""
    code = main(['export', '--format', kind, '--out', str(tmp_path), '--horizon', '5'])
    assert code == 0
    said = capsys.readouterr().out
    told = json.loads((tmp_path / 'export.json').read_text())
    assert set(told['graphs']) == set(STAGES) and told['horizon'] == 5
    assert told['residual'] is False
    reference = EagerBackend(bundled)
    window = bundled.config.window
    examples = examples_of(bundled, graphs_of(bundled, '', 5, False), 1, window, 5)
    for stage, about in told['graphs'].items():
        path = tmp_path / about['file']
        assert path.name in said
        inputs = examples[stage]
        assert [i['shape'] for i in about['inputs']] == [list(t.shape) for t in inputs]
        feed = {i['name']: t.numpy() for i, t in zip(about['inputs'], inputs)}
        results = RUN[kind](path, feed)
        found = [results[o['name']] for o in about['outputs']]
        compare(found, reference.run(stage, *inputs), stage)


def test_followed_keypoints_are_no_single_graph(model, tmp_path):
    with pytest.raises(ExportError, match='no single graph.*use "stages"'):
        export(model, tmp_path, 'torch', 'whole')
    assert not list(tmp_path.iterdir())
