"""The camera's rate from its stamps, and windows of cameras that stamp unevenly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import WINDOW, moving_square, repeat_last_model

from tkn_ros.streaming.rate import FrameRate
from tkn_ros.streaming.window import SlidingWindow

MS = 1_000_000
MODEL, FRAME = repeat_last_model(), moving_square(1)[0]


def played(intervals, start=10**18):
    """A window after frames at these intervals [ms], and after which of them it predicted."""
    window, stamp, predicted = SlidingWindow(MODEL), start, []
    window.push(stamp, FRAME)
    for interval in intervals:
        stamp += round(interval * MS)
        window.push(stamp, FRAME)
        predicted.append(window.predict(1) is not None)
    return window, predicted


PATTERNS = {
    'pairs': [1, 65],
    'pairs, begun within one': [65, 1],
    'uneven pairs': [25, 41],
    'threes': [1, 1, 97],
    'fours': [1, 1, 1, 129],
    'bursts of ten': [1] * 9 + [321],
    'two rates': [20, 20, 20, 60, 60, 60],
}


@pytest.mark.parametrize('name', PATTERNS)
def test_any_pattern_with_a_sane_mean_predicts_at_that_mean(name):
    pattern = PATTERNS[name]
    window, predicted = played(pattern * (300 // len(pattern)))
    assert window.resets <= 1  # bursts of ten are taken for gaps until the second one
    assert sum(predicted) >= 300 - 40
    assert window.period_ns == pytest.approx(np.mean(pattern) * MS, rel=0.12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 140), min_size=2, max_size=8), st.integers(0, 7))
def test_patterns_drawn_at_random_predict(pattern, begin):
    pattern = pattern[begin % len(pattern) :] + pattern[: begin % len(pattern)]
    window, predicted = played(pattern * (200 // len(pattern)))
    assert all(predicted[100:]), window.period_ns
    assert 0.45 * np.mean(pattern) <= window.period_ns / MS <= 1.6 * np.mean(pattern)


def test_pairs_predict_again_after_a_reset_that_begins_within_a_pair():
    window, predicted = played([1, 65] * 50 + [2000] + [1, 65] * 50)
    assert window.resets == 1 and all(predicted[100 + 2 * WINDOW :])
    assert window.period_ns == pytest.approx(33 * MS, rel=0.05)


def test_lost_frames_leave_the_period_as_it_is():
    rng = np.random.default_rng(0)
    lost = [33 * (1 + int(rng.random() < 0.2)) for _ in range(100)]
    assert played(lost)[0].period_ns == 33 * MS


def test_a_pause_is_no_part_of_the_rate():
    rate = FrameRate()
    for interval in [33 * MS] * 9 + [10**10] + [33 * MS] * 9:
        rate.add(interval)
    assert rate.period_ns == 33 * MS


def test_a_frame_that_was_overtaken_is_passed_over():
    window = SlidingWindow(MODEL)
    stamps = [i * 33 * MS + 10**18 for i in range(20)]
    stamps[10], stamps[11] = stamps[11], stamps[10]
    assert [window.push(s, FRAME) for s in stamps] == [''] * 20
    assert window.resets == 0 and window.late == 1


def test_frames_that_stay_behind_are_a_time_that_went_back():
    window = SlidingWindow(MODEL)
    stamps = [i * 33 * MS + 10**18 for i in range(20)]
    reasons = [
        window.push(s, FRAME) for s in [*stamps, *(stamps[-1] - d * MS for d in (60, 40, 20))]
    ]
    assert reasons[:-1] == [''] * 22 and 'time went back' in reasons[-1] and window.resets == 1
