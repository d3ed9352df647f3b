"""What `tkn doctor` looks at beside ROS: Python, GPU, weights, backends, cache."""

import hashlib
import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from tkn_ros.commands.finding import Finding
from tkn_ros.model.checkpoints import DEFAULT_WEIGHTS, load_checkpoint
from tkn_ros.model.devices import select_device
from tkn_ros.streaming.backends.base import BackendError
from tkn_ros.streaming.cache import cache_root
from tkn_ros.streaming.select import candidates, make_backend, processor
from tkn_ros.streaming.trial import interleaved_ms, prediction_step

OLDEST = (3, 10)  # Python
LIBRARIES = ('torch', 'numpy', 'openvino', 'onnxruntime')
HORIZON = 10
CAMERA_MS = 1000 / 30  # between two images of a usual camera
CAMERA_SIZE = (480, 640)
ROOM = 500 * 2**20  # [byte] that converted graphs may take


def python() -> Finding:
    """Python and what the network runs on."""
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    there = ', '.join(f'{name} {version}' for name, version in found.items() if version)
    text = f'{platform.python_version()} ({sys.executable}); {there}'
    figures = {'python': platform.python_version(), **found}
    if sys.version_info < OLDEST:
        oldest = '.'.join(map(str, OLDEST))
        return Finding('Python', 'problem', text, f'install Python {oldest} or newer', figures)
    return Finding('Python', 'ok', text, figures=figures)


def gpu() -> Finding:
    """Whether there is a GPU, and whether PyTorch can use it."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Finding('GPU', 'ok', ', '.join(names), figures={'gpus': names})
    figures: dict[str, list[str]] = {'gpus': []}
    if shutil.which('nvidia-smi'):
        return Finding(
            'GPU',
            'warning',
            f'an NVIDIA driver is here, and PyTorch {torch.__version__} sees no GPU',
            'install a CUDA build of PyTorch (pytorch.org, "Get started"), or look at nvidia-smi',
            figures,
        )
    return Finding('GPU', 'ok', f'none; {processor("cpu")} computes', figures=figures)


def weights(path: str) -> Finding:
    """Whether the weights can be read, and the bundled ones are as they were published."""
    file = Path(path) if path else DEFAULT_WEIGHTS
    try:
        config = load_checkpoint(path).config
    except ValueError as error:
        return Finding('weights', 'problem', str(error), 'give other --weights, or install again')
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    figures = {'file': str(file), 'sha256': digest}
    text = (
        f'{file.name}, {config.width}x{config.height}, window {config.window}, '
        f'sha256 {digest[:12]}..'
    )
    sums = file.parent / 'SHA256SUMS'
    published: dict[str, str] = {}
    if sums.is_file():
        published = dict(line.split()[::-1] for line in sums.read_text().splitlines())
    if file.name in published and published[file.name] != digest:
        todo = 'install the package again: the file was changed or cut off'
        return Finding('weights', 'problem', f'{text}, not the published file', todo, figures)
    known = ', as published' if file.name in published else ''
    return Finding('weights', 'ok', text + known, figures=figures)


def backends(path: str) -> Iterator[Finding]:
    """How long each backend takes for a whole prediction, with a last line that judges."""
    try:
        model = load_checkpoint(path, select_device('auto'))
    except ValueError:
        return  # `weights` says why
    frame = np.random.default_rng(0).integers(0, 256, (*CAMERA_SIZE, 3), np.uint8)
    steps: dict[str, Callable[[], None]] = {}
    refused = {}
    for name, precision in candidates(model):
        label = f'{name} {precision}'.strip()
        try:
            backend = make_backend(model, name, precision)
            step = prediction_step(model, backend, frame, model.config.window, HORIZON)
            step()  # graphs are made at the first use
        except (BackendError, RuntimeError) as error:
            refused[label] = ' '.join(str(error).split())
        else:
            steps[label] = step
    times = {
        label: round(ms, 2)
        for label, ms in zip(steps, interleaved_ms(list(steps.values())), strict=True)
    }
    text = ', '.join(
        f'{label} {ms:.1f} ms' for label, ms in sorted(times.items(), key=lambda pair: pair[1])
    )
    text = f'{text} for a 640x480 image and {HORIZON} predicted frames'
    figures = {'ms': times, 'refused': refused}
    for label, reason in refused.items():
        yield Finding(f'backend {label}', 'warning', reason, 'use another one, or backend "auto"')
    if min(times.values()) > CAMERA_MS:
        more = '' if 'openvino' in text else 'pip install openvino, or '
        todo = f'{more}predict less often: stride: 2 or more for a 30 Hz camera'
        yield Finding('backends', 'warning', text, todo, figures)
    else:
        yield Finding('backends', 'ok', text, figures=figures)


def cache() -> Finding:
    """Whether converted graphs can be kept."""
    root = cache_root()
    if root is None:
        return Finding(
            'cache',
            'warning',
            'no folder can be written: graphs are converted again at every start',
            'set TKN_CACHE_DIR to a folder that can be written',
        )
    free = shutil.disk_usage(root).free
    used = sum(p.stat().st_size for p in root.rglob('*') if p.is_file())
    text = f'{root}, {used / 2**20:.0f} MiB, {free / 2**30:.1f} GiB free'
    figures = {'folder': str(root), 'used': used, 'free': free}
    if free < ROOM:
        return Finding('cache', 'warning', text, 'free some disk, or set TKN_CACHE_DIR', figures)
    return Finding('cache', 'ok', text, figures=figures)
