"""Every backend against eager PyTorch in float32, and the window on any of them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_help import MS, needs_onnx, needs_openvino
from small_models import SIDE, WINDOW, moving_square, small_config, small_model

from tkn_ros.model.build import build
from tkn_ros.model.detector import STRUCTURES
from tkn_ros.streaming.backends.base import BackendError, render_context
from tkn_ros.streaming.backends.cuda import CUDABackend
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.backends.onnxruntime import ONNXRuntimeBackend
from tkn_ros.streaming.backends.openvino import OpenVINOBackend, openvino_precisions
from tkn_ros.streaming.backends.torch_cpu import TorchBackend
from tkn_ros.streaming.kept_graphs import keeping
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.window import SlidingWindow

# largest differences of keypoints (of about 1) and mean ones of bytes (of 255)
EXACT, ROUNDED = (1e-5, 0.05), (0.05, 6.0)
needs_bfloat16 = pytest.mark.skipif(
    'bfloat16' not in openvino_precisions(), reason='no bfloat16 on this CPU, or no OpenVINO'
)
MODEL = small_model(residual=True)
MADE = {}  # graphs take seconds to convert: once for all tests
BACKENDS = [
    pytest.param('stages', EXACT),
    pytest.param('eager-bfloat16', ROUNDED),
    pytest.param('cuda-on-cpu', EXACT),
    pytest.param('cuda-on-cpu-float16', ROUNDED),
    pytest.param('onnxruntime', EXACT, marks=needs_onnx),
    pytest.param('openvino-float32', EXACT, marks=needs_openvino),
    pytest.param('openvino-bfloat16', ROUNDED, marks=needs_bfloat16),
    pytest.param('openvino-int8', (0.05, 0.05), marks=needs_openvino),
    pytest.param('openvino-int8+bfloat16', ROUNDED, marks=needs_bfloat16),
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('graphs')


def make(name, model, folder=None):
    name, _, precision = name.partition('-')
    if name == 'stages':
        return TorchBackend(model)
    if name == 'eager':
        return TorchBackend(model, precision)
    if name == 'cuda':
        return CUDABackend(model, precision.removeprefix('on-cpu').strip('-') or 'float32', 'cpu')
    if name == 'onnxruntime':
        return ONNXRuntimeBackend(model, threads=1, cache=folder)
    return OpenVINOBackend(model, precision, threads=1, cache=folder)


def backend_of(name, folder):
    if name not in MADE:
        MADE[name] = make(name, MODEL, folder)
    return MADE[name]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def compare(backend, model, tolerance, cameras=2, horizon=WINDOW + 2, size=None):
    keypoints_error, bytes_off = tolerance
    reference, windows = EagerBackend(model), noise(cameras, WINDOW, SIDE, SIDE, 3)
    frames = np.ascontiguousarray(windows[:, -1])
    own, features = reference.encode(frames)
    mine, my_features = backend.encode(frames)
    assert (mine.float() - own).abs().max() <= keypoints_error
    torch.manual_seed(0)
    window = own[:, None] + 0.1 * torch.randn(cameras, WINDOW, *own.shape[1:])
    expected = reference.predict(window, horizon)
    predicted = backend.predict(window, horizon)
    assert predicted.shape == expected.shape
    assert (predicted.float() - expected).abs().max() <= keypoints_error * 2
    images = windows if size is None else noise(cameras, WINDOW, *size, 3, seed=1)
    drawn = backend.render(expected, mine, *render_context(backend, my_features, windows, images))
    right = reference.render(expected, own, *render_context(reference, features, windows, images))
    assert drawn.shape == right.shape == (cameras, horizon, *images.shape[2:])
    drawn, right = drawn.astype(int), right.astype(int)
    assert np.abs(drawn - right).mean() <= bytes_off
    assert np.ptp(right) > 50  # not a picture that any backend would draw


@pytest.mark.parametrize(('name', 'tolerance'), BACKENDS)
def test_it_draws_what_the_reference_draws(name, tolerance, folder):
    compare(backend_of(name, folder), MODEL, tolerance)


@pytest.mark.parametrize(('name', 'tolerance'), BACKENDS)
def test_a_background_that_goes_on(name, tolerance):
    model = small_model(drifts=True)
    backend = make(name, model)
    assert len(backend.background(noise(1, WINDOW, SIDE, SIDE, 3))) == 1
    compare(backend, model, tolerance)


@pytest.mark.parametrize(('name', 'tolerance'), [p for p in BACKENDS if not p.marks])
def test_at_any_size_and_as_whole_frames(name, tolerance):
    for form in ({'output': 'frame'}, {'output': 'change'}, {'drifts': True}):
        model = small_model(**form)
        for horizon, size in ((1, None), (3, (24, 40)), (2 * WINDOW + 1, None)):
            compare(make(name, model), model, tolerance, 1, horizon, size)


@pytest.mark.parametrize(('name', 'tolerance'), BACKENDS)
def test_later_results_leave_earlier_ones_alone(name, tolerance, folder):
    backend, m = backend_of(name, folder), WINDOW + 2
    first, features = backend.encode(noise(2, SIDE, SIDE, 3))
    kept = [first.clone(), *(h.clone() for h in features)]
    backend.encode(noise(2, SIDE, SIDE, 3, seed=1))
    assert all(torch.equal(a, b) for a, b in zip(kept, (first, *features)))
    window = first[:, None].expand(-1, WINDOW, -1, -1).contiguous()
    predicted = backend.predict(window, m)
    copy = predicted.clone()
    frames = backend.render(predicted, first, features, noise(2, SIDE, SIDE, 3))
    copied = frames.copy()
    backend.predict(window + 0.1, m)
    backend.render(predicted + 0.3, first, features, noise(2, SIDE, SIDE, 3, seed=2))
    assert torch.equal(predicted, copy) and np.array_equal(frames, copied)


@needs_openvino
def test_a_kept_graph_is_used_and_a_damaged_one_made_again(folder):
    backend_of('openvino-float32', folder).encode(noise(2, SIDE, SIDE, 3))
    (kept,) = (f for f in folder.glob('encode-2x*.xml'))
    before = kept.stat().st_mtime_ns
    compare(OpenVINOBackend(MODEL, 'float32', 1, folder), MODEL, EXACT)
    assert kept.stat().st_mtime_ns == before
    whole = kept.read_bytes()
    for damage in (b'<net', whole[:-100]):
        assert damage != whole
        kept.write_bytes(damage)
        MADE.clear()
        OpenVINOBackend(MODEL, 'float32', 1, folder).encode(noise(2, SIDE, SIDE, 3))
        assert kept.read_bytes() != damage


@pytest.mark.parametrize(
    'name',
    [
        'eager',
        pytest.param('openvino', marks=needs_openvino),
        pytest.param('onnxruntime', marks=needs_onnx),
    ],
)
@pytest.mark.parametrize('horizon', [1, 3])
def test_a_window_of_one_frame(name, horizon):
    backend = make_backend(MODEL, name, 'float32', 1, cached=False)
    keypoints = backend.encode(noise(1, SIDE, SIDE, 3))[0][:, None]  # (1, 1, K, 3)
    with torch.inference_mode():
        expected = MODEL.predict_keypoints(keypoints, horizon)
    assert torch.allclose(backend.predict(keypoints, horizon), expected, atol=1e-4)


@needs_onnx
@pytest.mark.parametrize('damage', [b'', b'<net', slice(0, -7)])
def test_a_kept_onnx_graph_is_used_and_a_damaged_one_made_again(damage, tmp_path):
    frames = noise(1, SIDE, SIDE, 3)
    expected = ONNXRuntimeBackend(MODEL, threads=1, cache=tmp_path).encode(frames)[0]
    (kept,) = tmp_path.glob('encode-1x*.onnx')
    before, whole = kept.stat().st_mtime_ns, kept.read_bytes()
    ONNXRuntimeBackend(MODEL, threads=1, cache=tmp_path).encode(frames)
    assert kept.stat().st_mtime_ns == before
    kept.write_bytes(damage if isinstance(damage, bytes) else whole[damage])
    again = ONNXRuntimeBackend(MODEL, threads=1, cache=tmp_path).encode(frames)[0]
    assert torch.equal(again, expected)
    assert kept.read_bytes() == whole


@needs_onnx
def test_what_onnx_runtime_cannot_do_is_a_backend_error(tmp_path, monkeypatch):
    """Its own errors are not RuntimeErrors: `auto` and the command line would not catch them."""
    import tkn_ros.streaming.backends.onnxruntime as module

    backend = ONNXRuntimeBackend(MODEL, threads=1, cache=tmp_path)
    backend.encode(noise(1, SIDE, SIDE, 3))
    (kept,) = tmp_path.glob('encode-1x*.onnx')
    with keeping(tmp_path / kept.name.replace('1x', '2x', 1)) as part:  # loads, but cannot run
        part.write_bytes(kept.read_bytes())
    with pytest.raises(BackendError, match='cannot run the stage "encode": .*; use backend "eag'):
        backend.encode(noise(2, SIDE, SIDE, 3))
    monkeypatch.setattr(module, 'to_onnx', lambda *inputs: b'<net')
    with pytest.raises(BackendError, match='cannot run the stage "encode"') as error:
        backend.encode(noise(3, SIDE, SIDE, 3))
    assert '\n' not in str(error.value) and not list(tmp_path.glob('encode-3x*'))


SIGNAL_STACK = """
import ctypes, faulthandler
from tkn_ros.streaming.backends.openvino import openvino_core
from tkn_ros.streaming.backends.signal_stack import _Stack
def now():
    stack = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack.start, stack.size
if {guarded}:
    faulthandler.enable()
before = now()
core = openvino_core()
assert now() == before, (before, now())
"""


@needs_openvino
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='sigaltstack is asked as on Linux')
@pytest.mark.parametrize('guarded', [False, True])
def test_signal_handlers_keep_their_stack(guarded):
    """OpenVINO sets aside one on which Python's handler of Ctrl-C may find no room."""
    ended = subprocess.run(
        [sys.executable, '-c', SIGNAL_STACK.format(guarded=guarded)], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize('structure', STRUCTURES)
@pytest.mark.parametrize('process', ['parallel', 'sequential'])
def test_every_network_of_the_paper_runs_on_the_stages(structure, process):
    config = small_config('frame', process=process)
    config = replace(config, detector=replace(config.detector, structure=structure))
    torch.manual_seed(0)
    model = build(config).eval()
    with torch.no_grad():
        for weight in model.detector.parameters():
            weight.normal_(0, 0.3)
    compare(TorchBackend(model), model, EXACT, cameras=1)
    frames = noise(1, WINDOW, SIDE, SIDE, 3)
    with torch.no_grad():
        clip = torch.from_numpy(frames).permute(0, 1, 4, 2, 3).float() / 255
        drawn, predicted = model(clip, 3)
    reference = EagerBackend(model)
    own, features = reference.encode(np.ascontiguousarray(frames[:, -1]))
    mine = reference.render(predicted, own, features, np.ascontiguousarray(frames[:, -1]))
    expected = (drawn.clamp(0, 1) * 255).round().permute(0, 1, 3, 4, 2).numpy()
    assert np.abs(mine.astype(int) - expected).max() <= 1


@pytest.mark.parametrize('drifts', [False, True])
def test_the_whole_step_of_the_gpu_keeps_its_own_window(drifts):
    model = small_model(residual=True, drifts=drifts)
    backend, reference = CUDABackend(model, 'float32', 'cpu'), SlidingWindow(model)
    clip = moving_square(9)
    for i, frame in enumerate(clip):
        reference.push(i * 33 * MS, frame)
        frames, keypoints = backend.step(frame[None], WINDOW, 6)
    expected = reference.predict(6)
    assert np.abs(keypoints[0] - expected.predicted).max() < 1e-5
    assert np.abs(frames[0].astype(int) - reference.render(expected)).max() <= 1


def test_the_window_runs_on_any_backend():
    clip = moving_square(7, 48, 64)
    plain = SlidingWindow(MODEL)
    fast = SlidingWindow(MODEL, backend=make('stages', MODEL))
    for i, frame in enumerate(clip):
        plain.push(i * 33 * MS, frame)
        fast.push(i * 33 * MS, frame)
    expected, predicted = plain.predict(5), fast.predict(5)
    assert np.abs(predicted.predicted - expected.predicted).max() < 1e-4
    off = fast.render(predicted, (48, 64)).astype(int) - plain.render(expected, (48, 64))
    assert np.abs(off).mean() < 0.05
