"""The network as files for other runtimes, each checked against the reference.

'whole' is one graph from a window of frames to predicted frames and keypoints. 'stages' are those
of `stages.py` or `following_stages.py`, for programs that keep a window of keypoints as
`SlidingWindow` does. Shapes are fixed. Beside the graphs lies export.json with the names, shapes
and types of what goes in and out, and what the check found.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.model.build import Network
from tkn_ros.streaming.backends.base import BackendError
from tkn_ros.streaming.export_graphs import ExportError, WholeGraph, examples_of, graphs_of
from tkn_ros.streaming.graphs import import_openvino, stage_names, to_onnx, to_openvino
from tkn_ros.streaming.stages import to_bytes
from tkn_ros.whole_file import whole_file

DESCRIPTION_FILE = 'export.json'
FORMATS = {'onnx': 'onnx', 'openvino': 'xml', 'torch': 'pt2'}  # their files' endings
KEYPOINTS_TOLERANCE = 1e-3  # largest difference that the check lets pass, in the grid's units
FRAMES_TOLERANCE = 2  # the same for a frame's bytes


@dataclass(frozen=True)
class Exported:
    """One file and how far it is from the reference: of keypoints, and of frames' bytes.

    Attributes:
        path: of the file.
        keypoints_error: largest difference, in the grid's units.
        frames_error: largest difference of a byte.
    """

    path: Path
    keypoints_error: float
    frames_error: int


def export(
    model: Network,
    folder: str | Path,
    kind: str = 'onnx',
    parts: str = '',
    horizon: int = 10,
    cameras: int = 1,
    window: int = 0,
) -> list[Exported]:
    """Write the network into a folder, read it again and compare.

    Raises BackendError where a package is missing, ExportError where the written file, read again
    and run, differs from the reference by more than KEYPOINTS_TOLERANCE or FRAMES_TOLERANCE, and
    for a format, or parts, that there are not.

    Args:
        model: the network.
        folder: where files are written.
        kind: one of FORMATS.
        parts: 'whole' or 'stages'; '': 'whole' where the network is one graph.
        horizon: m, frames to predict.
        cameras: B, cameras in a batch.
        window: n, frames observed.
    """
    if kind not in FORMATS:
        raise ExportError(f'format "{kind}" is unknown; use one of {", ".join(FORMATS)}')
    folder = Path(folder)
    window = window or model.config.window
    modules = graphs_of(model.cpu().float().eval(), parts, horizon, shuffle=kind == 'openvino')
    examples = examples_of(model, modules, cameras, window, horizon)
    done, described = [], {}
    with whole_file(folder / DESCRIPTION_FILE) as description:  # the graphs appear with it
        for name, module in modules.items():
            inputs = examples[name]
            expected = _reference(model, module, inputs)
            names = stage_names(name, len(inputs))
            names = names[0], names[1] + [f'h{i + 1}' for i in range(len(expected) - len(names[1]))]
            path = folder / f'{name}.{FORMATS[kind]}'
            results = _write_and_run(module, inputs, names, kind, description.parent / path.name)
            error = _check(path, results, expected)
            done.append(error)
            described[name] = {
                'file': path.name,
                'inputs': _describe(names[0], inputs),
                'outputs': _describe(names[1], expected),
                'difference': {'keypoints': error.keypoints_error, 'frames': error.frames_error},
            }
        about = {
            'residual': model.config.predictor.residual and not model.config.following,
            'window': window,
            'horizon': horizon,
            'graphs': described,
        }
        description.write_text(json.dumps(about, indent=1) + '\n')
    return done


@torch.no_grad()
def _reference(model: Network, module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """What must come out: of the whole, what the plain network gives; of a stage, what it gives
    in PyTorch, which the tests hold to the plain network."""
    if isinstance(module, WholeGraph):
        frames = inputs[0].permute(0, 1, 4, 2, 3).float() / 255
        drawn, predicted = model(frames, module.horizon)
        return [to_bytes(drawn), predicted]
    expected = module(*inputs)
    return [expected] if isinstance(expected, Tensor) else list(expected)


def _write_and_run(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    names: tuple[list[str], list[str]],
    kind: str,
    path: Path,
) -> list[np.ndarray]:
    """Write the file, then read it again and run it on the same inputs."""
    feed = {name: t.numpy() for name, t in zip(names[0], inputs)}
    if kind == 'torch':
        program = torch.export.export(module, tuple(inputs))
        torch.export.save(program, path)
        with torch.no_grad():
            results = torch.export.load(path).module()(*inputs)
        return [r.numpy() for r in ([results] if isinstance(results, Tensor) else results)]
    if kind == 'openvino':
        try:
            openvino = import_openvino()
        except ImportError:
            raise BackendError(
                'format "openvino" needs the package openvino: pip install openvino'
            ) from None
        from tkn_ros.streaming.backends.openvino import openvino_core

        openvino.save_model(to_openvino(module, inputs, names), path, compress_to_fp16=False)
        core = openvino_core()
        compiled = core.compile_model(
            core.read_model(path), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'}
        )
        results = compiled({port: feed[port.get_any_name()] for port in compiled.inputs})
        return [np.array(results[port]) for port in compiled.outputs]
    try:
        path.write_bytes(to_onnx(module, inputs, names))
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f'format "onnx" needs the package {error.name} (the second to check '
            'the file): pip install onnx onnxruntime'
        ) from None
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(None, {port.name: feed[port.name] for port in session.get_inputs()})


def _check(path: Path, results: list[np.ndarray], expected: list[Tensor]) -> Exported:
    keypoints_error, frames_error = 0.0, 0
    for result, tensor in zip(results, expected):
        reference = tensor.numpy()
        if result.shape != reference.shape:
            raise ExportError(
                f'{path}: an output has shape {result.shape}, expected {reference.shape}'
            )
        off = np.abs(result.astype(np.float64) - reference).max()
        if reference.dtype == np.uint8:
            frames_error = max(frames_error, int(off))
        else:  # features are of any size, keypoints of about one
            keypoints_error = max(keypoints_error, float(off / max(1.0, np.abs(reference).max())))
    if keypoints_error > KEYPOINTS_TOLERANCE or frames_error > FRAMES_TOLERANCE:
        raise ExportError(
            f'{path}: read again it differs from the reference by {keypoints_error:.2g} in the '
            f'keypoints and {frames_error} of 255 in the frames, more than '
            f'{KEYPOINTS_TOLERANCE} and {FRAMES_TOLERANCE}; do not use it, try another format'
        )
    return Exported(path, keypoints_error, frames_error)


def _describe(names: list[str], tensors: Sequence[Tensor]) -> list[dict[str, object]]:
    return [
        {'name': name, 'shape': list(t.shape), 'type': str(t.dtype).removeprefix('torch.')}
        for name, t in zip(names, tensors)
    ]
