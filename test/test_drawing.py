"""Keypoints in pictures: who is drawn, where, how wide, and in which colour."""

import numpy as np
import pytest

from tkn_ros.video.drawing import KeypointPaths, colour_of, draw_paths, montage

GREY = np.full((120, 160, 3), 100, np.uint8)
NOW = np.array([[20.0, 20.0], [100.0, 90.0]])


def going_right(steps=10, speed=4.0):
    return NOW + np.arange(1, steps + 1)[:, None, None] * np.array([speed, 0.0])


def changed(picture):
    return (picture != GREY).any(-1)


def test_active_keypoints_alone_are_drawn():
    picture = draw_paths(GREY, KeypointPaths(NOW, going_right(), active=np.array([True, False])))
    assert changed(picture)[:60].any() and not changed(picture)[60:].any()
    nothing = draw_paths(GREY, KeypointPaths(NOW, going_right(), active=np.zeros(2, bool)))
    assert np.array_equal(nothing, GREY)


def test_dots_have_the_colours_of_their_ids_in_whatever_slot():
    one = draw_paths(GREY, KeypointPaths(NOW, going_right(), ids=np.array([40, 7])))
    other = draw_paths(
        GREY, KeypointPaths(NOW[::-1], going_right()[:, ::-1], ids=np.array([7, 40]))
    )
    assert tuple(one[20, 20]) == tuple(other[20, 20]) == colour_of(40)
    assert tuple(one[90, 100]) == tuple(other[90, 100]) == colour_of(7)


def test_colours_of_32_ids_differ():
    colours = np.array([colour_of(i) for i in range(1000, 1032)], float)
    apart = np.linalg.norm(colours[:, None] - colours, axis=-1) + 999 * np.eye(32)
    assert apart.min() > 20
    assert colour_of(2**32 - 1) == colour_of(np.uint32(2**32 - 1))


def test_the_band_is_as_wide_as_sigma_at_every_step():
    sigma = np.stack([np.arange(1, 11), np.zeros(10)], -1)  # up to 10 pixels; unknown
    picture = changed(draw_paths(GREY, KeypointPaths(NOW, going_right(), sigma)))
    for step in (4, 7, 10):
        rows = np.flatnonzero(picture[:, 20 + 4 * step][:60])
        assert rows.min() == pytest.approx(20 - step, abs=1.5)
        assert rows.max() == pytest.approx(20 + step, abs=1.5)
    rows = 60 + np.flatnonzero(picture[60:, 140])  # a line alone
    assert rows.max() - rows.min() <= 6


@pytest.mark.parametrize('size', [(240, 320), (720, 1280)])
def test_pixels_are_those_of_the_picture_whatever_the_size_drawn(size):
    paths = KeypointPaths(NOW, NOW[None], ids=np.array([3, 4]))
    picture = draw_paths(GREY, paths, size)
    assert picture.shape == (*size, 3)
    scale = np.array(size) / GREY.shape[:2]
    for (x, y), number in zip(NOW, (3, 4)):
        row, column = np.round((np.array([y, x]) + 0.5) * scale - 0.5).astype(int)
        assert tuple(picture[row, column]) == colour_of(number)


def test_wild_predictions_and_none_at_all():
    wild = going_right(speed=1e7)
    picture = draw_paths(GREY, KeypointPaths(NOW, wild, np.full((10, 2), 1e9)))
    assert picture.shape == GREY.shape
    empty = KeypointPaths(np.zeros((0, 2)), np.zeros((10, 0, 2)))
    assert np.array_equal(draw_paths(GREY, empty), GREY)


def test_the_picture_given_stays_as_it_is():
    before = GREY.copy()
    draw_paths(GREY, KeypointPaths(NOW, going_right(), np.full((10, 2), 3.0)))
    assert np.array_equal(GREY, before)


def test_the_montage_has_the_paths_over_the_predictions():
    predicted = np.full((10, 12, 16, 3), 50, np.uint8)
    blank = KeypointPaths(NOW, going_right(), active=np.zeros(2, bool))
    drawn = montage(GREY, predicted, KeypointPaths(NOW, going_right()))
    plain = montage(GREY, predicted, blank)
    assert drawn.shape == plain.shape and (drawn != plain).any()
    top = round(120 / 160 * drawn.shape[1])
    assert np.array_equal(drawn[top:], plain[top:])
