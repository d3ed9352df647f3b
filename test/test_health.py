"""What diagnostics make of the last seconds, and the policy for stamps."""

import pytest

from tkn_ros.streaming.health import ERROR, OK, RECENT, WARN, Health
from tkn_ros.streaming.stamp_check import FROZEN, StampCheck
from tkn_ros.streaming.worker import Counters

S = 10**9
NOW = 1_700_000_000 * S


def judged(health=None, now=100.0, silence=0.0, predicted=1.0, problems=(), failure='', **counts):
    health = health or Health(now - 1)
    return health.judge(now, Counters(**counts), silence, predicted, problems, failure)


@pytest.mark.parametrize(
    ('level', 'counts'),
    [
        (OK, {'received': 240, 'predictions': 231}),
        (WARN, {'received': 240, 'predictions': 190, 'dropped': 50}),
        (ERROR, {'received': 240, 'predictions': 52, 'dropped': 188}),
        (WARN, {'received': 240, 'predictions': 230, 'bad': 1}),
        (ERROR, {'received': 240, 'predictions': 20, 'bad': 180}),
        (WARN, {'received': 240, 'predictions': 20, 'resets': 149}),
    ],
)
def test_levels_by_what_became_of_the_images(level, counts):
    report = judged(**counts)
    assert report.level == level, report.message
    assert report.values['recent_received'] == 240


def test_what_is_over_is_over():
    health = Health(100.0)
    assert judged(health, 101.0, received=180, bad=180).level == ERROR
    counts = {'received': 180, 'bad': 180}
    for second in range(1, 14):
        counts['received'] += 30
        counts['predictions'] = counts.get('predictions', 0) + 30
        report = judged(health, 101.0 + second, **counts)
        assert (report.level == OK) == (second >= RECENT), second
    assert report.values['bad'] == 180 and report.values['recent_bad'] == 0


@pytest.mark.parametrize(('silence', 'level'), [(1, OK), (5, WARN), (60, ERROR)])
def test_silence(silence, level):
    report = judged(silence=silence, received=3, predictions=3)
    assert report.level == level
    assert level == OK or f'no image for {silence} s' in report.message


@pytest.mark.parametrize(('ms', 'level'), [(20, OK), (600, WARN), (1500, ERROR)])
def test_predictions_of_what_is_over_already(ms, level):
    health = Health(99.0)
    for i in range(50):
        health.delivered(99.5, ms + i % 3)
    report = judged(health, predicted=1.0, received=50, predictions=50)
    assert report.level == level and report.values['latency_p50_ms'] == f'{ms + 1:.1f}'


def test_problems_warn_and_failures_are_errors():
    assert judged(problems=('stamps are zero',), received=9, predictions=9).level == WARN
    report = judged(failure='out of memory', received=9, predictions=9)
    assert report.level == ERROR and 'out of memory' in report.message


def test_sound_stamps_are_taken_as_they_are():
    check = StampCheck()
    assert check.time_of(NOW, NOW + S // 50) == NOW and check.problem == ''


def test_without_stamps_the_arrival_counts():
    check = StampCheck()
    assert [check.time_of(0, NOW + i) for i in range(4)] == [NOW + i for i in range(4)]
    assert check.problem == 'stamps are zero'
    assert check.time_of(NOW + 9, NOW + 10) == NOW + 9 and check.problem == ''


def test_a_stamp_that_stands_still_is_none():
    check = StampCheck()
    times = [check.time_of(NOW, NOW + i) for i in range(FROZEN + 3)]
    assert times == [NOW] * FROZEN + [NOW + FROZEN + i for i in range(3)]
    assert check.problem == 'the stamp stands still'


@pytest.mark.parametrize(
    ('age', 'problem'), [(60, 'stamps are old'), (-3600, 'stamps are in the future')]
)
def test_another_clock_is_said_and_used(age, problem):
    check = StampCheck()
    assert check.time_of(NOW - age * S, NOW) == NOW - age * S
    assert check.problem == problem and f'{abs(age)}.0 s' in check.detail
