"""How a running predictor does, judged by what happened within the last seconds."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field

import numpy as np

from tkn_ros.streaming.worker import Counters

OK, WARN, ERROR = 0, 1, 2  # as of diagnostic_msgs/DiagnosticStatus
RECENT = 10.0  # [s] that count
SILENT = {WARN: 3.0, ERROR: 15.0}  # [s] without an image
DROPPED = {WARN: 0.1, ERROR: 0.5}  # share of the images that were due
REFUSED = {WARN: 0.0, ERROR: 0.5}  # share of the images that came
LATENCY = {WARN: 0.5, ERROR: 1.0}  # of the time that is predicted: then it is over already
RESETS = {WARN: 2, ERROR: np.inf}


@dataclass
class Report:
    """What to report.

    Attributes:
        level: OK, WARN or ERROR.
        message: why, in one line.
        values: figures.
    """

    level: int = OK
    message: str = ''
    values: dict[str, object] = field(default_factory=dict)

    def find(self, amount: float, limits: dict[int, float], message: str) -> None:
        """Note a finding where the amount is above a limit.

        Args:
            amount: measured.
            limits: the least amount of each level.
            message: for people.
        """
        level = max((k for k, limit in limits.items() if amount > limit), default=OK)
        if level:
            self.level = max(self.level, level)
            self.message += ('; ' if self.message else '') + message


class Health:
    """Of one camera's predictions. `now` is always of `time.monotonic`."""

    def __init__(self, now: float | None = None) -> None:
        self._begun = time.monotonic() if now is None else now
        self._past: deque[tuple[float, Counters]] = deque([(self._begun, Counters())])
        self._latencies: deque[tuple[float, float]] = deque(maxlen=2000)  # [ms]

    def delivered(self, now: float, latency_ms: float) -> None:
        """A prediction was published so long after its image's stamp."""
        self._latencies.append((now, latency_ms))

    def judge(
        self,
        now: float,
        counters: Counters,
        silence: float,
        predicted_seconds: float,
        problems: tuple[str, ...] = (),
        failure: str = '',
    ) -> Report:
        """The findings of the last RECENT seconds; to be called every second or so.

        Args:
            now: the time.
            counters: since the start.
            silence: time since the last image [s].
            predicted_seconds: how far the predictions reach; 0: not known yet.
            problems: further ones, each a warning.
            failure: what keeps it from working, an error; '' if nothing does.
        """
        recent = self._recent(now, counters)
        latencies = [ms for at, ms in list(self._latencies) if at > now - RECENT]
        p50, p99 = np.percentile(latencies, [50, 99]) if latencies else (0.0, 0.0)
        came, due = recent.received, recent.predictions + recent.dropped
        report = Report()
        if failure:
            report.find(1, {ERROR: 0}, failure)
        report.find(silence, SILENT, f'no image for {silence:.0f} s')
        report.find(
            recent.bad / max(came, 1), REFUSED, f'{recent.bad} bad images of {came}{_WITHIN}'
        )
        report.find(
            recent.dropped / max(due, 1),
            DROPPED,
            f'{recent.dropped} of {due} predictions dropped{_WITHIN}: this machine is too slow '
            'for stride and rate',
        )
        for problem in problems:
            report.find(1, {WARN: 0}, problem)
        if predicted_seconds and not problems:  # with such stamps there is no latency
            late = p50 / 1e3 / predicted_seconds
            report.find(late, LATENCY, f'predictions are {p50:.0f} ms late')
        report.find(recent.resets, RESETS, f'{recent.resets} restarts of the window{_WITHIN}')
        if not report.message:
            report.message = 'predicting' if recent.predictions else 'nobody listens'
            if recent.encoded and not recent.predictions:
                report.message = 'images come; the window is not full, or nobody listens'
        report.values = {
            **asdict(counters),
            **{f'recent_{name}': value for name, value in asdict(recent).items()},
            'latency_p50_ms': f'{p50:.1f}',
            'latency_p99_ms': f'{p99:.1f}',
        }
        return report

    def _recent(self, now: float, counters: Counters) -> Counters:
        self._past.append((now, Counters(**asdict(counters))))
        while len(self._past) > 2 and self._past[1][0] <= now - RECENT:
            self._past.popleft()
        before = asdict(self._past[0][1])
        return Counters(**{k: v - before[k] for k, v in asdict(counters).items()})


_WITHIN = f' within {RECENT:.0f} s'
