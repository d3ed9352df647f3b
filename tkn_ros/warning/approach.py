"""Time to contact without a zone: keypoints that move together and expand come nearer.

A body that comes straight on grows in the picture by ds/dt, and reaches the camera after
tau = s / (ds/dt) if its speed stays; neither its size nor its distance need be known (Lee 1976).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import ApproachRules


@dataclass(frozen=True)
class Group:
    """Keypoints that move together.

    Attributes:
        members: (G,) indices of the keypoints.
        time_to_contact: tau from now [s]; infinite if the group does not expand.
        probability: that it expands at all, from the keypoints' sigma; 1 where that is unknown.
    """

    members: np.ndarray
    time_to_contact: float
    probability: float


def approaching(points: ForeseenPoints, rules: ApproachRules) -> list[Group]:
    """The groups that expand by `min_expansion` or more over the prediction, soonest first."""
    if not len(points.predicted):
        return []
    found = [
        _judge(points, members)
        for members in groups(points, rules)
        if len(members) >= rules.min_points
    ]
    seconds = (points.predicted_ns[-1] - points.stamp_ns) / 1e9
    # size grows linearly: (now + seconds * now / tau) / now - 1
    expands = [g for g in found if seconds / g.time_to_contact >= rules.min_expansion]
    return sorted(expands, key=lambda g: g.time_to_contact)


def groups(points: ForeseenPoints, rules: ApproachRules) -> list[np.ndarray]:
    """Active keypoints joined to each other where they are near and move alike: index arrays."""
    chosen = np.flatnonzero(points.active)
    now, last = points.observed[-1, chosen], points.predicted[-1, chosen]
    width = points.size[1]
    seconds = (points.predicted_ns[-1] - points.stamp_ns) / 1e9
    velocity = (last - now) / seconds
    apart = np.linalg.norm(now[:, None] - now, axis=-1)  # (A, A)
    differ = np.linalg.norm(velocity[:, None] - velocity, axis=-1)
    joined = (apart <= rules.reach * width) & (differ <= rules.same_motion * width)
    label = np.arange(len(chosen))
    for _ in chosen:  # the lowest label spreads along the joints
        spread = np.where(joined, label, len(chosen)).min(1, initial=len(chosen))
        if (spread == label).all():
            break
        label = spread
    return [chosen[label == value] for value in np.unique(label)]


def _judge(points: ForeseenPoints, members: np.ndarray) -> Group:
    """Size is the root mean square distance from the group's centre; its growth a linear fit."""
    places, sigma, times = points.path()
    places, sigma = places[:, members], sigma[:, members]
    off = places - places.mean(1, keepdims=True)  # (1 + m, G, 2)
    size = np.sqrt((off**2).sum(-1).mean(-1))  # (1 + m,)
    now = max(float(size[0]), 1e-6)
    growth = float(((size - now) * times).sum() / (times**2).sum())  # through the size of now
    if growth <= 0:
        return Group(members, np.inf, 0.0)
    # of a mean of G independent squares: sigma of the size is about sigma / sqrt(G)
    noise = float(sigma[-1].mean()) / np.sqrt(len(members))
    z = growth * times[-1] / noise if noise > 0 else 12.0
    return Group(members, now / growth, NormalDist().cdf(min(z, 12.0)))
