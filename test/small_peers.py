"""The peers, small enough for tests."""

import torch

from tkn_ros.baselines.frames import Baseline, BaselineConfig
from tkn_ros.baselines.networks import BASELINES, build_baseline

WINDOW, SIDE = 3, 16
SMALL = {
    'convlstm': {'hidden': (8, 8), 'kernel': 3},
    'predrnn': {'hidden': 8, 'layers': 2, 'kernel': 3},
    'predrnnv2': {'hidden': 8, 'layers': 2, 'kernel': 3},
    'phydnet': {'features': 4, 'kernel': 3, 'hidden': (8, 8)},
    'slamp': {'features': 8, 'first_width': 16, 'latent': 4, 'hidden': 8},
    'e3d-lstm': {'hidden': 8, 'layers': 2, 'kernel': (2, 3, 3), 'clip': 2},
    'grid-keypoint': {'keypoints': 3, 'filters': 8, 'map_side': 8, 'hidden': 16},
    'struct-vrnn': {'keypoints': 3, 'filters': 8, 'map_side': 8, 'hidden': 32, 'inner': 16},
    'simvpv2': {'spatial': 8, 'temporal': 16, 'temporal_layers': 2, 'ratio': 2, 'drop': 0.0},
    'dmvfn': {'widths': (8, 8), 'scales': (2, 1), 'routing': 4},
}


def small_peer_config(name: str, side: int = SIDE) -> BaselineConfig:
    """Of one of `BASELINES`."""
    return BASELINES[name][0](height=side, width=side, window=WINDOW, **SMALL[name])


def small(name: str) -> Baseline:
    """In training mode."""
    torch.manual_seed(0)
    return build_baseline(small_peer_config(name))
