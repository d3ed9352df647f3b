"""From entries, which come and go, to warnings that a robot can act on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from tkn_ros.warning.approach import approaching
from tkn_ros.warning.entry import entry
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import APPROACH, ApproachRules, Debouncing, WarningSettings, Zone

CAUTION_FACTOR = 2.0  # an approach is CAUTION up to so many times its time_to_contact


class Level(IntEnum):
    """How bad it is; the numbers of DangerWarning.msg."""

    OK = 0
    CAUTION = 1
    DANGER = 2


@dataclass(frozen=True)
class ZoneWarning:
    """What is known of one zone.

    Attributes:
        zone: its name; APPROACH for an approach without a zone.
        level: after debouncing.
        stale: no prediction for longer than `hold`; the level is what was known last, at least
            CAUTION.
        probability: that `min_points` keypoints are inside within time_before_entry, before
            debouncing: that of the min_points-th surest one.
        time_to_entry: until the min_points-th keypoint is inside, from the newest observed frame
            [s]; 0 if it is, infinite if none is foreseen.
        ids: keypoints that are, or will be, inside, soonest first.
        untrusted: predictions have lately been worse than is demanded; then at least CAUTION.
        changed: whether level, stale or untrusted differ from what was known before.
    """

    zone: str
    level: Level = Level.OK
    stale: bool = False
    probability: float = 0.0
    time_to_entry: float = np.inf
    ids: tuple[int, ...] = ()
    untrusted: bool = False
    changed: bool = False


@dataclass
class Debouncer:
    """On after `trigger` conditions in a row, off after `release` without."""

    trigger: int
    release: int
    on: bool = False
    count: int = field(default=0, repr=False)  # in a row that speak against `on`

    def update(self, condition: bool) -> bool:
        """Whether it is on now."""
        self.count = self.count + 1 if bool(condition) != self.on else 0
        if self.count >= (self.release if self.on else self.trigger):
            self.on, self.count = not self.on, 0
        return self.on


class _Watch:
    """One zone, or the approach without one."""

    def __init__(self, name: str, rules: Debouncing) -> None:
        self.rules = rules
        self.danger, self.caution = (
            Debouncer(rules.trigger_consecutive, rules.release_consecutive) for _ in range(2)
        )
        self.last = ZoneWarning(name)

    @property
    def warns(self) -> bool:
        """Whether something is foreseen, after debouncing."""
        return self.danger.on or self.caution.on

    def decide(self, danger: bool, caution: bool, about: ZoneWarning) -> ZoneWarning:
        """Debounce. `about`: what is known of the zone now, without a level."""
        if self.danger.update(danger):
            level = Level.DANGER
        else:
            level = Level.OK
        if self.caution.update(caution) or about.untrusted:
            level = max(level, Level.CAUTION)
        return self.record(replace(about, level=level))

    def record(self, warning: ZoneWarning) -> ZoneWarning:
        before = self.last
        states = [(w.level, w.stale, w.untrusted) for w in (before, warning)]
        changed = states[0] != states[1]
        self.last = replace(warning, changed=changed)
        return self.last


class Warner:
    """Decides for all zones of one camera, prediction by prediction.

    Example::

        warner = Warner(load_settings('config/warning.yaml'))
        for points in stream:
            for warning in warner.update(points):
                print(warning.zone, warning.level.name, warning.time_to_entry)
    """

    def __init__(self, settings: WarningSettings) -> None:
        self.settings = settings
        self._reset()

    def _reset(self) -> None:
        self._zones = [(zone, _Watch(zone.name, zone.rules)) for zone in self.settings.zones]
        approach = self.settings.approach
        self._approach = None if approach is None else _Watch(APPROACH, approach)
        self._stamp_ns: int | None = None
        self._received_ns: int | None = None

    def update(
        self, points: ForeseenPoints, now_ns: int | None = None, trusted: bool = True
    ) -> list[ZoneWarning]:
        """One entry for each zone, OK ones too, then one for the approach if that is watched.

        A stamp no later than the one before restarts the count: time went back.

        Args:
            points: of the newest prediction.
            now_ns: when it came, on the clock of `missing`; without it its own stamp.
            trusted: whether predictions have lately been as good as is demanded.
        """
        last = {w.last.zone: w.last for w in self._watches()}
        if self._stamp_ns is not None and points.stamp_ns <= self._stamp_ns:
            self._reset()
            for watch in self._watches():  # so that a release is a change
                watch.last = last[watch.last.zone]
        self._stamp_ns = points.stamp_ns
        self._received_ns = points.stamp_ns if now_ns is None else now_ns
        warnings = [_judge_zone(points, zone, watch, trusted) for zone, watch in self._zones]
        if self._approach is not None:
            warnings.append(_judge_approach(points, self._approach, trusted))
        return warnings

    def missing(self, now_ns: int) -> list[ZoneWarning]:
        """Call it now and then: one entry for each zone whose input is stale, [] if none is.

        The first call counts as the start where nothing has come yet.

        Args:
            now_ns: on the clock of `update` [ns].
        """
        if self._received_ns is None:
            self._received_ns = now_ns
        silence = (now_ns - self._received_ns) / 1e9
        return [
            watch.record(
                replace(watch.last, level=max(watch.last.level, Level.CAUTION), stale=True)
            )
            for watch in self._watches()
            if silence > watch.rules.hold
        ]

    def _watches(self) -> Iterator[_Watch]:
        yield from (watch for _, watch in self._zones)
        if self._approach is not None:
            yield self._approach


def kth(values: np.ndarray, k: int, fill: float) -> float:
    """The k-th smallest.

    Args:
        values: any number of them.
        k: from 1.
        fill: given where there are fewer than k values.
    """
    return float(np.partition(values, k - 1)[k - 1]) if len(values) >= k else fill


def _judge_zone(points: ForeseenPoints, zone: Zone, watch: _Watch, trusted: bool) -> ZoneWarning:
    rules = zone.rules
    larger = rules.hysteresis * points.size[1] if watch.warns else 0.0
    found = entry(points, zone, larger)
    time = kth(found.time, rules.min_points, np.inf)
    order = np.argsort(found.time, kind='stable')
    about = ZoneWarning(
        zone.name,
        probability=-kth(-found.probability, rules.min_points, 0.0),
        time_to_entry=time,
        ids=tuple(points.ids[order[np.isfinite(found.time[order])]].tolist()),
        untrusted=not trusted,
    )
    return watch.decide(time <= rules.time_before_entry, time < np.inf, about)


def _judge_approach(points: ForeseenPoints, watch: _Watch, trusted: bool) -> ZoneWarning:
    rules = watch.rules
    assert isinstance(rules, ApproachRules)
    found = approaching(points, rules)
    tau = found[0].time_to_contact if found else np.inf
    about = ZoneWarning(
        APPROACH,
        probability=found[0].probability if found else 0.0,
        time_to_entry=tau,
        ids=tuple(points.ids[found[0].members].tolist()) if found else (),
        untrusted=not trusted,
    )
    near = rules.time_to_contact
    return watch.decide(tau <= near, tau <= CAUTION_FACTOR * near, about)
