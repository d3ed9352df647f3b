"""The least time that a prediction can take on this machine: its arithmetic and its reading.

A stage cannot be faster than its multiply-accumulates at the rate of a large matrix product, nor
than the reading of its weights at the rate of memory; the two rates are measured here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.stages import all_stages, source_and_mean


@dataclass(frozen=True)
class Rates:
    """Measured: multiply-accumulates a second by type, bytes read a second."""

    macs: dict[str, float]
    bytes_read: float


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates of each stage for one prediction, and weights that it must read.

    Attributes:
        encode: multiply-accumulates.
        predict: all passes.
        draw: multiply-accumulates.
        passes: of the predictor.
        weights: of the predictor.
    """

    encode: int
    predict: int  # all passes
    draw: int
    passes: int
    weights: int  # of the predictor


@torch.inference_mode()
def measure_rates(device: str, seconds: float = 1.0) -> Rates:
    """With torch's present number of threads; takes about `seconds`."""
    types = [torch.float32, torch.bfloat16]
    if device != 'cpu':
        types.append(torch.float16)
    share = seconds / (2 * len(types) + 1)
    size = 1024 if device == 'cpu' else 8192
    side = 64 if device == 'cpu' else 256
    macs = {}
    for dtype in types:
        a = torch.randn(size, size, device=device).to(dtype)
        product = size**3 / _best(partial(torch.matmul, a, a), share, device)
        # some libraries have a faster convolution than product, or the other way round
        x = torch.randn(1, 256, side, side, device=device).to(dtype)
        x = x.to(memory_format=torch.channels_last)
        w = torch.randn(256, 256, 3, 3, device=device).to(dtype)
        convolution = (
            w.numel() * side**2 / _best(partial(torch.conv2d, x, w, padding=1), share, device)
        )
        macs[str(dtype).removeprefix('torch.')] = max(product, convolution)
    # as large as the predictor's weights, which a cache may partly hold between predictions
    block = torch.randn(19_000_000 // 2 if device == 'cpu' else 250_000_000, device=device)
    return Rates(macs, block.numel() * 4 / _best(block.sum, share, device))


def _best(function: Callable[[], object], seconds: float, device: str) -> float:
    """The shortest time of many runs [s]."""
    best = float('inf')
    function()
    until = time.perf_counter() + seconds
    while best == float('inf') or time.perf_counter() < until:
        _wait(device)
        started = time.perf_counter()
        function()
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return best


def _wait(device: str) -> None:
    if device != 'cpu':
        torch.cuda.synchronize(device)


@torch.no_grad()
def count_work(
    model: TKN, height: int, width: int, window: int, horizon: int, cameras: int = 1
) -> Work:
    """By running the rewritten stages once and counting.

    Args:
        model: the network.
        height: of the frames [pixel].
        width: of the frames [pixel].
        window: n, frames observed.
        horizon: m, frames to predict.
        cameras: B, cameras in a batch.
    """
    b, k = cameras, model.config.detector.keypoints
    with next(model.parameters()).device:
        frames = torch.zeros(b, height, width, 3, dtype=torch.uint8)
        observed, source_keypoints, drawn = (torch.zeros(b, m, k, 3) for m in (window, 1, horizon))
    stages = all_stages(model)
    features, source, background = list(stages['encode'](frames)[1:]), frames, 0
    if 'background' in stages:
        pictures = frames[:, None].repeat(1, window, 1, 1, 1)  # (B, n, H, W, 3)
        features.append(stages['background'](pictures))
        source = source_and_mean(pictures)
        background = _macs(stages['background'], pictures)
    passes = -(-horizon // window)
    return Work(
        _macs(stages['encode'], frames),
        passes * _macs(stages['predict'], observed),
        background + _macs(stages['draw'], drawn, source_keypoints[:, 0], source, *features),
        passes,
        sum(p.numel() for p in model.predictor.parameters()),
    )


def _macs(stage: nn.Module, *inputs: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        stage(*inputs)
    return counter.get_total_flops() // 2


def roofline_ms(work: Work, rates: Rates, precision: str) -> float:
    """[ms] for one prediction in a backend's precision, of which 'int8' is the predictor's part.

    Products of 8 bits count as bfloat16's.

    Args:
        work: to be done.
        rates: of this machine.
        precision: of the backend.
    """
    small = precision.startswith('int8')
    main = precision.removeprefix('int8').strip('+') or 'float32'
    rate = rates.macs.get(main, rates.macs['float32'])
    rate_predict = rates.macs['bfloat16'] if small else rate
    size = 1 if small else 4 if main == 'float32' else 2
    reading = work.passes * work.weights * size / rates.bytes_read
    return 1e3 * ((work.encode + work.draw) / rate + max(work.predict / rate_predict, reading))
