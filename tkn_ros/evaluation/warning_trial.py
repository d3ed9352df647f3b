"""Our warnings and three simpler ways to warn, on the same recordings at one false-alarm rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tkn_ros.evaluation.warning_baselines import foreseen, present, reached
from tkn_ros.evaluation.warning_events import Span
from tkn_ros.evaluation.warning_precision import average_precision
from tkn_ros.evaluation.warnings import (
    AHEAD,
    Matches,
    Matching,
    Recording,
    at_false_rate,
    candidates,
    match,
    spans_on,
)
from tkn_ros.warning.decision import Level, Warner
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import WarningSettings, Zone

WAYS = ('ours', 'present', 'enlarged', 'velocity')
WIDEST = 0.2  # [widths of the image] that the enlarged zone is tried at


@dataclass(frozen=True)
class Clip:
    """A recording.

    Attributes:
        ours: our predictions, in order.
        opencv: those of `constant_velocity`.
        events: what happened.
        times_end: time of its last frame [s].
    """

    ours: Sequence[ForeseenPoints]
    opencv: Sequence[ForeseenPoints]
    events: list[Span]
    times_end: float

    @property
    def judged(self) -> tuple[float, float]:
        """From our first prediction to the last frame [s]; the same for every way."""
        return self.ours[0].stamp_ns / 1e9, self.times_end


def warn(points: Sequence[ForeseenPoints], settings: WarningSettings) -> list[Span]:
    """The DANGER warnings of a recording, as the node gives them."""
    warner, zones = Warner(settings), [zone.name for zone in settings.zones]
    levels: dict[str, list[bool]] = {name: [] for name in zones}
    for p in points:
        for warning in warner.update(p):
            if warning.zone in levels:
                levels[warning.zone].append(warning.level == Level.DANGER)
    times = [p.stamp_ns / 1e9 for p in points]
    return [span for name in zones for span in spans_on(name, times, levels[name])]


def compare_ways(
    clips: Sequence[Clip],
    zones: Sequence[Zone],
    most: float = 1.0,
    rules: Matching | None = None,
) -> dict[str, Any]:
    """Figures of each way over all clips.

    Each way's threshold is the best one on these very clips with at most `most` false alarms a
    minute: of ours the probability, of the enlarged zone by how much, of the zone on the present
    none but the zone as drawn or smaller, of constant velocity how deep the zone is entered. Beside
    them ours at the zones' own settings (`settings`), and the zone on the present as drawn.

    Args:
        clips: to judge on.
        zones: with their rules.
        most: false alarms a minute.
        rules: of matching.

    Returns:
        By way: `WarningFigures.rounded` with threshold and `ap` by seconds ahead; a way that is
        never so quiet has None as its figures.
    """
    rules = rules or Matching()
    scores = {
        'ours': [foreseen(c.ours, zones) for c in clips],
        'present': [present(c.ours, zones) for c in clips],
        'velocity': [reached(c.opencv, zones) for c in clips],
    }
    scores['enlarged'] = scores['present']
    results: dict[str, Any] = {}
    for way in WAYS:
        recordings = [
            Recording(tracks, clip.events, clip.judged, rules)
            for tracks, clip in zip(scores[way], clips)
        ]
        tried = candidates(recordings)
        if way == 'present':
            tried = np.unique(np.append(tried[tried >= 0], 0.0))
        if way in ('enlarged', 'velocity'):
            tried = np.unique(np.append(tried[tried >= -WIDEST], np.linspace(-WIDEST, 0, 41)))
        if way == 'enlarged':
            tried = tried[tried <= 0]
        point = at_false_rate(recordings, most, tried)
        results[way] = {
            'threshold': None if point is None else round(point.threshold, 4),
            'figures': None if point is None else point.figures.rounded(),
            'ap': {str(s): _rounded(average_precision(recordings, s)) for s in AHEAD},
        }
    settings = WarningSettings(tuple(zones))
    matched = (match(warn(c.ours, settings), c.events, c.judged, rules) for c in clips)
    results['settings'] = {'figures': sum(matched, Matches()).figures().rounded()}
    return results


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def format_ways(results: dict[str, Any]) -> str:
    """For a terminal; results: of `compare_ways`."""
    columns = ('recall', 'precision', 'false_per_minute', 'lead_median', 'lead_p10')
    titles = ('recall', 'precision', 'false/min', 'lead', 'lead 10%')
    head = f'{"":10}' + ''.join(f'{t:>11}' for t in (*titles, *(f'AP {s} s' for s in AHEAD)))
    lines = [head]
    for way, result in results.items():
        figures = result['figures'] or {}
        values = [figures.get(c) for c in columns]
        values += [result.get('ap', {}).get(str(s)) for s in AHEAD]
        cells = (f'{"-" if v is None else f"{v:.2f}":>11}' for v in values)
        lines.append(f'{way:10}' + ''.join(cells))
    figures = results['settings']['figures']
    lines.append(f'{figures["events"]} events in {figures["minutes"]:.1f} minutes')
    return '\n'.join(lines)
