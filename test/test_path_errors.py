"""Predictions matched by stamp with what came, and how far off they were; numbers by hand."""

import numpy as np
import pytest

from tkn_ros.streaming.future_matcher import MOST, FutureMatcher
from tkn_ros.streaming.path_errors import (
    ObservedKeypoints,
    PathJudge,
    RollingErrors,
    StampedPaths,
    path_errors,
    trust_of,
    velocity_of,
)
from tkn_ros.streaming.picture_errors import FrameBursts, picture_errors

P = 100  # [ns] between frames


def names(found):
    return [(found.prediction, found.observed) for found in found]


def test_a_prediction_waits_for_its_whole_future():
    matcher = FutureMatcher()
    matcher.add_observation(0, 'a')
    matcher.add_prediction(0, [P, 2 * P], 'from a')
    assert matcher.waiting and not matcher.matched()
    matcher.add_observation(P, 'b')
    matcher.add_prediction(P, [2 * P, 3 * P], 'from b')
    assert not matcher.matched()
    matcher.add_observation(2 * P, 'c')
    assert names(matcher.matched()) == [('from a', ['b', 'c'])]
    assert not matcher.matched() and not matcher.matched(ended=True)
    assert matcher.unmatched == 1  # that from b: its second moment never came


@pytest.mark.parametrize(('late', 'matched'), [(49, True), (51, False)])
def test_half_a_period_is_near_enough(late, matched):
    matcher = FutureMatcher()
    matcher.add_observation(0, 'a')
    matcher.add_prediction(0, [P], 'from a')
    matcher.add_observation(P + late, 'b')
    assert names(matcher.matched()) == ([('from a', ['b'])] if matched else [])
    assert matcher.unmatched == (not matched)


def test_the_nearer_of_two_is_taken():
    matcher = FutureMatcher()
    matcher.add_prediction(0, [P], 'it')
    matcher.add_observation(P - 40, 'early')
    assert not matcher.matched()  # a nearer one may come
    matcher.add_observation(P + 30, 'late')
    assert names(matcher.matched()) == [('it', ['late'])]


def test_predictions_that_come_late_find_their_past():
    matcher = FutureMatcher()
    for number in range(6):
        matcher.add_observation(number * P, number)
    matcher.add_prediction(P, [2 * P, 3 * P], 'late')
    assert names(matcher.matched()) == [('late', [2, 3])]


def test_memory_is_bounded():
    matcher = FutureMatcher()
    for number in range(3 * MOST):
        matcher.add_observation(number * P, number)
        matcher.add_prediction(number * P, [10**15], 'of a future that never comes')
    assert len(matcher._observations) <= MOST and len(matcher._predictions) <= MOST
    assert matcher.unmatched == 2 * MOST


def seen(places, ids=(1, 2, 3), active=(True, True, True)):
    return ObservedKeypoints(np.array(ids), np.array(places, float), np.array(active))


def said(now, future, velocity=None, width=640):
    future = np.array(future, float)
    blank = np.zeros((len(now.ids), 2)) if velocity is None else np.array(velocity, float)
    stamps = [P * (j + 1) for j in range(len(future))]
    return StampedPaths(0, width, now, blank, stamps, future, np.zeros(future.shape[:2]))


def test_errors_by_hand():
    """640 pixels wide: ten pixels are one unit. The third point does not move and is no judge."""
    now = seen([[100, 50], [200, 50], [300, 50]])
    truth = [
        seen([[220, 50], [110, 50], [300, 50]], ids=(2, 1, 3)),  # in another order
        seen([[240, 50], [120, 50], [300, 50]], ids=(2, 1, 3)),
    ]
    future = [[[110, 60], [220, 50], [300, 99]], [[120, 80], [240, 50], [300, 99]]]
    found = path_errors(said(now, future, velocity=[[10, 0], [10, 0], [0, 0]]), truth)
    assert found.points == 2
    np.testing.assert_allclose(found.errors, [[1, 3], [1 + 2, 2 + 4], [0 + 1, 0 + 2]])


def test_points_that_were_lost_or_new_are_no_judges():
    now = seen([[100, 50], [200, 50], [300, 50]], active=(True, True, False))
    truth = [
        seen([[150, 50], [250, 50], [350, 50]]),
        seen([[200, 50], [300, 50], [400, 50]], active=(True, False, True)),  # 2 is lost
    ]
    future = np.broadcast_to(now.places, (2, 3, 2))
    found = path_errors(said(now, future), truth)
    assert found.points == 1  # 1 alone: 3 was not active at first
    np.testing.assert_allclose(found.errors[0], [5, 10])


@pytest.mark.parametrize(('apart', 'points'), [(0, 2), (5, 2), (40, 1)])
def test_an_id_that_went_on_to_another_point_is_no_judge(apart, points):
    now = seen([[100, 50], [200, 50]], (1, 2), (True, True))
    truth = [
        ObservedKeypoints(
            np.array([1, 2]),
            np.array([[110.0 + 10 * j + apart, 50], [210 + 10 * j, 50]]),
            np.ones(2, bool),
            np.array([[100.0 + 10 * j + apart, 50], [200 + 10 * j, 50]]),
        )
        for j in range(2)
    ]
    future = np.broadcast_to(now.places, (2, 2, 2))
    assert path_errors(said(now, future), truth).points == points


def test_velocity_is_that_of_the_last_four_steps():
    x = np.array([0, 50, 50, 60, 70, 80, 90.0])  # the jump is five steps ago
    observed = np.stack([x, 0 * x], -1)[:, None]  # (7, 1, 2)
    np.testing.assert_allclose(velocity_of(observed), [[10, 0]])
    np.testing.assert_allclose(velocity_of(observed[:2]), [[50, 0]])
    np.testing.assert_allclose(velocity_of(observed[:1]), [[0, 0]])


def test_another_picture_size_restarts_the_figures():
    judge = PathJudge()
    now = seen([[100, 50], [200, 50], [300, 50]])
    judge.add(said(now, [now.places]))
    assert judge.add(said(now, [now.places], width=320)) == [] and judge.unmatched == 1


@pytest.mark.parametrize(
    ('errors', 'trust'),
    [((0, 1, 2), 1), ((1, 1, 2), 0.5), ((2, 1, 9), 1 / 3), ((1, 3, 1), 0.5), ((0, 0, 0), 1)],
)
def test_trust(errors, trust):
    assert trust_of(*errors) == pytest.approx(trust)


def test_rolling_means_forget():
    rolling = RollingErrors(seconds=2)
    assert rolling.mean() is None
    for second in range(5):
        rolling.add(second * 10**9, 2, np.array([[2.0 * second]]))
    assert rolling.predictions == 3 and rolling.count == 6
    np.testing.assert_allclose(rolling.mean(), [[(4 + 6 + 8) / 6]])
    rolling.forget(7 * 10**9)
    assert rolling.mean() is None
    rolling.add(8 * 10**9, 1, np.ones((1, 1)))
    rolling.add(9 * 10**9, 1, np.ones((1, 5)))  # another horizon
    assert rolling.predictions == 1


def test_bursts_of_frames_belong_to_the_prediction_of_their_stamps():
    bursts, picture = FrameBursts(), np.zeros((2, 2, 3), np.uint8)
    for stamp in (1, 2, 3):
        bursts.add(stamp, picture + stamp)
    assert bursts.take([2, 3]) == [] and [f[0, 0, 0] for f in bursts.take([1, 2, 3])] == [1, 2, 3]
    assert bursts.take([1, 2, 3]) == []  # given out once
    for stamp in (2, 4, 3):  # 3 was overtaken: the burst has lost it
        bursts.add(stamp, picture)
    assert bursts.take([2, 3, 4]) == [] and len(bursts.take([3])) == 1


def test_pictures_beside_repeating():
    last, true = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 110, np.uint8)
    figures = picture_errors(np.stack([true, last]), last, [true, true])  # (m, methods, 2)
    expected = 20 * np.log10(255 / 10)
    np.testing.assert_allclose(figures[..., 0], [[60, expected], [expected, expected]])
    assert figures[0, 0, 1] == 1 > figures[0, 1, 1]
