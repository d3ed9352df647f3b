"""Groups of points that expand: time to contact, and its rules."""

import numpy as np
import pytest
from hand_made import RIGHT, moving, settings

from tkn_ros.warning.approach import approaching, groups
from tkn_ros.warning.decision import Level, Warner
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import ApproachRules


def ring(growth, count=8, noise=0.0, shift=0.0):
    """Points on a circle of 10 pixels that grows by `growth` of itself a second."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    off = 10 * np.stack([np.cos(turn), np.sin(turn)], -1)
    return moving(off + 50, off * growth + [shift, 0], sigma=noise)


@pytest.mark.parametrize('growth', [0.5, 1.0, 2.0])
@pytest.mark.parametrize('shift', [0.0, 30.0])
def test_time_to_contact_is_size_by_growth(growth, shift):
    (group,) = approaching(ring(growth, shift=shift), ApproachRules(reach=0.3, same_motion=0.5))
    assert group.time_to_contact == pytest.approx(1 / growth)
    assert len(group.members) == 8 and group.probability == pytest.approx(1)


@pytest.mark.parametrize('growth', [0.0, -0.5, 0.05])
def test_what_does_not_expand_does_not_come(growth):
    assert approaching(ring(growth), ApproachRules()) == []


@pytest.mark.parametrize(
    ('rule', 'some', 'none'),
    [
        ('min_points', 8, 9),
        ('min_expansion', 0.49, 0.51),
        ('time_to_contact', 2.1, 0.9),  # tau is 2 s; CAUTION up to twice as long
        ('reach', 0.08, 0.07),  # neighbours are 7.7 of 100 pixels apart
        ('same_motion', 0.04, 0.03),  # and their speeds differ by 3.8
    ],
)
def test_a_rule_of_the_approach_from_both_sides(rule, some, none):
    def of(value):
        rules = {'trigger_consecutive': 1, rule: value}
        return Warner(settings(approach=ApproachRules(**rules))).update(ring(0.5))[0].level

    assert of(some) > Level.OK
    assert of(none) == Level.OK


def test_the_approach_is_debounced():
    warner = Warner(settings(approach=ApproachRules(trigger_consecutive=3)))
    levels = []
    for i in range(3):
        points = ring(1.0)
        later = {k: getattr(points, k) + i * 10**8 for k in ('observed_ns', 'predicted_ns')}
        levels.append(warner.update(ForeseenPoints(**{**vars(points), **later}))[0].level)
    assert levels == [Level.OK, Level.OK, Level.DANGER]


def test_two_bodies_are_two_groups():
    apart = moving([(10, 10), (15, 10), (80, 80), (85, 80)], [RIGHT, RIGHT, (0, 9), (0, 9)])
    assert [g.tolist() for g in groups(apart, ApproachRules())] == [[0, 1], [2, 3]]
