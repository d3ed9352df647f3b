"""Which backend runs the network: the one asked for, or the fastest of a short trial.

`auto` tries the backends that this machine has (but not `compile`, which takes from ten seconds to
a minute for every new shape) on the network and the horizon asked for, passes over those whose
pictures are worse than the reference's by more than `quality.MAX_LOSS`, and keeps its choice for
the next start in the folder of `cache.py`.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.input_files import read_text
from tkn_ros.model.build import Network
from tkn_ros.streaming.backends.base import Backend, BackendError
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.cache import cache_of
from tkn_ros.streaming.quality import (
    MAX_KEYPOINT_LOSS,
    MAX_LOSS,
    future_of,
    keypoint_loss,
    predict_clip,
    quality_loss,
    synthetic_clips,
)
from tkn_ros.streaming.trial import interleaved_ms, prediction_step
from tkn_ros.whole_file import whole_file

NAMES = ('auto', 'eager', 'compile', 'onnxruntime', 'openvino', 'cuda')
NOTHING_FASTER = 'nothing faster is installed (pip install openvino)'
ONLY_ASKED = 'openvino, onnxruntime or cuda may be faster: ask for one by name'
PATIENCE = 10.0  # [s] after which the trial starts on no further backend


@dataclass(frozen=True)
class Trial:
    """What one backend did: median time of a whole prediction, see `quality_loss`.

    Attributes:
        name: of the backend.
        precision: of the backend.
        ms: median time of a whole prediction [ms].
        psnr_loss_db: see `quality_loss` [dB].
    """

    name: str
    precision: str
    ms: float
    psnr_loss_db: float

    def __str__(self) -> str:
        passed = '' if self.psnr_loss_db <= MAX_LOSS else f', loses {self.psnr_loss_db:.2f} dB'
        return f'{self.name} {self.precision} {self.ms:.1f} ms{passed}'


@dataclass(frozen=True)
class _Setup:
    """What the choice depends on, beside the weights and the code; as of `make_backend`."""

    model: Network
    options: Sequence[tuple[str, str]]
    threads: int
    horizon: int
    window: int
    cameras: int

    def key(self) -> str:
        """As text, by which the choice is kept."""
        config = self.model.config
        names = ' '.join(f'{name}:{precision}' for name, precision in self.options)
        device = next(self.model.parameters()).device
        return (
            f'{device} of {processor(str(device))}, {self.threads or torch.get_num_threads()} '
            f'threads, {config.height}x{config.width}, {self.window} -> {self.horizon}, '
            f'{self.cameras} cameras, {_versions()}, {names}'
        )


def make_backend(
    model: AnyNetwork,
    name: str = 'auto',
    precision: str = '',
    threads: int = 0,
    horizon: int = 10,
    window: int = 0,
    cameras: int = 1,
    cached: bool = True,
) -> Backend:
    """The backend `name`, one of NAMES, for the device that the model's weights are on.

    Raises BackendError with the way out for a backend or a precision that cannot be had here.

    Args:
        model: the network.
        name: one of NAMES.
        precision: 'float32', 'bfloat16', 'float16' or 'int8', as far as the backend has it; '' for
            its usual one.
        threads: CPU threads; 0 takes torch's number.
        horizon: frames to predict that `auto` tries; the backend takes any.
        window: frames observed that `auto` tries, 0: the model's; the backend takes any.
        cameras: B that `auto` tries; the backend takes any.
        cached: keep converted graphs and the choice in the folder of `cache.py`.
    """
    if name not in NAMES:
        raise BackendError(f'backend "{name}" is unknown; use one of {", ".join(NAMES)}')
    folder = cache_of(model) if cached else None
    if name != 'auto':
        return _make(model, name, precision, threads, folder)
    options = candidates(model)
    if len(options) == 1 or isinstance(model, Baseline):
        backend = _make(model, *options[0], threads, folder)
        backend.reason = ONLY_ASKED if isinstance(model, Baseline) else NOTHING_FASTER
        return backend
    window = window or model.config.window
    setup = _Setup(model, options, threads, horizon, window, cameras)
    kept = _read(folder).get(setup.key())
    if kept and (not kept['busy'] or _busy()):  # what is fast on a busy machine may not be else
        with contextlib.suppress(BackendError, RuntimeError):
            backend = _make(model, kept['name'], kept['precision'], threads, folder)
            backend.reason = f'{kept["why"]}; tried on {kept["when"]}'
            return backend
    return _try_all(setup, folder)


def candidates(model: AnyNetwork) -> list[tuple[str, str]]:
    """(name, precision) that `auto` tries for this model on this machine."""
    if isinstance(model, Baseline):  # a minute of converting, which has to be asked for
        return [('eager', '')]
    if _on_gpu(model):
        return [('cuda', 'float16'), ('cuda', 'bfloat16'), ('cuda', 'float32'), ('eager', '')]
    from tkn_ros.streaming.backends.onnxruntime import onnxruntime_installed
    from tkn_ros.streaming.backends.openvino import openvino_precisions

    options = [
        ('openvino', precision)
        for precision in openvino_precisions()
        if not (model.config.following and 'int8' in precision)  # it has no product large enough
    ]
    if onnxruntime_installed():
        options.append(('onnxruntime', 'float32'))
    return [*options, ('eager', '')]


def _on_gpu(model: AnyNetwork) -> bool:
    return next(model.parameters()).is_cuda


def _make(
    model: AnyNetwork, name: str, precision: str, threads: int, folder: Path | None
) -> Backend:
    gpu = _on_gpu(model)
    if name not in ('eager', 'compile') and gpu != (name == 'cuda'):
        raise BackendError(
            f'backend "{name}" runs on {"the CPU" if gpu else "a GPU"}, and device '
            f'is "{next(model.parameters()).device}"; use backend "auto"'
        )
    if name == 'eager' and precision in ('', _type(model)):
        return EagerBackend(model)
    if gpu and name != 'eager':
        from tkn_ros.streaming.backends.cuda import CUDABackend

        device = str(next(model.parameters()).device)
        return CUDABackend(model, precision or 'float16', device, compiled=name == 'compile')
    if name in ('eager', 'compile'):
        from tkn_ros.streaming.backends.torch_cpu import TorchBackend

        return TorchBackend(model, precision or 'float32', compiled=name == 'compile')
    if name == 'openvino':
        from tkn_ros.streaming.backends.openvino import OpenVINOBackend

        return OpenVINOBackend(model, precision, threads, folder)
    from tkn_ros.streaming.backends.onnxruntime import ONNXRuntimeBackend

    return ONNXRuntimeBackend(model, precision, threads, folder)


def _type(model: AnyNetwork) -> str:
    return str(next(model.parameters()).dtype).removeprefix('torch.')


def _try_all(setup: _Setup, folder: Path | None) -> Backend:
    """Convert, check and time every candidate, then keep the fastest that is good enough."""
    model, horizon, window = setup.model, setup.horizon, setup.window
    clips = synthetic_clips(model, window, horizon)
    backends: list[Backend] = []
    losses: list[float] = []
    refused: list[str] = []
    started, busy = time.monotonic(), _busy()
    truth = [future_of(model, clip, window) for clip in clips]
    eager = EagerBackend(model)
    reference = [predict_clip(model, eager, clip, window) for clip in clips]
    for name, precision in setup.options:
        if backends and time.monotonic() - started > PATIENCE and name != 'eager':
            refused.append(f'{name} {precision} (no time left to try it)')
            continue
        try:
            backend = _make(model, name, precision, setup.threads, folder)
            drawn = [predict_clip(model, backend, clip, window) for clip in clips]
            lost = quality_loss(drawn, reference, truth)
            off = keypoint_loss(model, backend, clips, window)
        except (BackendError, RuntimeError) as error:
            refused.append(f'{name} {precision} ({str(error).splitlines()[0]})')
            continue
        if off > MAX_KEYPOINT_LOSS:
            refused.append(f'{name} {precision} (keypoints {off:.1%} further off)')
            continue
        backends.append(backend)
        losses.append(lost)
    steps = [
        prediction_step(model, b, clips[0][0], window, horizon, setup.cameras) for b in backends
    ]
    trials = [
        Trial(b.name, b.precision, ms, lost)
        for b, lost, ms in zip(backends, losses, interleaved_ms(steps))
    ]
    good = [i for i, trial in enumerate(trials) if trial.psnr_loss_db <= MAX_LOSS]
    best = min(good, key=lambda i: trials[i].ms)
    others = [str(t) for i, t in enumerate(trials) if i != best] + refused
    backend = backends[best]
    backend.reason = (
        f'{trials[best].ms:.1f} ms for {horizon} frames, the fastest that is within '
        f'{MAX_LOSS} dB of the reference ({", ".join(others)})'
    )
    _write(folder, setup.key(), backend, busy)
    return backend


def _versions() -> str:
    """Of what may run the network."""
    found = []
    for name in ('torch', 'openvino', 'onnxruntime'):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f'{name} {importlib.metadata.version(name)}')
    return ', '.join(found)


def processor(device: str) -> str:
    """What computes there, by name: several machines may share a home folder and its cache."""
    if device != 'cpu':
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open('/proc/cpuinfo') as lines:
        names = (line.split(':', 1)[1].strip() for line in lines if line.startswith('model name'))
        name = next(names, name)
    return f'{name}, {os.cpu_count()} cores'


def _read(folder: Path | None) -> dict[str, dict[str, Any]]:
    """The choices that were kept; entries that are none are passed over, whatever they are."""
    if folder is None:
        return {}
    try:
        found = json.loads(read_text(folder / 'choices.json', 'choices of a backend'))
    except (ValueError, RecursionError):  # missing or damaged: chosen again
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {key: entry for key, entry in entries if _is_choice(entry)}


def _is_choice(entry: object) -> bool:
    texts = ('name', 'precision', 'why', 'when')
    return (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), str) for name in texts)
        and isinstance(entry.get('busy'), bool)
    )


def _busy() -> bool:
    """Whether other programs keep all cores at work."""
    return hasattr(os, 'getloadavg') and os.getloadavg()[0] > (os.cpu_count() or 1)


def _write(folder: Path | None, key: str, backend: Backend, busy: bool) -> None:
    if folder is None:
        return
    choices = _read(folder)
    choices[key] = {
        'name': backend.name,
        'precision': backend.precision,
        'why': backend.reason,
        'when': time.strftime('%Y-%m-%d'),
        'busy': busy,
    }
    text = json.dumps(choices, indent=1)
    with contextlib.suppress(OSError), whole_file(folder / 'choices.json') as part:
        part.write_text(text)
