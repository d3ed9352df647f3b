"""PSNR and SSIM of each backend's pictures, for the rows of a benchmark."""

from collections.abc import Sequence

import numpy as np

from tkn_ros.benchmark.rows import STEP, Row
from tkn_ros.model.build import Network
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.quality import future_of, predict_clip
from tkn_ros.streaming.select import make_backend
from tkn_ros.video.metrics import psnr_and_ssim


def add_quality(
    rows: list[Row],
    model: Network,
    clips: Sequence[np.ndarray],
    window: int,
    threads: int = 0,
    cached: bool = True,
) -> None:
    """PSNR and SSIM of every row's backend with this model, on (n + m, H, W, 3) uint8 clips.

    Args:
        rows: whose figures are filled in.
        model: the network.
        clips: (n + m, H, W, 3) uint8 each.
        window: n, frames observed.
        threads: of the CPU; 0 for the number that torch uses.
        cached: whether converted graphs may be kept and used.
    """
    known: dict[tuple[str, str], tuple[float, float]] = {}
    reference = _figures(model, EagerBackend(model), clips, window)
    for row in rows:
        key = row.backend.removesuffix(f' {STEP}'), row.precision
        if key not in known:
            known[key] = reference
            if key not in (('naive', 'float32'), ('eager', 'float32')):
                backend = make_backend(model, *key, threads, cached=cached)
                known[key] = _figures(model, backend, clips, window)
        row.psnr_db, row.ssim = known[key]
        row.psnr_loss_db = reference[0] - known[key][0]


def format_quality(rows: Sequence[Row]) -> str:
    """One line for each backend."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((row.backend, row.precision), row)
    return '\n'.join(
        f'{row.backend + " " + row.precision:24} PSNR {row.psnr_db:6.2f} dB  '
        f'SSIM {row.ssim:.4f}  loss {row.psnr_loss_db:+.3f} dB'
        for row in first.values()
    )


def _figures(
    model: Network, backend: Backend, clips: Sequence[np.ndarray], window: int
) -> tuple[float, float]:
    figures = [
        psnr_and_ssim(predict_clip(model, backend, clip, window), future_of(model, clip, window))
        for clip in clips
    ]
    psnr, ssim = np.mean([figure.mean(0) for figure in figures], 0)
    return float(psnr), float(ssim)
