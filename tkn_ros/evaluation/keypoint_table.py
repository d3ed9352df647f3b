"""Figures of keypoints over several clips, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tkn_ros.evaluation.keypoint_figures import Figures

KEYPOINT_PROTOCOL = (
    'keypoints: of the original recording, its frames evenly spaced, predictions from at most '
    '{most} frames a clip, evenly spread; distances in 1/64 of its width, means over {m} frames '
    'ahead. on: share of active keypoints within 4/256 of the width of a pixel that moves by '
    'dense optical flow; area: share of such pixels, what a blind guess would score; regions: '
    'share of moving regions with an active keypoint; err, stay, c.v.: how far our prediction, '
    'staying and constant velocity (of an independent tracker, pyramidal Lucas-Kanade) are from '
    'where keypoints that can be followed and move truly went; ratio: err / the better of the '
    'two; sigma: share of true positions within 1.515 sigma (.68 if honest; - if unknown)'
)
PERSONS_PROTOCOL = (
    '; person: share of active keypoints in a labelled box; persons: share of boxes with an '
    'active keypoint; hit, hit stay, hit c.v.: share of keypoints in a box whose last predicted '
    'position is in the box that the same person has then'
)
_COUNTS = ('predictions', 'followed', 'hits_of')
_COLUMNS = {
    'active': 'active',
    'on_moving': 'on',
    'area_moving': 'area',
    'blobs_covered': 'regions',
    'err': 'err',
    'err_stay': 'stay',
    'err_velocity': 'c.v.',
    'ratio_best': 'ratio',
    'within_sigma': 'sigma',
}
_PERSON_COLUMNS = {
    'in_person': 'person',
    'persons_covered': 'persons',
    'hit': 'hit',
    'hit_stay': 'hit stay',
    'hit_velocity': 'hit c.v.',
}


def mean_figures(clips: Sequence[Figures]) -> Figures:
    """Means over the clips that have a figure, of ratio_best the geometric one; counts: sums."""
    out: Figures = {}
    for name in dict.fromkeys(name for clip in clips for name in clip):
        found = (clip.get(name) for clip in clips)
        values = [value for value in found if value is not None]
        if not values:
            out[name] = None
        elif name in _COUNTS:
            out[name] = int(sum(values))
        elif name == 'ratio_best':  # a clip without any error has 0
            out[name] = round(float(np.exp(np.mean(np.log(np.maximum(values, 1e-3))))), 3)
        else:
            out[name] = round(float(np.mean(values)), 4)
    return out


def format_keypoints(results: dict[str, Any], width: int = 30) -> str:
    """For a terminal, '' where no keypoints were judged; results: of `compare`."""
    overall = results['overall'].get('keypoints')
    if not overall:
        return ''
    columns = list(_COLUMNS.items())
    if 'hits_of' in overall:
        columns += _PERSON_COLUMNS.items()

    def row(title: str, figures: Figures) -> str:
        cells = (_cell(figures.get(name), name) for name, _ in columns)
        return f'{title[-width:]:{width}}' + ''.join(f'{cell:>9}' for cell in cells)

    return '\n'.join(
        [
            f'{"keypoints":{width}}' + ''.join(f'{title:>9}' for _, title in columns),
            *(row(clip['name'], clip['keypoints']) for clip in results['clips']),
            '',
            row(f'all {len(results["clips"])} clips', overall),
        ]
    )


def _cell(value: float | None, name: str) -> str:
    if value is None:
        return '-'
    return f'{value:.1f}' if name == 'active' else f'{value:.3f}'
