"""Warnings matched with what happened: hand-made spans and scores whose figures are known."""

import cv2
import numpy as np
import pytest
from hand_made import PERIOD, SIZE, moving, settings, zone

from tkn_ros.evaluation.warning_baselines import (
    constant_velocity,
    foreseen,
    points_of_rows,
    present,
    reached,
)
from tkn_ros.evaluation.warning_events import (
    Span,
    events_from_keypoints,
    events_from_masks,
    events_from_tracks,
    read_events,
    spans,
)
from tkn_ros.evaluation.warning_precision import average_precision
from tkn_ros.evaluation.warning_trial import Clip, compare_ways, format_ways, warn
from tkn_ros.evaluation.warnings import (
    Matches,
    Matching,
    Recording,
    Track,
    at_false_rate,
    match,
    quiet_times,
)
from tkn_ros.streaming.keypoint_rows import KeypointRows

JUDGED = (0.0, 60.0)
RULES = Matching(before=1.5, after=1.0, late=0.5)


def figures(warnings, events):
    spans_of = [[Span('z', *s) for s in some] for some in (warnings, events)]
    return match(*spans_of, JUDGED, RULES).figures()


# ---- events


def test_events_of_a_file(tmp_path):
    path = tmp_path / 'events.csv'
    path.write_text('start,end,zone\n# a remark\n5, 6.5, door\n\n1,2,gate\n')
    assert read_events(path) == [Span('gate', 1, 2), Span('door', 5, 6.5)]


@pytest.mark.parametrize('line', ['1,2', 'a,2,z', '3,2,z', '1,inf,z', 'nan,2,z', '1,2,'])
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / 'events.csv'
    path.write_text(f'1,2,z\n{line}\n')
    with pytest.raises(ValueError, match='line 2 is'):
        read_events(path)


def test_short_gaps_are_none():
    inside = [False, True, True, False, True, False, False, True]
    assert spans('z', np.arange(8) * 0.5, inside) == [Span('z', 0.5, 2.0), Span('z', 3.5, 3.5)]


@pytest.mark.parametrize(('left', 'there'), [(33.4, False), (33.6, True), (62.0, False)])
def test_a_box_is_in_the_zone_when_a_quarter_of_it_is(left, there):
    """Two of eight columns, 0.5 .. 7.5 pixels from its left side; the zone is from 40 to 60."""
    tracks = {3: {1: (left, 42.0, 8.0, 16.0)}}
    events = events_from_tracks(tracks, [zone()], np.arange(10) * PERIOD, SIZE)
    assert [event.start for event in events] == pytest.approx([0.3] if there else [])


def test_what_covers_a_quarter_of_the_zone_is_in_it_however_large():
    tracks = {0: {1: (0.0, 0.0, 100.0, 100.0)}}
    assert events_from_tracks(tracks, [zone()], [0.0], SIZE) == [Span('square', 0.0, 0.0)]


def test_masks():
    masks = np.zeros((4, *SIZE), np.int16)
    masks[1, 45:55, 45:55] = 1
    masks[2, 45:50, 45:50] = 2  # too small a figure
    masks[3, 45:55, 0:42] = 3  # 2 of 42 columns are inside
    assert events_from_masks(masks, [zone()], np.arange(4) * 2.0) == [Span('square', 2.0, 2.0)]


def test_events_of_observed_keypoints():
    """From 20 pixels before the border at 20 pixels a second: in after 1 s, out after 2."""
    points = [moving((20, 50), (20, 0), i) for i in range(40)]
    times = np.arange(40) * PERIOD
    (event,) = events_from_keypoints(points, [zone()], times)
    assert (event.start, event.end) == pytest.approx((1.0, 2.0))
    assert events_from_keypoints(points, [zone(min_points=2)], times) == []


# ---- matching


def test_a_warning_before_its_event():
    found = figures([(9.2, 11)], [(10, 12)])
    assert (found.recall, found.precision, found.false_alarms) == (1, 1, 0)
    assert found.lead_median == pytest.approx(0.8)
    assert found.minutes == 1


@pytest.mark.parametrize(
    ('warning', 'warned', 'false'),
    [
        ((10.4, 11), 1, 0),  # late, but within `late`
        ((10.6, 11), 0, 0),  # missed, and no false alarm: the event is on
        ((8.6, 9.6), 1, 0),  # ended just before
        ((8.6, 9.4), 0, 0),  # ended too early to be of it, but not at a quiet time
        ((7.0, 8.0), 0, 1),
        ((8.0, 10.0), 1, 1),  # begins at a quiet time
        ((12.5, 12.9), 0, 0),
        ((12.5, 13.1), 0, 1),  # goes on too long
    ],
)
def test_the_edges_of_matching(warning, warned, false):
    found = figures([warning], [(10, 12)])
    assert (found.warned, found.false_alarms) == (warned, false)


def test_warning_always_is_a_false_alarm_at_each_quiet_time():
    found = figures([(0, 60)], [(10, 12), (30, 31), (32, 33)])
    assert (found.recall, found.false_alarms) == (1, 3)
    assert found.lead_median == 1.5  # no more than `before`


def test_zones_are_matched_each_by_itself():
    matched = match([Span('a', 9, 11)], [Span('b', 10, 12)], JUDGED)
    assert matched.leads == (None,) and len(matched.false) == 1


def test_events_outside_of_what_is_judged_are_not_missed():
    matched = match([], [Span('z', -1, 5), Span('z', 61, 62)], JUDGED)
    assert matched.leads == ()
    assert quiet_times([Span('z', -1, 5)], JUDGED, RULES) == [(6.0, 60.0)]


def test_nothing_to_judge():
    found = Matches().figures()
    assert (found.recall, found.precision, found.false_per_minute) == (None, None, None)
    assert found.rounded()['lead_median'] is None


def test_recordings_add_up():
    two = match([Span('z', 9, 11)], [Span('z', 10, 12)], JUDGED) + match([], [], JUDGED)
    assert two.figures().minutes == 2 and two.figures().events == 1


# ---- scores


def recording(values, events):
    """Scores once a second."""
    times = np.arange(len(values), dtype=float)
    track = Track('z', times, np.array(values, float), np.array(values, float), 1, 1)
    return Recording([track], [Span('z', *e) for e in events], (0.0, times[-1]))


def test_the_threshold_of_a_false_alarm_rate():
    """The event at 30 s is foreseen with .9; quiet moments reach .8 twice."""
    values = np.full(60, 0.1)
    values[[5, 50]], values[29] = 0.8, 0.9
    some = recording(values, [(30, 31)])
    assert 0.8 < at_false_rate([some], 0.5).threshold <= 0.9
    assert at_false_rate([some], 0.5, [0.5, 0.85]).threshold == 0.85
    assert at_false_rate([some], 3.0, [0.5]).figures.false_alarms == 2
    assert at_false_rate([some], 0.5, [0.5]) is None


def test_average_precision():
    values = np.zeros(60)
    values[29] = 1
    assert average_precision([recording(values, [(30, 31)])], 1.0) == 1
    values[5] = 1  # two quiet moments, half a second apart, as sure
    assert average_precision([recording(values, [(30, 31)])], 1.0) == pytest.approx(1 / 3)
    assert average_precision([recording(values, [])], 1.0) is None


def test_an_event_whose_zone_was_occupied_before_has_no_moment():
    values = np.ones(60)
    assert average_precision([recording(values, [(10, 28.8), (30, 31)])], 1.0) is not None
    only = recording(values, [(0.5, 28.8), (30, 31)])
    assert average_precision([only], 1.0) is None  # neither event has one


# ---- the ways of warning


@pytest.fixture(scope='module')
def walk():
    """One keypoint through the square: 33 pixels before it at 10 s, 20 pixels a second."""
    points = [moving((7, 50), (20, 0), i) for i in range(60)]
    return Clip(points, points, [Span('square', 11.65, 12.65)], times_end=15.9)


def test_ways_differ_by_what_they_ask_for(walk):
    """The zone is 33 pixels ahead at first, and 3 after 15 steps."""
    now, soon, sure = (way(walk.ours, [zone()])[0].score for way in (present, reached, foreseen))
    assert now[[0, 15]] == pytest.approx([-0.33, -0.03])
    assert soon[[0, 5, 15]] == pytest.approx([-0.13, -0.03, 0.09])
    assert sure[[0, 7]] == pytest.approx([0, 1])


def test_all_ways_in_one_table(walk):
    results = compare_ways([walk], [zone()], most=0.0)
    assert results['settings']['figures']['recall'] == 1
    assert results['settings']['figures']['lead_median'] == pytest.approx(1.05, abs=0.11)
    assert results['ours']['figures']['lead_median'] > results['present']['figures']['lead_median']
    assert results['present']['figures']['lead_median'] <= 0
    assert '1 events in' in format_ways(results)


def test_warnings_of_a_recording_are_those_of_the_node(walk):
    """DANGER from 1 s before entry, at 11.65 s, until it is out again."""
    (warning,) = warn(walk.ours, settings(zone()))
    assert (warning.start, warning.end) == pytest.approx((10.7, 12.7), abs=0.11)


def test_rows_become_what_the_node_would_have_been_told():
    rows = KeypointRows(
        frame=np.array([9, 10]),
        observed=np.zeros((2, 3, 2)),
        predicted=np.ones((2, 4, 3, 2)),
        active=np.ones((2, 3), bool),
        id=np.array([[1, 2, 3], [1, 2, 4]]),
    )
    first, second = points_of_rows(rows, (48, 64), 0.1)
    assert (first.stamp_ns, second.stamp_ns) == (900_000_000, 1_000_000_000)
    assert second.predicted_ns.tolist()[-1] == 1_400_000_000
    assert second.ids.tolist() == [1, 2, 4] and not second.sigma.any()
    assert points_of_rows(rows, (48, 64), 0.1, np.arange(11) * 7)[0].stamp_ns == 63


def test_opencv_tracks_go_on_as_they_went():
    """A textured square that goes 3 pixels a frame to the right."""
    rng = np.random.default_rng(0)
    patch = cv2.resize(rng.integers(0, 255, (10, 10, 3), np.uint8), (40, 40))
    frames = []
    for i in range(20):
        frame = np.full((240, 320, 3), 90, np.uint8)
        frame[100:140, 40 + 3 * i : 80 + 3 * i] = patch
        frames.append(frame)
    *_, last = constant_velocity(frames, 0.1, 10)
    assert last.active.sum() >= 4
    on = last.observed[-1][last.active]
    assert ((on[:, 0] > 90) & (on[:, 0] < 142) & (on[:, 1] > 92) & (on[:, 1] < 148)).all()
    gone = np.median(last.predicted[-1][last.active] - on, axis=0)
    assert gone == pytest.approx([30, 0], abs=1.5)
    assert len(list(constant_velocity(frames, 0.1, 10))) == 16
