"""What is kept between runs: converted graphs and the choice of a backend.

All of it is recreated when it is missing; delete the folder at any time. It is $TKN_CACHE_DIR, or
`engine` in the user's cache folder (on Linux ~/.cache/tkn_ros).
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

import tkn_ros.baselines
import tkn_ros.model
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.cache_folder import cache_folder

KEPT_WEIGHTS = 6  # sets of weights whose graphs are kept; each may take some 100 MB
KEPT_SHAPES = 8  # graphs in memory of each stage


def cache_root() -> Path | None:
    """The folder, made if need be; None where nothing can be written."""
    given = os.environ.get('TKN_CACHE_DIR')
    root = Path(given) if given else cache_folder() / 'engine'
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        return root if os.access(root, os.W_OK) else None
    return None


def cache_of(model: AnyNetwork) -> Path | None:
    """The folder for these very weights under this very code; those unused for longest go."""
    root = cache_root()
    if root is None:
        return None
    folder = root / fingerprint(model)
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        ours = [p for p in root.iterdir() if p.is_dir() and re.fullmatch('[0-9a-f]{20}', p.name)]
        for old in sorted(ours, key=lambda p: p.stat().st_mtime)[:-KEPT_WEIGHTS]:
            shutil.rmtree(old, ignore_errors=True)
        return folder
    return None


def fingerprint(model: AnyNetwork) -> str:
    """A short hash of the weights, the hyper-parameters and the code that makes graphs of them."""
    digest = hashlib.blake2b(digest_size=10)
    config = asdict(model.config)
    for name in ('height', 'width', 'window'):  # part of the shapes of a graph's inputs
        del config[name]
    digest.update(json.dumps(config, sort_keys=True).encode())
    here = Path(__file__).parent
    sources = [
        *Path(tkn_ros.model.__file__).parent.rglob('*.py'),
        *Path(tkn_ros.baselines.__file__).parent.glob('*.py'),
        *(here / f'{name}.py' for name in ('stages', 'rewrites', 'graphs')),
    ]
    for source in sorted(sources):
        digest.update(source.read_bytes())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def shapes_of(inputs: tuple[Tensor, ...]) -> str:
    """A stage's input shapes as a part of a file's name: '1x20x16x3_1x16x3_1x64x64x3'."""
    # the features follow from the network and its size, which is the last of them
    shown = (*inputs[:3], inputs[-1]) if len(inputs) > 3 else inputs
    return '_'.join('x'.join(str(side) for side in t.shape) for t in shown)


Runner = Callable[..., list[Tensor]]


class RunnerCache:
    """Compiled stages by name and input shapes; of each the KEPT_SHAPES used last."""

    def __init__(self, compile_stage: Callable[[str, tuple[Tensor, ...]], Runner]) -> None:
        self.compile_stage = compile_stage
        # of each stage those used last come last
        self._kept: dict[str, dict[tuple[torch.Size, ...], Runner]] = {}

    def __call__(self, stage: str, inputs: tuple[Tensor, ...]) -> Runner:
        kept, shapes = self._kept.setdefault(stage, {}), tuple(t.shape for t in inputs)
        runner = kept.pop(shapes, None)
        if runner is None:
            while len(kept) >= KEPT_SHAPES:
                del kept[next(iter(kept))]
            runner = self.compile_stage(stage, inputs)
        kept[shapes] = runner
        return runner
