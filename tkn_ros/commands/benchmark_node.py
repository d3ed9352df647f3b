"""`tkn benchmark --node`: the ROS 2 node, as cameras and listeners in other processes meet it."""

from __future__ import annotations

import argparse
from typing import Any

from tkn_ros.commands.options import positive

OWN = 'custom'  # the run that options describe


def add_node_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    node = parser.add_argument_group(
        'the node', 'cameras, the predictor and listeners, each in a process of its own'
    )
    node.add_argument(
        '--node',
        nargs='*',
        metavar='RUN',
        help='measure the ROS 2 node instead: keypoints, frames, camera-size, hd, fast (60 Hz), '
        'one-camera, two-cameras, long (ten minutes), drawing (without ROS); none named: all but '
        '"long", some six minutes; --seconds makes each shorter. With any of the options below: '
        'one run that they describe',
    )
    node.add_argument('--camera-size', nargs=2, type=positive, metavar=('W', 'H'), help='640 480')
    node.add_argument('--rate', type=float, help='of the camera, 30 [Hz]')
    node.add_argument('--frames', action='store_true', help='receive predicted frames, too')
    node.add_argument('--output-size', nargs=2, type=int, metavar=('W', 'H'), help='of frames')
    node.add_argument('--steps', nargs='+', type=positive, help='which frames are drawn')
    parser.add_argument('--executor', choices=['single', 'events'], help='of rclpy, for --node')


def run_node(options: argparse.Namespace, seconds: float | None) -> dict[str, Any]:
    """Measure and print. Returns the figures of each run by its name.

    Args:
        options: of the command line.
        seconds: of each run; None: as long as it usually is.
    """
    import os

    from tkn_ros.benchmark.node import NodeSetting, measure_node
    from tkn_ros.benchmark.node_report import format_node
    from tkn_ros.benchmark.node_scenarios import run_scenarios

    print(f'{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}', flush=True)
    for_all = {
        'executor': options.executor,
        'weights': '' if options.weights in ('full', 'bundled') else options.weights,
        'threads': options.threads,
        'device': options.device if options.device != 'auto' else '',
    }
    parameters = {name: value for name, value in for_all.items() if value}
    drawn = {'output_size': options.output_size, 'steps': options.steps}
    drawn = {name: value for name, value in drawn.items() if value}
    if not (drawn or options.camera_size or options.rate or options.frames):
        return run_scenarios(options.node, seconds, parameters)
    if options.node:
        raise ValueError(
            f'--node {options.node[0]} names a run, and other options describe one; give either'
        )
    width, height = options.camera_size or (640, 480)
    setting = NodeSetting(
        (width, height),
        options.rate or 30.0,
        seconds or 20.0,
        options.frames or bool(drawn),
        parameters | drawn,
    )
    found = measure_node(setting)
    print(format_node(OWN, setting, found))
    return {OWN: found}
