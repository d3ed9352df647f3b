"""The paper's two-step training: the detector by L_rec (Eq 3), the predictor by L_pred (Eq 26).

The predictor learns from keypoints that the frozen detector gave once for every frame. Joint
training, which the paper found slower, can follow or replace the two steps. Each is a `Stage`;
`train_..` run one from its start to its end.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from tkn_ros.model.detector import KeypointDetector, reconstruction_loss
from tkn_ros.model.inference import to_tensor
from tkn_ros.model.multi_target import MultiTargetDetector
from tkn_ros.model.predictor import KeypointPredictor, prediction_loss
from tkn_ros.model.tkn import TKN
from tkn_ros.training.sampler import DEFAULT_SAMPLING, Sampling
from tkn_ros.training.stage import Schedule, Stage, TrainingError

L_PRED_SHARE = 0.1  # of L_pred beside L_rec in joint training


def detector_stage(
    detector: KeypointDetector,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 32,
    max_gap: int = 12,
    sampling: Sampling = DEFAULT_SAMPLING,
    targets: int = 1,
) -> Stage:
    """Step 1. `clips`: (T, H, W, 3) uint8 each. A batch counts pairs, `targets` of each source.

    Args:
        detector: the network that learns.
        clips: (T, H, W, 3) uint8 each.
        schedule: steps and rates.
        batch: examples of a step.
        max_gap: frames between source and target at most; 0: any.
        sampling: of the examples.
        targets: of each source.
    """
    sampler = sampling.sampler(clips)

    def loss(net: nn.Module, frames: Tensor) -> Tensor:  # frames: (S, 1 + targets, 3, H, W)
        return reconstruction_loss(net(frames), frames[:, 1:])

    return Stage(
        'detector',
        detector,
        lambda step: sampler.at(step).multi_target_batch(batch, max_gap, targets),
        loss,
        schedule,
        sampling.seed,
        sampling.processes,
        MultiTargetDetector(detector),
        half_on_cpu=True,
    )


def predictor_stage(
    predictor: KeypointPredictor,
    keypoints: Sequence[Tensor],
    schedule: Schedule,
    window: int = 10,
    batch: int = 64,
    sampling: Sampling = DEFAULT_SAMPLING,
) -> Stage:
    """Step 2. `keypoints`: (T, K, 3) each, on the CPU.

    Needs clips of at least 2 x window frames. Windows are drawn at several playback rates and in
    both directions, unless `augmentation` says otherwise.

    Args:
        predictor: the network that learns.
        keypoints: (T, K, 3) each, on the CPU.
        schedule: steps and rates.
        window: n, frames observed.
        batch: examples of a step.
        sampling: of the examples.
    """
    if not any(len(k) >= 2 * window for k in keypoints):
        raise TrainingError(f'no clip has {2 * window} frames (twice the window): give longer ones')
    sampler = sampling.sampler(keypoints)

    def make_batch(step: int) -> Tensor:
        return torch.stack(
            [
                keypoints[i][torch.from_numpy(picked)]
                for i, picked in sampler.at(step).runs(batch, 2 * window)
            ]
        )

    def loss(net: nn.Module, runs: Tensor) -> Tensor:
        return prediction_loss(net(runs[:, :window]), runs[:, window:])  # runs: (B, 2n, K, 3)

    return Stage(
        'predictor', predictor, make_batch, loss, schedule, sampling.seed, sampling.processes
    )


def joint_stage(
    model: TKN,
    clips: Sequence[np.ndarray],
    schedule: Schedule,
    batch: int = 4,
    max_ahead: int = 10,
    sampling: Sampling = DEFAULT_SAMPLING,
) -> Stage:
    """Everything end to end, by L_rec of the predicted frames and L_pred (Section IV).

    The detector's keypoints on the true future are L_pred's target and get no gradient. Needs clips
    of at least window + max_ahead frames; ValueError at the first step where there is none.

    Args:
        model: the network.
        clips: (T, H, W, 3) uint8 each.
        schedule: steps and rates.
        batch: examples of a step.
        max_ahead: frames predicted.
        sampling: of the examples.
    """
    n = model.config.window
    sampler = sampling.sampler(clips)

    def loss(net: nn.Module, frames: Tensor) -> Tensor:  # frames: (B, n + m, 3, H, W)
        drawn, predicted = net(frames[:, :n], max_ahead)  # (B, m, 3, H, W), (B, m, K, 3)
        future = frames[:, n:]
        with torch.no_grad():
            real, _ = model.detector.encode(future.flatten(0, 1))  # (B*m, K, 3)
        return reconstruction_loss(drawn, future) + L_PRED_SHARE * prediction_loss(
            predicted, real.view_as(predicted)
        )

    return Stage(
        'joint',
        model,
        lambda step: sampler.at(step).windows(batch, n + max_ahead),
        loss,
        schedule,
        sampling.seed,
        sampling.processes,
    )


@torch.no_grad()
def detect_keypoints(
    detector: KeypointDetector, clips: Sequence[np.ndarray], batch: int = 256, mirrored: bool = True
) -> list[Tensor]:
    """(T, K, 3) for every clip, and if `mirrored` after them for every clip left to right.

    Args:
        detector: left in the mode that it is in.
        clips: (T, H, W, 3) uint8 each.
        batch: frames encoded at a time.
        mirrored: left to right as well.
    """
    was_training = detector.training
    device = next(detector.parameters()).device
    detector.eval()
    out = []
    turned = [c[:, :, ::-1] for c in clips] if mirrored else []
    for clip in tqdm([*clips, *turned], desc='keypoints', unit='clip', disable=None):
        parts = [
            detector.encode(to_tensor(np.ascontiguousarray(clip[i : i + batch])).to(device))[0]
            for i in range(0, len(clip), batch)
        ]
        out.append(torch.cat(parts).cpu())
    detector.train(was_training)
    return out


def run_stage(stage: Stage) -> float:
    """From its start to its end, with a bar. Returns the mean loss of the last tenth."""
    with tqdm(total=stage.schedule.steps, desc=stage.name, unit='step', mininterval=2.0) as bar:
        for _ in stage:
            bar.set_postfix(loss=f'{stage.mean_loss:.6f}', refresh=False)
            bar.update()
    return stage.finish()
