"""PyTorch modules as ONNX and OpenVINO graphs of fixed shapes."""

import io
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

OPSET = 18


def stage_names(stage: str, inputs: int) -> tuple[list[str], list[str]]:
    """The names of a stage's inputs and outputs; `inputs` is how many go in.

    Only 'draw' has features going in; how many come out of 'encode' is not known here, and they
    are numbered.
    """
    if stage == 'draw':
        features = [f'h{i + 1}' for i in range(inputs - 3)]
        return ['keypoints', 'own_keypoints', 'frame', *features], ['predicted_frames']
    return {
        'encode': (['frames'], ['keypoints']),
        'predict': (['keypoints'], ['predicted_keypoints']),
        'background': (['frames'], ['drift']),
        'detect': (['frames'], ['motion']),
        'tracks': (['tracks', 'known', 'present'], ['mean', 'sigma']),
        'drift': (['frames', 'keypoints', 'active'], ['drift']),
        'compose': (['source', 'drift', 'steps'], ['predicted_frames']),
        'frames': (['frames', 'steps'], ['predicted_frames', 'sum']),
        'whole': (['frames'], ['predicted_frames', 'predicted_keypoints']),
    }[stage]


def to_onnx(
    module: nn.Module,
    inputs: Sequence[Tensor],
    names: tuple[list[str], list[str]],
) -> bytes:
    """An ONNX file's bytes. Needs the package onnx; ImportError without it.

    Args:
        module: the network or stage.
        inputs: examples of what goes in.
        names: of inputs and outputs.
    """
    import onnx  # noqa: F401 - torch's own message does not say how to install it

    buffer: Any = io.BytesIO()  # the stub of `export` wants a path; the exporter writes to either
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # shapes are fixed on purpose
        torch.onnx.export(
            module,
            tuple(inputs),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=names[0],
            output_names=names[1],
        )
    return buffer.getvalue()


def import_openvino() -> Any:
    """The module `openvino`, without its telemetry. Raises ImportError where it is missing.

    Its converter would send statistics over the network, from a process forked among threads,
    which hangs where names cannot be resolved. It does without where the package is missing.
    """
    modules: dict[str, Any] = sys.modules  # None there: it cannot be imported
    modules.setdefault('openvino_telemetry', None)
    import openvino

    return openvino


def to_openvino(
    module: nn.Module, inputs: Sequence[Tensor], names: tuple[list[str], list[str]]
) -> Any:
    """An `openvino.Model`.

    Args:
        module: the network or stage.
        inputs: examples of what goes in.
        names: of inputs and outputs.
    """
    openvino = import_openvino()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(module, tuple(inputs), check_trace=False)
        graph = openvino.convert_model(
            traced, example_input=tuple(inputs), input=[tuple(t.shape) for t in inputs]
        )
    for ports, of_ports in ((graph.inputs, names[0]), (graph.outputs, names[1])):
        for port, name in zip(ports, of_ports):
            port.get_tensor().set_names({name})
    return graph


def weights_to_int8(graph: Any) -> None:
    """Store the matrices of an `openvino.Model` in 8 bits, with a scale for each output, in place.

    The CPU multiplies in bfloat16 still; what is saved is half the reading of the weights.
    """
    ops = import_openvino().opset13

    for node in graph.get_ordered_ops():
        if node.get_type_name() != 'MatMul' or not node.get_attributes()['transpose_b']:
            continue
        source = node.input_value(1).get_node()
        if source.get_type_name() != 'Constant' or len(source.get_output_shape(0)) != 2:
            continue
        weight = source.data.astype(np.float32)  # (out, in)
        scale = np.maximum(np.abs(weight).max(1, keepdims=True), 1e-12) / 127
        small = ops.constant(np.round(weight / scale).astype(np.int8))
        restored = ops.multiply(ops.convert(small, 'f32'), ops.constant(scale))
        node.input(1).replace_source_output(restored.output(0))
