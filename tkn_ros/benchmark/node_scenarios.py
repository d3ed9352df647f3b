"""The runs that `tkn benchmark --node` makes, by name."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tkn_ros.benchmark.node import NodeSetting, measure_node
from tkn_ros.benchmark.node_report import format_node
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.frame_drawing import make_drawing
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.select import make_backend
from tkn_ros.synthetic.render import render_clip

AT_CAMERA_SIZE = {'output_size': [-1, -1], 'steps': [3, 6, 10]}
SCENARIOS = {
    'keypoints': NodeSetting(seconds=60),
    'frames': NodeSetting(seconds=60, frames=True),
    'camera-size': NodeSetting(seconds=60, frames=True, parameters=AT_CAMERA_SIZE),
    'hd': NodeSetting((1280, 720), seconds=30, frames=True, parameters=AT_CAMERA_SIZE),
    'fast': NodeSetting(rate=60, seconds=30),
    'one-camera': NodeSetting(rate=15, seconds=20),
    'two-cameras': NodeSetting(rate=15, seconds=30, cameras=2),
    'long': NodeSetting(seconds=600, frames=True),
}
DRAWING = 'drawing'  # of frames alone, without ROS
USUAL = (*(name for name in SCENARIOS if name != 'long'), DRAWING)
FRAME_SIZE, FRAMES = (480, 640), 10
REPEATS = 40


def run_scenarios(
    names: Sequence[str], seconds: float | None, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Measure and print each. Returns the figures by name.

    Args:
        names: of SCENARIOS, or DRAWING; empty: USUAL.
        seconds: of each; None: as they are.
        parameters: of the node, further ones.
    """
    unknown = sorted(set(names) - {*SCENARIOS, DRAWING})
    if unknown:
        raise ValueError(
            f'--node {unknown[0]} is unknown, expected of {", ".join([*SCENARIOS, DRAWING])}'
        )
    found: dict[str, Any] = {}
    for name in names or USUAL:
        if name == DRAWING:
            found[name] = measure_drawing(parameters.get('threads') or 0)
            print(format_drawing(found[name]), flush=True)
            continue
        setting = SCENARIOS[name]
        setting = replace(
            setting,
            seconds=seconds or setting.seconds,
            parameters={**parameters, **setting.parameters},
        )
        found[name] = measure_node(setting)
        print(format_node(name, setting, found[name]), flush=True)
    if {'one-camera', 'two-cameras'} <= found.keys():
        one, two = (found[f'{n}']['resident_mib'] for n in ('one-camera', 'two-cameras'))
        print(f'a second camera takes {two - one:.1f} MiB')
    return found


def measure_drawing(threads: int = 0) -> dict[str, float]:
    """Time [ms] that FRAMES frames of FRAME_SIZE take to draw by the bundled weights.

    threads: of the CPU; 0: all.
    """
    model = load_checkpoint()
    window = make_window(model, backend=make_backend(model, threads=threads))
    clip = render_clip(3, window.window + 1, *FRAME_SIZE, 30.0, 'demo')
    for i, frame in enumerate(clip):
        window.push(i * 33_333_333, frame)
    prediction = window.predict(FRAMES)
    assert prediction is not None  # the window is full
    drawing, times = make_drawing(window), []
    for _ in range(REPEATS + 3):
        begun = time.perf_counter()
        for _ in drawing.frames(prediction, range(1, FRAMES + 1), FRAME_SIZE):
            pass
        times.append((time.perf_counter() - begun) * 1e3)
    return {f'p{p}': round(float(np.percentile(times[3:], p)), 2) for p in (50, 99)}


def format_drawing(found: dict[str, float]) -> str:
    """One line."""
    height, width = FRAME_SIZE
    took = f'{found["p50"]:.1f} ms (p99 {found["p99"]:.1f})'
    return f'drawing: {FRAMES} frames of {width}x{height} in {took}'
