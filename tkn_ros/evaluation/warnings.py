"""What warnings are worth: matched with what happened.

A warning at time t says that its zone will be entered soon. An event counts as warned of if a
warning stands within `late` of its start; lead time is how long before the start that warning
began, at most `before`, less than 0 if it came late. A false alarm is a warning that stands at a
quiet time: not from `before` ahead of an event's start to `after` past its end. One that stands
through several quiet times is as many false alarms, so that warning always is no way to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from tkn_ros.evaluation.warning_events import Span, by_zone
from tkn_ros.warning.decision import Debouncer

AHEAD = (0.5, 1.0, 1.5)  # [s] before the event at which average precision is taken


@dataclass(frozen=True)
class Matching:
    """See the module [s]."""

    before: float = 1.5
    after: float = 1.0
    late: float = 0.5


@dataclass(frozen=True)
class WarningFigures:
    """None where there was nothing to judge.

    Attributes:
        events: that were judged.
        warned: of them.
        false_alarms: how many.
        minutes: that were judged.
        precision: warned / (warned + false_alarms).
        recall: warned / events.
        false_per_minute: false alarms a minute.
        lead_median: [s], of the events warned of.
        lead_p10: [s], tenth percentile.
    """

    events: int
    warned: int
    false_alarms: int
    minutes: float
    precision: float | None
    recall: float | None
    false_per_minute: float | None
    lead_median: float | None
    lead_p10: float | None

    def rounded(self) -> dict[str, float | int | None]:
        """For a report."""
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Matches:
    """Of one recording, or the sum of several.

    Attributes:
        leads: of each event judged [s], None: not warned of.
        false: false alarms.
        seconds: that were judged.
    """

    leads: tuple[float | None, ...] = ()
    false: tuple[Span, ...] = ()
    seconds: float = 0.0

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.leads + other.leads, self.false + other.false, self.seconds + other.seconds
        )

    def figures(self) -> WarningFigures:
        """Its figures."""
        leads = [lead for lead in self.leads if lead is not None]
        said = len(leads) + len(self.false)
        return WarningFigures(
            events=len(self.leads),
            warned=len(leads),
            false_alarms=len(self.false),
            minutes=self.seconds / 60,
            precision=len(leads) / said if said else None,
            recall=len(leads) / len(self.leads) if self.leads else None,
            false_per_minute=len(self.false) / self.seconds * 60 if self.seconds else None,
            lead_median=float(np.median(leads)) if leads else None,
            lead_p10=float(np.percentile(leads, 10)) if leads else None,
        )


def match(
    warnings: Iterable[Span],
    events: Iterable[Span],
    judged: tuple[float, float],
    rules: Matching = Matching(),
) -> Matches:
    """Match the warnings of a recording with its events, zone by zone.

    Args:
        warnings: of level DANGER.
        events: what happened.
        judged: from when to when [s]; events that start outside are not judged.
        rules: of matching.
    """
    start, end = judged
    happened, leads, false = by_zone(events), [], []
    said = by_zone(warnings)
    for zone in sorted({*happened, *said}):
        for event in happened.get(zone, []):
            if start <= event.start <= end:
                leads.append(_lead(event, said.get(zone, []), rules))
        quiet = quiet_times(happened.get(zone, []), judged, rules)
        for warning in said.get(zone, []):
            false += [
                Span(zone, max(warning.start, a), min(warning.end, b))
                for a, b in quiet
                if warning.start < b and warning.end > a
            ]
    return Matches(tuple(leads), tuple(false), max(end - start, 0.0))


def quiet_times(
    events: Iterable[Span], judged: tuple[float, float], rules: Matching = Matching()
) -> list[tuple[float, float]]:
    """When nothing happens in a zone, nor is about to: (start, end) [s].

    Args:
        events: of one zone.
        judged: from when to when [s].
        rules: of matching.
    """
    quiet, at = [], judged[0]
    for event in sorted(events, key=lambda e: e.start):
        if event.start - rules.before > at:
            quiet.append((at, min(event.start - rules.before, judged[1])))
        at = max(at, event.end + rules.after)
        if at >= judged[1]:
            return quiet
    return [*quiet, (at, judged[1])] if at < judged[1] else quiet


def _lead(event: Span, warnings: Sequence[Span], rules: Matching) -> float | None:
    near = [
        w
        for w in warnings
        if w.start <= event.start + rules.late and w.end >= event.start - rules.late
    ]
    return min(rules.before, event.start - min(w.start for w in near)) if near else None


@dataclass(frozen=True)
class Track:
    """The score of one zone, prediction by prediction: the higher, the likelier an entry.

    Attributes:
        zone: name of the zone.
        times: (T,) of the predictions [s].
        score: (T,).
        held: (T,) the same while a warning stands (the zone is larger then).
        trigger: predictions in a row at or over a threshold before it is a warning.
        release: predictions in a row under it before that is over.
    """

    zone: str
    times: np.ndarray
    score: np.ndarray
    held: np.ndarray
    trigger: int
    release: int

    def warnings(self, threshold: float) -> list[Span]:
        """When a warning stands at this threshold."""
        debounce = Debouncer(self.trigger, self.release)
        on = [
            debounce.update((held if debounce.on else score) >= threshold)
            for score, held in zip(self.score, self.held)
        ]
        return spans_on(self.zone, self.times, on)


def spans_on(zone: str, times: Iterable[float], on: Iterable[bool]) -> list[Span]:
    """Spans from each moment at which a warning begins to that at which it is no more.

    Args:
        zone: name of the zone.
        times: (T,) of the predictions [s].
        on: (T,) whether it stands.
    """
    found, begun, time = [], None, 0.0
    for time, there in zip(times, on):
        if there and begun is None:
            begun = time
        elif not there and begun is not None:
            found.append(Span(zone, float(begun), float(time)))
            begun = None
    if begun is not None:
        found.append(Span(zone, float(begun), float(time)))
    return found


@dataclass
class Recording:
    """One way of warning on one recording.

    Attributes:
        tracks: one for each zone.
        events: what happened.
        judged: from when to when [s].
    """

    tracks: list[Track]
    events: list[Span]
    judged: tuple[float, float]
    rules: Matching = field(default_factory=Matching)

    def at(self, threshold: float) -> Matches:
        """What the warnings of a threshold are worth."""
        said = [w for track in self.tracks for w in track.warnings(threshold)]
        return match(said, self.events, self.judged, self.rules)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and what warnings at it are worth over all recordings."""

    threshold: float
    figures: WarningFigures


def at_false_rate(
    recordings: Sequence[Recording], most: float, thresholds: Iterable[float] | None = None
) -> OperatingPoint | None:
    """The threshold of the most events warned of with at most so many false alarms a minute.

    Among equals the one of the longest median lead. None where no threshold is quiet enough.

    Args:
        recordings: of one way of warning.
        most: false alarms a minute.
        thresholds: to try; without them 60 quantiles of the scores.
    """
    best, best_key = None, (-1.0, -np.inf)
    for threshold in candidates(recordings) if thresholds is None else thresholds:
        figures = sum((r.at(threshold) for r in recordings), Matches()).figures()
        if figures.false_per_minute is None or figures.false_per_minute > most:
            continue
        lead = -np.inf if figures.lead_median is None else figures.lead_median
        key = (figures.recall or 0.0, lead)
        if key > best_key:
            best, best_key = OperatingPoint(float(threshold), figures), key
    return best


def candidates(recordings: Sequence[Recording], count: int = 60) -> np.ndarray:
    """Thresholds worth trying: quantiles of all scores, the highest tenth more closely."""
    scores = np.concatenate([t.score for r in recordings for t in r.tracks] or [np.zeros(1)])
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return np.zeros(1)
    shares = np.concatenate([np.linspace(0, 0.9, count // 2), np.linspace(0.9, 1, count // 2)])
    return np.unique(np.quantile(scores, shares))
