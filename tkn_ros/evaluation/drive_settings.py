"""How a drive is evaluated: the predictor's parameters, and what is judged."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tkn_ros.model.checkpoints import DEFAULT_WEIGHTS, load_checkpoint
from tkn_ros.model.devices import select_device
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.version import VERSION
from tkn_ros.video.stamps import NS


@dataclass(frozen=True)
class DriveSettings:
    """The first ten are those of the predictor node, and mean the same.

    Attributes:
        window: frames observed; 0: as the weights were trained.
        horizon: frames predicted.
        frame_rate: [Hz] of window and prediction; 0: the camera's own.
        stride: predict at every stride-th image.
        roi: region of the image that is looked at (x, y, width, height) [pixel]; all 0: the whole.
        fit: how it becomes the network's shape, one of `video.geometry.FITS`.
        weights: a checkpoint; empty: the bundled one.
        device: auto, cpu, cuda or cuda:N.
        threads: CPU threads; 0: all cores but one.
        backend: what runs the network.
        topic: of the images; empty: the bag's only one.
        zones: file of zones that are watched; empty: none.
        events: file of what happened in them (start,end,zone); empty: from tracks or keypoints.
        tracks: labelled boxes, MOTChallenge text; empty: none.
        tracks_scale: x and y that the boxes' pixels are multiplied by to be the images'.
        false_alarms: a minute, at which the ways of warning are compared.
        drawn_width: of the predicted pictures that are judged [pixel].
        pictures_every: how often a prediction is drawn and its pictures judged [s]; 0: never.
        frames: whether these pictures go into predictions.mcap.
        rerun: file for the Rerun viewer; empty: none.
    """

    window: int = 0
    horizon: int = 10
    frame_rate: float = 0.0
    stride: int = 1
    roi: tuple[int, int, int, int] = (0, 0, 0, 0)
    fit: str = 'stretch'
    weights: str = ''
    device: str = 'auto'
    threads: int = 0
    backend: str = 'auto'
    topic: str = ''
    zones: str = ''
    events: str = ''
    tracks: str = ''
    tracks_scale: tuple[float, float] = (1.0, 1.0)
    false_alarms: float = 1.0
    drawn_width: int = 160
    pictures_every: float = 2.0
    frames: bool = False
    rerun: str = ''

    def fingerprint(self) -> dict[str, Any]:
        """Settings, versions and the weights' checksum: the same gives the same figures."""
        return {
            'settings': {
                k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()
            },
            'files': {
                name: checksum(getattr(self, name))
                for name in ('zones', 'events', 'tracks')
                if getattr(self, name)
            },
            'weights_sha256': checksum(self.weights or DEFAULT_WEIGHTS),
            'tkn_ros': VERSION,
        }


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Of what the figures may depend on."""
    found = {'tkn_ros': VERSION, 'python': platform.python_version()}
    for name in ('torch', 'numpy', 'opencv-python-headless', 'openvino', 'onnxruntime', 'rosbags'):
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def window_for(settings: DriveSettings) -> SlidingWindow:
    """As the predictor node makes it from the same parameters."""
    torch.set_num_threads(settings.threads or max(1, (os.cpu_count() or 2) - 1))
    model = load_checkpoint(settings.weights, select_device(settings.device))
    engine = make_backend(model, settings.backend, horizon=settings.horizon, window=settings.window)
    period = round(NS / settings.frame_rate) if settings.frame_rate else 0
    return make_window(model, settings.window, period, engine)
