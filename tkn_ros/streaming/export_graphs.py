"""Which graphs a network is exported as, and examples of what goes into each.

Networks of the paper's form are one graph, or the stages of `stages.py`. Those whose keypoints are
followed are the stages of `following_stages.py` only: between two of them works the follower, which
is no network.
"""

import numpy as np
import torch
from torch import Tensor, nn

from tkn_ros.model.build import Network
from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.predictor import rollout
from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.following_stages import following_stages
from tkn_ros.streaming.point_flow import GREY_WIDTH
from tkn_ros.streaming.stages import all_stages, next_window, source_and_mean

PARTS = ('whole', 'stages')
GREY_HEIGHT = GREY_WIDTH * 3 // 4  # [pixel] of the example; any is right

Inputs = tuple[Tensor, ...]


class ExportError(ValueError):
    """The file does not do what the network does, or cannot be written; says which and how far."""


class WholeGraph(nn.Module):
    """(B, n, H, W, 3) uint8 -> frames (B, m, H, W, 3) uint8, keypoints (B, m, K, 3).

    Args:
        model: the network.
        horizon: m, frames to predict.
        shuffle: transposed convolutions as convolutions and pixel shuffles.
    """

    def __init__(self, model: TKN, horizon: int, shuffle: bool) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(all_stages(model, shuffle))
        self.horizon, self.residual = horizon, model.config.predictor.residual

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        b, n = (int(side) for side in frames.shape[:2])
        keypoints, *features = self.stages['encode'](frames.flatten(0, 1))
        newest = [h.unflatten(0, (b, n))[:, -1] for h in features]
        known = keypoints.unflatten(0, (b, n))  # (B, n, K, 3)
        predict = next_window(self.stages['predict'], self.residual)
        predicted = rollout(predict, known, self.horizon)
        source = frames[:, -1]
        if 'background' in self.stages:
            source = source_and_mean(frames)
            newest.append(self.stages['background'](frames))
        return self.stages['draw'](predicted, known[:, n - 1], source, *newest), predicted


def graphs_of(model: Network, parts: str, horizon: int, shuffle: bool) -> dict[str, nn.Module]:
    """The graphs by name. ExportError for parts that the network does not have.

    Args:
        model: the network.
        parts: one of PARTS; '': 'whole' where the network is one graph.
        horizon: m, frames to predict.
        shuffle: transposed convolutions as convolutions and pixel shuffles.
    """
    if parts not in ('', *PARTS):
        raise ExportError(f'parts is "{parts}", expected "whole" or "stages"')
    if isinstance(model, FollowingTKN):
        if parts == 'whole':
            raise ExportError(
                'parts is "whole", and these weights are no single graph: their keypoints are '
                'followed by optical flow between two networks; use "stages"'
            )
        return following_stages(model)
    if parts == 'stages':
        return all_stages(model, shuffle)
    return {'whole': WholeGraph(model, horizon, shuffle)}


@torch.no_grad()
def examples_of(
    model: Network, graphs: dict[str, nn.Module], cameras: int, window: int, horizon: int
) -> dict[str, Inputs]:
    """Inputs for each graph: noise, which hides no difference.

    Args:
        model: the network.
        graphs: of `graphs_of`.
        cameras: B, cameras in a batch.
        window: n, frames observed.
        horizon: m, frames to predict.
    """
    rng, config = np.random.default_rng(0), model.config
    frames = _noise(rng, cameras, window, config.height, config.width, 3)
    if isinstance(model, FollowingTKN):
        return _followed(model, rng, frames, horizon)
    if 'whole' in graphs:
        return {'whole': (frames,)}
    newest = frames[:, -1].contiguous()
    keypoints, *features = graphs['encode'](newest)
    longest = max(window, horizon)
    moved = keypoints[:, None] + 0.2 * torch.randn(cameras, longest, *keypoints.shape[1:])
    source = newest
    if 'background' in graphs:
        source = source_and_mean(frames)
        features.append(graphs['background'](frames))
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


def _followed(
    model: FollowingTKN, rng: np.random.Generator, frames: Tensor, horizon: int
) -> dict[str, Inputs]:
    """Tracks walk at random over the picture, and some are not known from the beginning."""
    b, n = frames.shape[:2]
    k, detector = model.following.keypoints, model.following.detector
    places = rng.uniform((0, 0), (GREY_WIDTH, GREY_HEIGHT), (b, 1, k, 2))
    tracks = places + rng.normal(0, 3, (b, n, k, 2)).cumsum(1)
    known = np.arange(n)[:, None] >= rng.integers(0, n, k)  # (n, K)
    present = torch.from_numpy((rng.random((b, k)) < 0.7).astype(np.float32))
    ends = torch.from_numpy(rng.uniform(0, 1, (b, 3, k, 2)).astype(np.float32))
    drift = torch.from_numpy(rng.normal(0, 0.3, (b, 13, *frames.shape[2:4])).astype(np.float32))
    return {
        'detect': (_noise(rng, b, 3, detector.height, detector.width, 3),),
        'tracks': (
            torch.from_numpy(tracks.astype(np.float32)),
            torch.from_numpy(np.repeat(known[None], b, 0).astype(np.float32)),
            present,
        ),
        'drift': (frames, ends, present),
        'compose': (
            source_and_mean(frames),
            drift,
            torch.arange(1, horizon + 1, dtype=torch.float32),
        ),
    }


def _noise(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, 256, shape, np.uint8))
