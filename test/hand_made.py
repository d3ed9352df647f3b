"""Hand-made tracks for the tests of warnings: one zone in a picture of 100x100 pixels."""

import numpy as np

from tkn_ros.warning.decision import Warner
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import WarningSettings, Zone, ZoneRules

PERIOD = 0.1
SIZE = (100, 100)
SQUARE = np.array([[40.0, 40.0], [60.0, 40.0], [60.0, 60.0], [40.0, 60.0]])  # pixels
RIGHT = (20.0, 0.0)  # [pixel/s], 2 pixels a step


def zone(exclude=(), **rules):
    """The square, with rules that warn at once unless they say otherwise."""
    plain = {
        'min_points': 1,
        'trigger_consecutive': 1,
        'release_consecutive': 1,
        'hysteresis': 0.0,
    }
    return Zone('square', SQUARE, tuple(exclude), False, ZoneRules(**{**plain, **rules}))


def settings(*zones, approach=None):
    return WarningSettings(tuple(zones), approach)


def level(points, *zones):
    """Of the first zone, from one prediction."""
    return Warner(settings(*zones)).update(points)[0].level


def moving(at, velocity, step=0, steps=10, sigma=0.0, active=True, ids=None):
    """Points that move evenly, as seen at `step` and foreseen exactly `steps` further.

    at: (K, 2) pixels at step 0; velocity: (K, 2) pixels a second; sigma: at every step [pixel].
    """
    at, velocity = np.atleast_2d(np.float64(at)), np.atleast_2d(np.float64(velocity))
    when = step + np.arange(-2, steps + 1)
    places = at + velocity * (when * PERIOD)[:, None, None]
    stamps = np.round((100 + when) * PERIOD * 1e9).astype(int)
    return ForeseenPoints(
        ids=np.arange(len(at)) if ids is None else np.array(ids),
        active=np.full(len(at), active) if isinstance(active, bool) else np.array(active),
        observed=places[:3],
        observed_ns=stamps[:3],
        predicted=places[3:],
        predicted_ns=stamps[3:],
        sigma=np.full((steps, len(at)), float(sigma)),
        frame_period=PERIOD,
        size=SIZE,
    )
