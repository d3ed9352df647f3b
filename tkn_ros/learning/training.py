"""The paper's two-step training: the detector by L_rec (Eq 3), the predictor by L_pred (Eq 26).

The predictor learns from keypoints that the frozen detector gave once for every frame. Joint
training, which the paper found slower, can follow or replace the two steps.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tkn_ros.learning.clips import ClipSampler, draw_window, to_tensor
from tkn_ros.model.detector import KeypointDetector, reconstruction_loss
from tkn_ros.model.predictor import TransformerPredictor, prediction_loss
from tkn_ros.model.tkn import TKN

L_PRED_SHARE = 0.1  # of L_pred beside L_rec in joint training


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step, and why."""


def train_detector(detector: KeypointDetector, clips: Sequence[np.ndarray], steps: int,
                   batch: int = 32, max_gap: int = 12, lr: float = 2e-3, seed: int = 0,
                   weights: Sequence[float] | None = None) -> float:
    """Step 1. `clips`: (T, H, W, 3) uint8 each. Returns the mean loss of the last tenth."""
    sampler = ClipSampler(clips, seed, weights)

    def loss() -> Tensor:
        source, target = sampler.pairs(batch, max_gap)
        return reconstruction_loss(detector(source, target), target)

    return _minimise(detector, loss, steps, lr, 'detector')


@torch.no_grad()
def keypoints_of(detector: KeypointDetector, clips: Sequence[np.ndarray],
                 batch: int = 256) -> list[Tensor]:
    """(T, K, 3) for every clip, and after them for every clip mirrored left to right."""
    was_training = detector.training
    detector.eval()
    out = []
    for clip in tqdm([*clips, *(c[:, :, ::-1] for c in clips)], desc='keypoints', unit='clip',
                     disable=None):
        frames = np.ascontiguousarray(clip)
        parts = [detector.encode(to_tensor(frames[i:i + batch]))[0]
                 for i in range(0, len(frames), batch)]
        out.append(torch.cat(parts))
    detector.train(was_training)
    return out


def train_predictor(predictor: TransformerPredictor, keypoints: Sequence[Tensor], steps: int,
                    window: int = 10, batch: int = 64, lr: float = 3e-4, seed: int = 0,
                    weights: Sequence[float] | None = None) -> float:
    """Step 2. `keypoints`: (T, K, 3) each. Returns the mean loss of the last tenth.

    Needs clips of at least 2 x window frames. Windows are drawn at several playback rates and in
    both directions.
    """
    rng = np.random.default_rng(seed)
    usable = [i for i, k in enumerate(keypoints) if len(k) >= 2 * window]
    if not usable:
        raise TrainingError(f'no clip has {2 * window} frames (twice the window): give longer ones')
    w = np.ones(len(keypoints)) if weights is None else np.asarray(weights, float)
    p = w[usable] / w[usable].sum()

    def loss() -> Tensor:
        runs = []
        for i in rng.choice(usable, batch, p=p):
            k = keypoints[i]
            runs.append(k[torch.from_numpy(draw_window(len(k), 2 * window, rng))])
        runs = torch.stack(runs)  # (B, 2n, K, 3)
        return prediction_loss(predictor(runs[:, :window]), runs[:, window:])

    return _minimise(predictor, loss, steps, lr, 'predictor')


def train_joint(model: TKN, clips: Sequence[np.ndarray], steps: int, batch: int = 4,
                max_ahead: int = 10, lr: float = 3e-4, seed: int = 0,
                weights: Sequence[float] | None = None) -> float:
    """Everything end to end, by L_rec of the predicted frames and L_pred (Section IV).

    The detector's keypoints on the true future are L_pred's target, not its pupil. Returns the
    mean loss of the last tenth. Needs clips of at least window + max_ahead frames.
    """
    n = model.config.window
    sampler = ClipSampler(clips, seed, weights)

    def loss() -> Tensor:
        frames = sampler.windows(batch, n + max_ahead)  # (B, n + m, 3, H, W)
        drawn, predicted = model(frames[:, :n], max_ahead)  # (B, m, 3, H, W), (B, m, K, 3)
        future = frames[:, n:]
        with torch.no_grad():
            real, _ = model.detector.encode(future.flatten(0, 1))  # (B*m, K, 3)
        return (reconstruction_loss(drawn, future)
                + L_PRED_SHARE * prediction_loss(predicted, real.view_as(predicted)))

    return _minimise(model, loss, steps, lr, 'joint')


def _minimise(module: torch.nn.Module, loss_of_a_batch, steps: int, lr: float, name: str) -> float:
    """Adam with warm-up, cosine decay and clipped gradients."""
    optimiser = torch.optim.AdamW(module.parameters(), lr, weight_decay=1e-4)
    warm = max(1, min(200, steps // 10))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min((s + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * s / steps)))
    module.train()
    history = []
    bar = tqdm(range(steps), desc=name, unit='step', mininterval=2.0)
    for step in bar:
        value = loss_of_a_batch()
        if not torch.isfinite(value):
            raise TrainingError(f'{name}: the loss is {value.item()} at step {step}; lower the '
                                'learning rate or look for broken frames')
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        history.append(value.item())
        if step % 20 == 0:
            bar.set_postfix(loss=f'{np.mean(history[-200:]):.6f}')
    module.eval()
    return float(np.mean(history[-max(1, steps // 10):]))
