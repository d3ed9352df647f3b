"""What the tests of the backends share."""

import importlib.util

import pytest

MS = 1_000_000


def has(*packages):
    return all(importlib.util.find_spec(name) for name in packages)


needs_openvino = pytest.mark.skipif(not has('openvino'), reason='openvino is not installed')
needs_onnx = pytest.mark.skipif(
    not has('onnx', 'onnxruntime'), reason='onnx and onnxruntime are not installed'
)
