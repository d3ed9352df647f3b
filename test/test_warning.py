"""Warnings from hand-made tracks: the input, and what must always hold."""

import numpy as np
import pytest
from hand_made import PERIOD, RIGHT, SIZE, moving, settings, zone
from hypothesis import given
from hypothesis import strategies as st

from tkn_ros.warning.decision import Level, Warner
from tkn_ros.warning.entry import speed
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import ApproachRules


def test_input_that_contradicts_itself_is_refused():
    good = vars(moving((1, 1), RIGHT))
    for name, value in (
        ('active', np.ones(2, bool)),
        ('sigma', np.zeros((3, 1))),
        ('predicted_ns', good['predicted_ns'][::-1]),
        ('size', (0, 100)),
        ('observed', good['observed'][:0]),
    ):
        with pytest.raises(ValueError):
            ForeseenPoints(**{**good, name: value})


def test_no_keypoint_at_all():
    nothing = moving(np.zeros((0, 2)), np.zeros((0, 2)))
    warner = Warner(settings(zone(min_points=3), approach=ApproachRules()))
    assert [w.level for w in warner.update(nothing)] == [Level.OK, Level.OK]
    assert len(speed(nothing)) == 0


# ---- what must always hold

angles = st.floats(0, 2 * np.pi)


@given(angles, st.floats(1, 60), st.floats(0, 300), st.floats(0, 40), st.floats(0.01, 0.99))
def test_no_warning_without_approach(angle, away, pace, sigma, probability):
    """Outside of a convex zone, spans_on or going straight away from its middle."""
    way = np.array([np.cos(angle), np.sin(angle)])
    start = 50 + way * (np.hypot(10, 10) + away)
    warner = Warner(settings(zone(min_probability=probability)))
    for i in range(5):
        assert warner.update(moving(start, way * pace, i, sigma=sigma))[0].level == Level.OK


@given(
    angles,
    st.floats(-9, 9),
    st.floats(15, 80),
    st.floats(5, 300),
    st.floats(0, 20),
    st.floats(0.01, 0.5),
    st.floats(0.1, 2),
)
def test_a_warning_is_never_later_than_entry(angle, aside, far, pace, sigma, probability, ahead):
    """Even motion through the square; what is foreseen is what comes."""
    way = np.array([np.cos(angle), np.sin(angle)])
    start = 50 + aside * np.array([-way[1], way[0]]) - way * far
    rules = zone(min_probability=probability, time_before_entry=ahead)
    warner = Warner(settings(rules))
    for i in range(round((far + 15) / pace / PERIOD) + 2):
        points = moving(start, way * pace, i, sigma=sigma)
        warned = warner.update(points)[0].level == Level.DANGER
        assert warned or rules.depth(points.observed[-1], SIZE)[0] < 0
        if warned:
            return
