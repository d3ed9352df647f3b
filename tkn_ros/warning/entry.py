"""When, and how surely, each predicted keypoint will be inside a zone.

A keypoint at step j is an isotropic normal around its predicted place. The chance that it is
inside is taken as that of the half-plane behind the nearest border, Phi(depth / sigma): exact at a
long straight border, too high where the zone is narrow against sigma or the nearest border is a
corner (on the corner of a square .5 in place of .25; in the middle of a square of four sigma .98
in place of .91). The chance of having been inside up to step j is taken as the largest up to
there, a lower bound: the errors of one path's steps go together. Where sigma is unknown (0) a
keypoint is inside or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import Zone

MOST_BETWEEN = 8  # moments judged between two steps, so that nothing jumps over a narrow zone
_phi = np.frompyfunc(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)), 1, 1)


@dataclass(frozen=True)
class Entry:
    """Of each keypoint, (K,).

    Attributes:
        probability: the largest chance of being inside within the time asked for, 0 for keypoints
            that do not count.
        time: from now until the chance reaches min_probability, whatever the time asked for [s];
            0 if it does now, infinite if it never does.
    """

    probability: np.ndarray
    time: np.ndarray


def inside_probability(depth: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Phi(depth / sigma), and 0 or 1 where sigma is 0. Both (..) [pixel]."""
    known = sigma > 0
    z = np.clip(depth / np.where(known, np.maximum(sigma, 1e-6), 1.0), -12, 12)
    return np.where(known, _phi(z).astype(float), (depth >= 0).astype(float))


def entry(points: ForeseenPoints, zone: Zone, larger: float = 0.0) -> Entry:
    """Judge all keypoints against a zone.

    A keypoint counts if it is active, fast enough along its predicted path and, outside of the
    zone, its mean comes nearer; `into_only` also passes over those inside that go outwards.

    Args:
        points: seen and foreseen.
        zone: with its rules.
        larger: by how much the zone is larger than it is drawn [pixel].
    """
    rules = zone.rules
    places, sigma, times = _between(*points.path(), zone, points.size)
    depth = zone.depth(places, points.size) + larger  # (T, K)
    counts = points.active & (speed(points) >= rules.min_speed)
    best = depth.max(0) if len(depth) > 1 else depth[0]
    counts &= (depth[0] >= 0) | (best > depth[0])
    if rules.into_only:
        counts &= (depth[0] < 0) | (depth[-1] > depth[0])

    chance = np.where(counts, inside_probability(depth, sigma), 0.0)
    soon = times <= rules.time_before_entry + 1e-9
    level = NormalDist().inv_cdf(rules.min_probability)
    over = np.where(counts, depth - level * sigma, -np.inf)  # at least 0: probable enough
    return Entry(chance[soon].max(0), _first_crossing(over, times))


def speed(points: ForeseenPoints) -> np.ndarray:
    """Mean along the predicted path (K,), in widths of the image a second.

    Of keypoints without a prediction it is that over the observed frames.
    """
    if len(points.predicted):
        gone = points.predicted[-1] - points.observed[-1]
        seconds = (points.predicted_ns[-1] - points.stamp_ns) / 1e9
    else:
        gone = points.observed[-1] - points.observed[0]
        seconds = (points.stamp_ns - points.observed_ns[0]) / 1e9
    return np.linalg.norm(gone, axis=-1) / points.size[1] / max(seconds, 1e-9)


def _between(
    places: np.ndarray,
    sigma: np.ndarray,
    times: np.ndarray,
    zone: Zone,
    size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The path with further moments where a step is long against the zone.

    Args:
        places: (1 + m, K, 2) [pixel].
        sigma: (1 + m, K) [pixel].
        times: (1 + m,) [s].
        zone: that is to be entered.
        size: (height, width) of the image [pixel].
    """
    if len(places) < 2:
        return places, sigma, times
    narrow = max(np.ptp(zone.outlines(size)[0], axis=0).min() / 4, 1.0)
    longest = np.linalg.norm(np.diff(places, axis=0), axis=-1).max(initial=0.0)
    count = int(np.clip(np.ceil(longest / narrow), 1, MOST_BETWEEN))
    if count == 1:
        return places, sigma, times
    at = np.arange((len(places) - 1) * count + 1) / count
    low = np.minimum(at.astype(int), len(places) - 2)
    share = at - low

    def mixed(values: np.ndarray) -> np.ndarray:
        w = share.reshape(-1, *[1] * (values.ndim - 1))
        return (1 - w) * values[low] + w * values[low + 1]

    return mixed(places), mixed(sigma), mixed(times)


def _first_crossing(over: np.ndarray, times: np.ndarray) -> np.ndarray:
    """When `over` (T, K) first reaches 0, linear in between: (K,) [s], infinite if never."""
    reached = over >= 0
    first = reached.argmax(0)  # (K,)
    each = np.arange(over.shape[1])
    after = over[first, each]
    before = over[np.maximum(first - 1, 0), each]
    with np.errstate(invalid='ignore'):
        share = np.where(first > 0, -before / np.maximum(after - before, 1e-12), 0.0)
    start = times[np.maximum(first - 1, 0)]
    time = start + np.where(first > 0, share, 0.0) * (times[first] - start)
    return np.where(reached.any(0), time, np.inf)
