"""How often a camera gives frames, from their stamps, however unevenly they are stamped.

USB cameras stamp in pairs (1 ms, then 65 ms), drivers in bursts, networks lose frames. The period
is the median where most intervals agree with it, which lost frames leave as it is; otherwise it is
the mean.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

SAMPLES = 60  # intervals that count
SURE = 8  # intervals from which on an uneven stream has a mean, and any stream a largest gap
AGREE = 0.15  # share of the median within which an interval agrees with it ..
MOST = 0.6  # .. as so many of them do in an even stream
MAX_GAP = 4.5  # periods without a frame, after which older keypoints say nothing of now
PAUSE = 1.5  # times the largest recent interval, up to which a pause is the camera's own pattern
MAX_PAUSE_NS = 500_000_000  # .. if it is not longer than this


class FrameRate:
    """The recent intervals between a camera's frames, [ns]. All of them are above 0.

    Attributes:
        period_ns: mean time between two frames; 0 while it is not known.
        max_gap_ns: the longest time between two frames that belong together.
    """

    def __init__(self) -> None:
        self.period_ns = 0
        self.max_gap_ns = float(MAX_PAUSE_NS)
        self._before: list[int] = []  # of before the last restart: the camera is mostly the same
        self._intervals: deque[int] = deque(maxlen=SAMPLES)

    def add(self, interval_ns: int) -> None:
        """Note the interval between two frames that follow each other."""
        self._intervals.append(interval_ns)
        self._judge()

    def restart(self, interval_ns: int = 0) -> None:
        """The stream is interrupted. What is known is kept until the new intervals show
        the rate, and `interval_ns` counts as seen, since a pause that comes again and again
        belongs to the camera."""
        seen = [*self._before, *self._intervals, *([interval_ns] if interval_ns > 0 else [])]
        self._before = seen[-SAMPLES:]
        self._intervals.clear()
        self._judge()

    def _judge(self) -> None:
        recent = list(self._intervals)
        every = (self._before + recent)[-SAMPLES:]
        even = _even_period(recent)
        if not even or (len(recent) < 3 and self._before):
            even = _even_period(every)
        uneven = round(np.mean(_without_one_pause(every))) if len(every) >= SURE else 0
        self.period_ns = even or uneven
        pause = min(PAUSE * max(every), MAX_PAUSE_NS) if len(every) >= SURE else MAX_PAUSE_NS
        self.max_gap_ns = max(MAX_GAP * self.period_ns, pause)

    @property
    def known(self) -> bool:
        """Whether there is any interval to judge others by."""
        return bool(self._intervals or self._before)


def _even_period(intervals: Sequence[int]) -> int:
    """The median, or 0 where the intervals are not even."""
    if not intervals:
        return 0
    median = float(np.median(intervals))
    agree = np.abs(np.array(intervals) - median) <= AGREE * median
    mean = float(np.mean(_without_one_pause(intervals)))
    return int(median) if agree.mean() >= MOST and mean <= 1.5 * median else 0


def _without_one_pause(intervals: Sequence[int]) -> Sequence[int]:
    """All but the longest, if that is a pause such as happens once."""
    if len(intervals) < 2:
        return intervals
    *others, longest = sorted(intervals)
    alone = longest > MAX_GAP * np.mean(others) and longest > PAUSE * others[-1]
    return others if alone else intervals
