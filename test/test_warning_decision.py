"""From entries to a level: every rule from both sides, debouncing, stale input."""

import pytest
from hand_made import RIGHT, level, moving, settings, zone

from tkn_ros.warning.decision import Debouncer, Level, Warner


@pytest.mark.parametrize(
    ('rule', 'danger', 'none', 'points'),
    [
        ('time_before_entry', 0.66, 0.64, moving((27, 50), RIGHT)),
        ('min_probability', 0.06, 0.08, moving((27, 50), RIGHT, steps=5, sigma=2)),
        ('min_speed', 0.19, 0.21, moving((27, 50), RIGHT)),  # 20 of 100 pixels a second
        ('min_points', 2, 3, moving([(27, 50), (28, 51), (20, 10)], [RIGHT] * 3)),
        ('into_only', False, True, moving((57, 50), (10, 0))),
    ],
)
def test_a_rule_from_both_sides(rule, danger, none, points):
    assert level(points, zone(**{rule: danger})) == Level.DANGER
    assert level(points, zone(**{rule: none})) < Level.DANGER


def test_into_only_lets_in_what_goes_in():
    for at in ((27, 50), (42, 50)):
        assert level(moving(at, (10, 0), steps=15), zone(into_only=True)) > Level.OK


def test_later_entry_is_caution():
    assert level(moving((27, 50), RIGHT), zone(time_before_entry=0.5)) == Level.CAUTION


def test_inactive_keypoints_do_not_count():
    two = moving([(27, 50), (28, 50)], [RIGHT] * 2, active=[True, False])
    assert level(two, zone(min_points=2)) == Level.OK
    assert Warner(settings(zone())).update(two)[0].ids == (0,)


def test_ids_are_those_that_enter_soonest_first():
    warning = Warner(settings(zone())).update(
        moving([(27, 50), (35, 50), (20, 5)], [RIGHT] * 3, ids=[7, 9, 11])
    )[0]
    assert warning.ids == (9, 7)
    assert warning.time_to_entry == pytest.approx(0.25)


@pytest.mark.parametrize(('trigger', 'release'), [(1, 1), (3, 1), (1, 3), (2, 4)])
def test_debouncing(trigger, release):
    debounce = Debouncer(trigger, release)
    on = [debounce.update(True) for _ in range(5)]
    assert on == [i >= trigger - 1 for i in range(5)]
    off = [debounce.update(False) for _ in range(5)]
    assert off == [i < release - 1 for i in range(5)]


def test_a_gap_restarts_the_count():
    debounce = Debouncer(2, 2)
    assert not any(debounce.update(c) for c in (True, False, True, False))
    debounce.on = True
    assert all(debounce.update(c) for c in (False, True, False, True))


def test_trigger_and_release_of_a_zone():
    warner = Warner(settings(zone(trigger_consecutive=2, release_consecutive=3)))
    inside, outside = (lambda i: moving((50, 50), (0, 0), i)), (lambda i: moving((9, 9), (0, 0), i))
    levels = [warner.update(inside(i))[0].level for i in range(3)]
    levels += [warner.update(outside(i))[0].level for i in range(3, 7)]
    assert levels == [0, 2, 2, 2, 2, 0, 0]


def test_a_release_is_a_change_and_is_said_once():
    warner = Warner(settings(zone()))
    changes = [
        warner.update(moving(at, (0, 0), i))[0].changed
        for i, at in enumerate([(9, 9), (50, 50), (50, 50), (9, 9), (9, 9)])
    ]
    assert changes == [False, True, False, True, False]


@pytest.mark.parametrize(('hysteresis', 'stays'), [(0.03, True), (0.01, False)])
def test_hysteresis_keeps_a_warning_at_the_border(hysteresis, stays):
    """2 of 100 pixels outside."""
    warner = Warner(settings(zone(hysteresis=hysteresis)))
    assert warner.update(moving((38, 50), (0, 0), 0))[0].level == Level.OK
    warner.update(moving((41, 50), (0, 0), 1))
    assert (warner.update(moving((38, 50), (0, 0), 2))[0].level == Level.DANGER) == stays


def test_stale_input_is_a_warning_of_its_own():
    warner = Warner(settings(zone(hold=0.5)))
    assert warner.missing(0) == []
    assert warner.missing(500_000_000) == []
    (stale,) = warner.missing(500_000_001)
    assert (stale.level, stale.stale, stale.changed) == (Level.CAUTION, True, True)
    assert not warner.missing(600_000_000)[0].changed
    back = warner.update(moving((9, 9), (0, 0)), 700_000_000)[0]
    assert (back.level, back.stale, back.changed) == (Level.OK, False, True)
    assert warner.missing(1_200_000_000) == []


def test_danger_stays_while_input_is_stale():
    warner = Warner(settings(zone(hold=0.5)))
    warner.update(moving((50, 50), (0, 0)), 0)
    assert warner.missing(10**9)[0].level == Level.DANGER


def test_time_that_goes_back_starts_again():
    warner = Warner(settings(zone(trigger_consecutive=2, release_consecutive=5)))
    for i in range(3):
        warning = warner.update(moving((50, 50), (0, 0), i))[0]
    assert warning.level == Level.DANGER
    again = warner.update(moving((50, 50), (0, 0), 0))[0]
    assert again.level == Level.OK and again.changed
