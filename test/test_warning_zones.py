"""Zones and the file that describes them."""

import numpy as np
import pytest
from hand_made import SIZE, SQUARE, level, moving, zone

from tkn_ros.warning.decision import Level
from tkn_ros.warning.zones import (
    ApproachRules,
    Zone,
    ZoneRules,
    load_settings,
    parse_settings,
    signed_depth,
)


def test_depth_is_the_distance_to_the_border():
    points = np.array([[50, 50], [42, 50], [30, 50], [30, 30], [60, 50]])
    assert signed_depth(points, SQUARE) == pytest.approx([10, 2, -10, -np.hypot(10, 10), 0])


def test_a_notch_is_outside():
    horseshoe = np.array(
        [[0, 0], [30, 0], [30, 30], [20, 30], [20, 10], [10, 10], [10, 30], [0, 30]]
    )
    depth = signed_depth(np.array([[15.0, 20.0], [5.0, 20.0]]), horseshoe)
    assert depth == pytest.approx([-5, 5])


def test_excluded_polygons_are_outside():
    hole = np.array([[45.0, 45.0], [55.0, 45.0], [55.0, 55.0], [45.0, 55.0]])
    assert zone([hole]).depth(np.array([[50.0, 50.0], [42.0, 50.0]]), SIZE) == pytest.approx(
        [-5, 2]
    )
    inside = moving((50, 50), (0, 0))
    assert level(inside, zone()) == Level.DANGER
    assert level(inside, zone([hole])) == Level.OK


def test_normalised_coordinates_end_at_the_edges_of_the_picture():
    whole = Zone('whole', np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
    (outline,) = whole.outlines((48, 64))
    assert outline.min(0) == pytest.approx([-0.5, -0.5])
    assert outline.max(0) == pytest.approx([63.5, 47.5])


ZONE = 'zones: [{name: a, polygon: [[0, 0], [1, 0], [1, 1]]%s}]'


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('zones: [', 'not YAML'),
        ('[]', 'expected a mapping'),
        ('zones: []', 'neither zones nor approach'),
        ('zone: []', 'did you mean zones?'),
        ('coordinates: metres\nzones: []', "'metres'"),
        ('zones: {}', 'neither'),
        ('zones: 3', 'no list'),
        ('zones: [{polygon: [[0, 0], [1, 0], [1, 1]]}]', 'name is None'),
        ('zones: [{name: approach, polygon: [[0, 0], [1, 0], [1, 1]]}]', 'taken'),
        ('zones: [{name: a}]', 'zone 1 (a): polygon is None'),
        ('zones: [{name: a, polygon: [[0, 0], [1, 0]]}]', 'expected 3 to'),
        ('zones: [{name: a, polygon: [[0, 0], [1, 0], [.nan, 1]]}]', 'not finite'),
        ('zones: [{name: a, polygon: [[0, 0], [1, 0], [x, 1]]}]', 'expected 3 to'),
        ('zones: [{name: a, polygon: [[0, 0], [300, 0], [300, 200]]}]', 'coordinates: pixels'),
        ('zones: [{name: a, polygon: [[0, 0], [1, 1], [2, 2]]}]', 'no area'),
        ('zones: [{name: a, polygon: [[0, 0], [2, 1], [2, 0], [0, 3]]}]', 'crosses itself'),
        (ZONE % ', exclude: [[[0, 0]]]', 'exclude 1'),
        (ZONE % ', exclude: 7', 'exclude is no list'),
        (ZONE % ', min_point: 2', 'did you mean min_points?'),
        (ZONE % ', min_points: 0', 'min_points is 0, expected a whole number from 1'),
        (ZONE % ', min_points: 1.5', 'min_points is 1.5'),
        (ZONE % ', min_points: true', 'min_points is True'),
        (ZONE % ', min_probability: 1.0', 'min_probability is 1.0'),
        (ZONE % ', hold: .inf', 'hold is inf'),
        (ZONE % ', into_only: 1', 'expected true or false'),
        (ZONE % '}, {name: a, polygon: [[0, 0], [1, 0], [1, 1]]', "called 'a'"),
        ('approach: {reach: -1}', 'approach: reach is -1'),
        ('approach: 3', 'expected a mapping'),
        ('defaults: {min_speed: fast}\n' + ZONE % '', "min_speed is 'fast'"),
    ],
)
def test_a_bad_file_says_what_is_wrong(text, said):
    with pytest.raises(ValueError) as error:
        parse_settings(text, 'my.yaml')
    assert str(error.value).startswith('my.yaml') and said in str(error.value)


def test_rules_are_those_of_the_zone_then_of_the_defaults():
    read = parse_settings(
        'defaults: {min_points: 5, hold: 1}\n'
        'zones: [{name: a, polygon: [[0, 0], [1, 0], [1, 1]], min_points: 3}]\napproach: {}'
    )
    assert read.zones[0].rules == ZoneRules(min_points=3, hold=1)
    assert read.approach == ApproachRules()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'none\.yaml: No such file'):
        load_settings(tmp_path / 'none.yaml')
