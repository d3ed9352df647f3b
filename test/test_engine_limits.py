"""Backends: bounded memory, and clear errors for what is not there."""

import psutil
import pytest
import torch
from engine_help import MS, needs_onnx, needs_openvino
from small_models import moving_square, small_model

from tkn_ros.model.build import build
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.streaming.backends.base import BackendError
from tkn_ros.streaming.cache import KEPT_SHAPES, RunnerCache
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.window import SlidingWindow


def test_of_each_stage_the_shapes_used_last_are_kept():
    made = []

    def compile_stage(stage, inputs):
        made.append((stage, len(inputs[0])))
        return made[-1]

    runners = RunnerCache(compile_stage)

    def use(stage, size):
        assert runners(stage, (torch.empty(size, 2),)) == (stage, size)

    use('draw', 1)
    for size in range(1, KEPT_SHAPES + 1):
        use('encode', size)
    use('encode', 1)
    use('encode', KEPT_SHAPES + 1)  # in the place of 2, which was not used for longest
    del made[:]
    use('encode', 1)
    use('draw', 1)
    assert not made
    use('encode', 2)
    assert made == [('encode', 2)]


@pytest.mark.parametrize('name', ['eager', pytest.param('openvino', marks=needs_openvino)])
def test_ten_thousand_predictions_take_no_more_memory(name):
    config = TKNConfig(
        DetectorConfig(keypoints=4, channels=(4, 4), strides=(1, 2), kernels=(3, 3)),
        PredictorConfig(keypoints=4, d_model=8, layers=1, heads=1, d_head=8, d_inner=8),
        window=3,
        height=8,
        width=8,
    )
    model, clip = build(config).eval(), moving_square(8, 8, 8)
    window = SlidingWindow(model, backend=make_backend(model, name, threads=1, cached=False))
    process = psutil.Process()

    def run(first, last):
        for i in range(first, last):
            window.push(i * 33 * MS, clip[i % 8])
            if (prediction := window.predict(2)) is not None and i % 4 == 0:
                window.render(prediction)

    run(0, 1000)
    before = process.memory_info().rss
    run(1000, 11_000)
    assert process.memory_info().rss - before < 3 * 2**20


@pytest.mark.parametrize(
    ('name', 'precision', 'message'),
    [
        ('tensorrt', '', 'backend "tensorrt" is unknown; use one of auto, eager'),
        ('cuda', '', 'backend "cuda" runs on a GPU, and device is "cpu"'),
        pytest.param(
            'openvino',
            'float16',
            'precision "float16": backend "openvino" has',
            marks=needs_openvino,
        ),
        pytest.param(
            'onnxruntime',
            'int8',
            'precision "int8": backend "onnxruntime" has float32 only',
            marks=needs_onnx,
        ),
    ],
)
def test_what_cannot_be_had_is_named_with_the_way_out(name, precision, message):
    with pytest.raises(BackendError, match=message) as error:
        make_backend(small_model(), name, precision, cached=False)
    assert '\n' not in str(error.value)


def test_a_missing_package_is_named_with_its_install_line(monkeypatch):
    import tkn_ros.streaming.backends.onnxruntime as onnx_module
    import tkn_ros.streaming.backends.openvino as openvino_module

    monkeypatch.setattr(onnx_module, 'onnxruntime', None)
    monkeypatch.setattr(openvino_module, 'openvino', None)
    with pytest.raises(BackendError, match='pip install openvino'):
        make_backend(small_model(), 'openvino', cached=False)
    with pytest.raises(BackendError, match='pip install onnx onnxruntime'):
        make_backend(small_model(), 'onnxruntime', cached=False)
    backend = make_backend(small_model(), 'auto', cached=False)
    assert backend.name == 'eager' and 'pip install openvino' in backend.reason
