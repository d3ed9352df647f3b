"""The network as files for other runtimes, each checked against the reference.

'whole' is one graph from a window of frames to predicted frames and keypoints. 'stages' are those
of `stages.py`, for programs that keep a window of keypoints as `SlidingWindow` does. Shapes
are fixed. Beside the graphs lies export.json with the names, shapes and types of what goes in and
out, and what the check found.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import BackendError
from tkn_ros.streaming.graphs import stage_names, to_onnx, to_openvino
from tkn_ros.streaming.stages import all_stages, source_and_mean, to_bytes

FORMATS = {'onnx': 'onnx', 'openvino': 'xml', 'torch': 'pt2'}  # their files' endings
KEYPOINTS_TOLERANCE = 1e-3  # largest difference that the check lets pass, in the grid's units
FRAMES_TOLERANCE = 2  # the same for a frame's bytes


class ExportError(ValueError):
    """The file does not do what the network does, or cannot be written; says which and how far."""


class WholeGraph(nn.Module):
    """(B, n, H, W, 3) uint8 -> frames (B, m, H, W, 3) uint8, keypoints (B, m, K, 3)."""

    def __init__(self, model: TKN, horizon: int, shuffle: bool):
        super().__init__()
        self.stages = nn.ModuleDict(all_stages(model, shuffle))
        self.horizon, self.residual = horizon, model.config.predictor.residual

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        b, n = (int(side) for side in frames.shape[:2])
        keypoints, *features = self.stages['encode'](frames.flatten(0, 1))
        newest = [h.unflatten(0, (b, n))[:, -1] for h in features]
        known = keypoints.unflatten(0, (b, n))  # (B, n + predicted so far, K, 3)
        while int(known.shape[1]) < n + self.horizon:
            following = self.stages['predict'](known[:, -n:])
            if self.residual:
                following = following + known[:, -1:]
            known = torch.cat([known, following], 1)
        predicted = known[:, n : n + self.horizon]
        source = frames[:, -1]
        if 'background' in self.stages:
            source = source_and_mean(frames)
            newest.append(self.stages['background'](frames))
        return self.stages['draw'](predicted, known[:, n - 1], source, *newest), predicted


@dataclass(frozen=True)
class Exported:
    """One file and how far it is from the reference: of keypoints, and of frames' bytes."""

    path: Path
    keypoints_error: float
    frames_error: int


def export(
    model: TKN,
    folder: str | Path,
    kind: str = 'onnx',
    parts: str = 'whole',
    horizon: int = 10,
    cameras: int = 1,
    window: int = 0,
) -> list[Exported]:
    """Write the network into `folder`; kind: one of FORMATS; parts: 'whole' or 'stages'.

    Raises BackendError where a package is missing, ExportError where the written file, read again
    and run, differs from the reference by more than KEYPOINTS_TOLERANCE or FRAMES_TOLERANCE.
    """
    if kind not in FORMATS:
        raise ExportError(f'format "{kind}" is unknown; use one of {", ".join(FORMATS)}')
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config, window = model.config, window or model.config.window
    modules = _modules(model.cpu().float().eval(), kind, parts, horizon)
    examples = _examples(modules, config, cameras, window, horizon)
    done, described = [], {}
    for name, module in modules.items():
        inputs = examples[name]
        expected = _reference(model, module, inputs)
        names = stage_names(name, len(inputs))
        names = names[0], names[1] + [f'h{i + 1}' for i in range(len(expected) - len(names[1]))]
        path = folder / f'{name}.{FORMATS[kind]}'
        results = _write_and_run(module, inputs, names, kind, path)
        done.append(_check(path, results, expected))
        described[name] = {
            'file': path.name,
            'inputs': _describe(names[0], inputs),
            'outputs': _describe(names[1], expected),
            'difference': {'keypoints': done[-1].keypoints_error, 'frames': done[-1].frames_error},
        }
    (folder / 'export.json').write_text(
        json.dumps(
            {
                'residual': config.predictor.residual,
                'window': window,
                'horizon': horizon,
                'graphs': described,
            },
            indent=1,
        )
        + '\n'
    )
    return done


def _modules(model: TKN, kind: str, parts: str, horizon: int) -> dict[str, nn.Module]:
    shuffle = kind == 'openvino'
    if parts == 'whole':
        return {'whole': WholeGraph(model, horizon, shuffle)}
    if parts == 'stages':
        return all_stages(model, shuffle)
    raise ExportError(f'parts is "{parts}", expected "whole" or "stages"')


@torch.no_grad()
def _examples(modules, config, cameras: int, window: int, horizon: int) -> dict[str, tuple]:
    """Inputs for each graph: noise, which hides no difference."""
    rng = np.random.default_rng(0)
    shape = cameras, window, config.height, config.width, 3
    frames = torch.from_numpy(rng.integers(0, 256, shape, np.uint8))
    if 'whole' in modules:
        return {'whole': (frames,)}
    newest = frames[:, -1].contiguous()
    keypoints, *features = modules['encode'](newest)
    longest = max(window, horizon)
    moved = keypoints[:, None] + 0.2 * torch.randn(cameras, longest, *keypoints.shape[1:])
    source = newest
    if 'background' in modules:
        source = source_and_mean(frames)
        features.append(modules['background'](frames))
    return {
        'encode': (newest,),
        'predict': (moved[:, :window].contiguous(),),
        'background': (frames,),
        'draw': (
            moved[:, :horizon].contiguous(),
            keypoints,
            source,
            *(h.contiguous() for h in features),
        ),
    }


@torch.no_grad()
def _reference(model: TKN, module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """What must come out: of the whole, what the plain network gives; of a stage, what it gives
    in PyTorch, which the tests hold to the plain network."""
    if isinstance(module, WholeGraph):
        frames = inputs[0].permute(0, 1, 4, 2, 3).float() / 255
        drawn, predicted = model(frames, module.horizon)
        return [to_bytes(drawn), predicted]
    expected = module(*inputs)
    return [expected] if isinstance(expected, Tensor) else list(expected)


def _write_and_run(module, inputs, names, kind: str, path: Path) -> list[np.ndarray]:
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
            import openvino

            from tkn_ros.streaming.backends.openvino import openvino_core
        except ImportError:
            raise BackendError(
                'format "openvino" needs the package openvino: pip install openvino'
            ) from None
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
            f'keypoints and {frames_error} of 255 in the frames, more than {KEYPOINTS_TOLERANCE} '
            f'and {FRAMES_TOLERANCE}; do not use it, try another format'
        )
    return Exported(path, keypoints_error, frames_error)


def _describe(names: list[str], tensors) -> list[dict]:
    return [
        {'name': name, 'shape': list(t.shape), 'type': str(t.dtype).removeprefix('torch.')}
        for name, t in zip(names, tensors)
    ]
