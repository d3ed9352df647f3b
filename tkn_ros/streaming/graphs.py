"""PyTorch modules as ONNX and OpenVINO graphs of fixed shapes."""

import io
import warnings
from collections.abc import Sequence

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

    buffer = io.BytesIO()
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


def to_openvino(module: nn.Module, inputs: Sequence[Tensor], names: tuple[list[str], list[str]]):
    """An `openvino.Model`.

    Args:
        module: the network or stage.
        inputs: examples of what goes in.
        names: of inputs and outputs.
    """
    import openvino

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


def weights_to_int8(graph) -> None:
    """Store the matrices of an `openvino.Model` in 8 bits, with a scale for each output, in place.

    The CPU multiplies in bfloat16 still; what is saved is half the reading of the weights.
    """
    from openvino import opset13 as ops

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
