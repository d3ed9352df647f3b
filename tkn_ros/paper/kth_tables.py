"""Tables I and II of the paper beside ours, for what was evaluated on KTH."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkn_ros.baselines.networks import AnyNetwork, name_of
from tkn_ros.datasets.kth import CLASSES
from tkn_ros.evaluation.runs import milliseconds
from tkn_ros.model.following import FollowingTKN
from tkn_ros.paper.table_one import TABLE_1
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.trial import prediction_step

HORIZON = 20
TABLE_2 = {
    'boxing': 0.897,
    'handclapping': 0.908,
    'handwaving': 0.898,
    'jogging': 0.762,
    'running': 0.759,
    'walking': 0.806,
}
SEQUENCES_IN_TEST = 9 * 6 * 4 * 4  # persons, classes, scenes, sequences (one file is missing)


def format_kth(results: dict[str, Any], model: AnyNetwork) -> str:
    """Both tables' rows for a network, paper and ours, over the clips of KTH's classes; '' if none.

    Table II is of TKN alone, and networks that the paper does not have stand beside its TKN.
    """
    clips = [clip for clip in results['clips'] if clip['label'] in CLASSES]
    if not clips:
        return ''
    classes = {c: figures for c, figures in results['classes'].items() if c in CLASSES}
    window, horizon = results['window'], results['horizon']
    device = next(model.parameters()).device
    took = _prediction_ms(model, results)
    line = TABLE_1.get(name_of(model.config), TABLE_1['tkn'])
    paper, fps = line.kth, HORIZON / line.kth.ms * 1e3
    psnr, ssim = (np.mean([clip['model'][name] for clip in clips]) for name in ('psnr', 'ssim'))
    count = len(clips)
    lines = [
        '',
        f'Table I, KTH, {line.name}, {window} -> {horizon} frames:',
        f'{"":8}{"SSIM":>8}{"PSNR":>8}{"ms":>8}{"fps":>8}',
        f'{"paper":8}{paper.ssim:8.3f}{paper.psnr:8.2f}{paper.ms:8}'
        f'{fps:8.0f}   (10 -> 20, trained on 16 persons; ms on an RTX 3090)',
        f'{"ours":8}{ssim:8.3f}{psnr:8.2f}{took:8.1f}{horizon / took * 1e3:8.0f}'
        f'   (ms on this {device.type.upper()})',
        '',
        'Table II, SSIM of each class (the paper: TKN):',
        f'{"":8}' + ''.join(f'{c:>14}' for c in CLASSES),
        f'{"paper":8}' + ''.join(f'{TABLE_2[c]:14.3f}' for c in CLASSES),
        f'{"ours":8}'
        + ''.join(
            f'{classes[c]["model"]["ssim"]:14.3f}' if c in classes else f'{"-":>14}'
            for c in CLASSES
        ),
        '',
        f'Ours is measured on {count} test sequences of {", ".join(sorted(classes))}; the '
        f"paper's test split has about {SEQUENCES_IN_TEST}.",
    ]
    if count < SEQUENCES_IN_TEST // 2 or horizon != HORIZON:
        lines.append(
            'With so little data, or another horizon, the rows do not compare: they show '
            'that the way from data to table works.'
        )
    return '\n'.join(lines) + '\n'


def _prediction_ms(model: AnyNetwork, results: dict[str, Any]) -> float:
    """Of a whole prediction in eager PyTorch; where keypoints are followed, of a running stream."""
    window, horizon = results['window'], results['horizon']
    size = results['height'], results['width']
    if isinstance(model, FollowingTKN):
        frame = np.zeros((*size, 3), np.uint8)
        return milliseconds(prediction_step(model, EagerBackend(model), frame, window, horizon))
    frames = torch.zeros(1, window, 3, *size, device=next(model.parameters()).device)
    return milliseconds(lambda: model(frames, horizon)[0].cpu())
