"""What followed keypoints cost at each camera frame, stage by stage, on a moving scene."""

import time
from collections import defaultdict

import cv2
import numpy as np
from torch import Tensor

from tkn_ros.model.following import FollowingTKN
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.following_window import FollowingWindow
from tkn_ros.synthetic.render import render_clip

SIZE = (480, 640)  # pixels, the camera's
FRAMES = 40  # of the scene, played forwards and backwards
PERIOD_NS = 33_333_333


class _TimedBackend(Backend):
    """Another backend, with notes of how long each stage takes [s]."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.device = backend, backend.device
        self.spent: dict[str, float] = defaultdict(float)

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        started = time.perf_counter()
        results = self.backend.run(stage, *inputs)
        self.spent[stage] += time.perf_counter() - started
        return results


def measure_following(
    model: FollowingTKN, backend: Backend, horizon: int = 10, repeats: int = 120
) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile of each part [ms].

    detect: the network alone; follow: pictures made smaller, optical flow, proposals; tracks: the
    predictor; keypoints: all of these; drift and compose: what draws; whole: keypoints and frames.

    Args:
        model: the network.
        backend: what runs it.
        horizon: m, frames to predict and draw.
        repeats: camera frames that are measured.
    """
    timed = _TimedBackend(backend)
    window = FollowingWindow(model, backend=timed)
    height, width = SIZE
    scene = [
        cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
        for frame in render_clip(3, FRAMES, height // 2, width // 2, 30.0, 'demo')
    ]
    scene += scene[-2:0:-1]
    rows: dict[str, list[float]] = defaultdict(list)
    for i in range(window.window + 5 + repeats):
        timed.spent.clear()
        started = time.perf_counter()
        window.push(i * PERIOD_NS, scene[i % len(scene)])
        pushed = time.perf_counter()
        prediction = window.predict(horizon)
        known = time.perf_counter()
        if prediction is None:
            continue
        window.render(prediction)
        drawn = time.perf_counter()
        if i < window.window + 5:  # the first ones choose kernels and allocate
            continue
        spent = dict(timed.spent)
        rows['detect'].append(spent['detect'])
        rows['follow'].append(pushed - started - spent['detect'])
        rows['tracks'].append(known - pushed)
        rows['keypoints'].append(known - started)
        rows['drift'].append(spent['drift'])
        rows['compose'].append(drawn - known - spent['drift'])
        rows['whole'].append(drawn - started)
    return {
        name: (float(np.median(t)) * 1e3, float(np.percentile(t, 95)) * 1e3)
        for name, t in rows.items()
    }


def format_following(figures: dict[str, tuple[float, float]], backend: Backend) -> str:
    """A table for a terminal."""
    head = f'Followed keypoints, {SIZE[1]}x{SIZE[0]} camera, {backend.name} {backend.precision}'
    lines = [f'{name:>10} {median:8.2f} {high:8.2f}' for name, (median, high) in figures.items()]
    return '\n'.join([head, f'{"stage":>10} {"ms":>8} {"p95":>8}', *lines])
