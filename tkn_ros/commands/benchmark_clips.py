"""What the quality figures of `tkn benchmark` are taken of: a trained network and clips."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tkn_ros.benchmark.startup import load_network
from tkn_ros.datasets.clips import resize_clip
from tkn_ros.evaluation.runs import cut_runs
from tkn_ros.model.build import Network
from tkn_ros.streaming.quality import synthetic_clips
from tkn_ros.video.open import open_source


def network_and_clips(
    options: argparse.Namespace, model: Network, horizon: int
) -> tuple[Network, list[np.ndarray], str]:
    """The network, its clips, (n + m, H, W, 3) uint8 each, and what both are, in words.

    Args:
        options: of the command line.
        model: the network that was timed.
        horizon: m, frames to predict.
    """
    judge, description = _trained(options, model)
    if not options.clips:
        clips = synthetic_clips(judge, options.window, horizon)
        return judge, clips, f'{description}, {len(clips)} runs of synthetic scenes'
    side = judge.config.height, judge.config.width
    videos = []
    for path in options.clips:
        with open_source(path) as source:
            videos.append(np.stack([resize_clip([frame.image], *side)[0] for frame in source]))
    runs = cut_runs(videos, options.window, horizon, 8 if options.quick else 40)
    names = ', '.join(Path(path).name for path in options.clips)
    return (
        judge,
        runs,
        f'{description}, {len(runs)} runs of {options.window} -> {horizon} of {names}',
    )


def _trained(options: argparse.Namespace, model: Network) -> tuple[Network, str]:
    if options.weights != 'full':
        return model, f'weights {options.weights}'
    try:
        judge = load_network(options.quality_weights)
    except (ValueError, OSError) as error:
        return model, f'untrained ({error})'
    return judge.to(next(model.parameters()).device), f'{options.quality_weights} weights'
