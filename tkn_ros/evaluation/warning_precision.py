"""Average precision of warnings, over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tkn_ros.evaluation.warning_events import by_zone
from tkn_ros.evaluation.warnings import Recording, Track, quiet_times

MOMENT = 0.5  # [s] between two quiet moments of the average precision


def average_precision(recordings: Sequence[Recording], ahead: float) -> float | None:
    """Of the score so long before an event, against those of quiet moments.

    Each event has one moment, `ahead` before its start, unless its zone was occupied then or
    predictions began later; quiet times have one every half second. Precision is averaged over the
    ranks of the events' moments, without interpolation. None where there is no event or no quiet
    moment.
    """
    positive: list[float] = []
    negative: list[float] = []
    for recording in recordings:
        happened = by_zone(recording.events)
        for track in recording.tracks:
            events = happened.get(track.zone, [])
            for event in events:
                at = event.start - ahead
                busy = any(o.start <= at <= o.end + MOMENT for o in events if o is not event)
                if recording.judged[0] <= at and event.start <= recording.judged[1] and not busy:
                    positive.append(_score_at(track, at))
            for start, end in quiet_times(events, recording.judged, recording.rules):
                negative += [_score_at(track, at) for at in np.arange(start, end, MOMENT)]
    if not positive or not negative:
        return None
    values = np.array(positive + negative)
    right = np.array([True] * len(positive) + [False] * len(negative))
    # ties: as many false ones before each true one as there are
    higher = (values[None] >= values[right][:, None]) & (values[None] > -np.inf)
    hits = (higher & right).sum(1)
    return float(np.mean(hits / np.maximum(higher.sum(1), 1)))


def _score_at(track: Track, time: float) -> float:
    """The score of the newest prediction at that time; -inf before the first."""
    i = int(np.searchsorted(track.times, time + 1e-6, 'right')) - 1
    return float(track.score[i]) if i >= 0 else -np.inf
