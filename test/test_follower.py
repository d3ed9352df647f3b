"""Points that are followed: ids, windows, and what becomes of a point that is lost."""

import cv2
import numpy as np
import pytest

from tkn_ros.streaming.follower import EVERY, LEAST_KNOWN, Follower
from tkn_ros.streaming.handover import BESIDE, WITHIN, LostPoint, distances
from tkn_ros.streaming.point_flow import find_again, follow_points, trace_back
from tkn_ros.streaming.proposals import SPREAD, select_peaks

HEIGHT, WIDTH, SIDE, STEP = 120, 320, 40, 2
RNG = np.random.default_rng(5)
GROUND = cv2.GaussianBlur(RNG.integers(90, 110, (HEIGHT, WIDTH), np.uint8), (0, 0), 2)
PATCH = cv2.GaussianBlur(RNG.integers(0, 255, (SIDE, SIDE), np.uint8), (0, 0), 1.5)


def scene(i, hidden=()):
    """A textured square that moves by STEP, on still ground; and the map of what moves."""
    grey, motion = GROUND.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
    x = 20 + STEP * i
    grey[40 : 40 + SIDE, x : x + SIDE] = PATCH
    motion[40 : 40 + SIDE, x : x + SIDE] = 0.9
    for place in hidden:
        cv2.circle(grey, tuple(np.rint(place).astype(int).tolist()), 15, 255, -1)
    return grey, cv2.resize(motion, (80, 30), interpolation=cv2.INTER_AREA)


def played(follower, frames, start=0):
    for i in range(start, start + frames):
        follower.push(*scene(i))
    return follower


def test_points_sit_on_what_moves_and_keep_their_ids():
    follower = played(Follower(8, 11, 10), 12)
    ids = follower.ids[follower.active]
    assert len(ids)
    played(follower, 20, 12)
    points = follower.tracks[-1, follower.active]
    assert (points[:, 0] > 20 + STEP * 31 - 3).all() and (
        points[:, 0] < 23 + STEP * 31 + SIDE
    ).all()
    assert set(ids) <= set(follower.ids[follower.active])


def test_a_new_point_is_traced_back_through_the_whole_window():
    follower = Follower(8, 11, 10)
    for i in range(9):
        follower.push(scene(i)[0], np.zeros((30, 80), np.float32))
    played(follower, 2 + EVERY, 9)
    assert follower.active.any()
    assert follower.known[-10:, follower.active].all()
    steps = np.diff(follower.tracks[-10:, follower.active], axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to([STEP, 0], steps.shape), atol=0.3)


def test_what_is_beside_a_lost_point_and_goes_its_way_takes_the_id_over():
    follower = played(Follower(1, 11, 10), 14)
    assert follower.active.all()
    before = int(follower.ids[0])
    spot = follower.tracks[-1, 0] + [STEP, 0]
    follower.push(*scene(14, [spot]))
    assert not follower.alive.any() and [lost.id for lost in follower.lost] == [before]
    for i in range(15, 24):  # the spot stays covered: another corner of the square must serve
        follower.push(*scene(i, [spot + [STEP * (i - 14), 0]]))
    assert follower.active.all() and int(follower.ids[0]) == before
    assert len(set(follower.ids.tolist())) == follower.slots
    steps = np.diff(follower.tracks[-LEAST_KNOWN:, 0], axis=0)  # one point, no jump between two
    np.testing.assert_allclose(steps, np.broadcast_to([STEP, 0], steps.shape), atol=0.3)


def test_what_goes_another_way_gets_an_id_of_its_own():
    follower = played(Follower(1, 11, 10), 14)
    before = int(follower.ids[0])
    spot = follower.tracks[-1, 0] + [STEP, 0]
    follower.push(*scene(14, [spot]))
    follower.lost[0].velocity = np.array([-3.0, 1.0], np.float32)  # as if it had gone elsewhere
    for i in range(15, 24):
        follower.push(*scene(i, [spot + [STEP * (i - 14), 0]]))
    assert follower.active.all() and int(follower.ids[0]) != before


def test_peaks_are_spread_and_empty_regions_come_first():
    place = np.array([[10, 10], [12, 10], [40, 10], [90, 10]], np.float32)
    order = select_peaks(
        place,
        score=np.array([1.0, 0.9, 0.8, 0.2]),
        region=np.array([1, 1, 1, 2]),
        strong=np.ones(4, bool),
        held=np.array([0, 1, 0]),
        apart=np.array([50.0, 50.0, 50.0, 50.0]),
        company=True,
    )
    assert order[0] == 3  # region 2 has no point
    chosen = place[order]
    between = np.linalg.norm(chosen[:, None] - chosen[None], axis=-1)
    assert (between + 1e3 * np.eye(len(chosen))).min() >= SPREAD
    assert set(order.tolist()) == {3, 0, 2}


@pytest.mark.parametrize('known', [1, 4])
def test_tracing_back_starts_from_what_is_known(known):
    pictures = [scene(i)[0] for i in range(8)]
    start = np.array([[20 + STEP * 7 + 15, 60]], np.float32)
    paths = np.stack([start - [STEP * j, 0] for j in range(known - 1, -1, -1)]).astype(np.float32)
    paths, seen = trace_back(pictures, paths, np.ones((known, 1), bool))
    assert paths.shape == (8, 1, 2) and seen.all()
    np.testing.assert_allclose(paths[0, 0], start[0] - [STEP * 7, 0], atol=0.5)


def test_flow_refuses_what_the_way_back_does_not_find():
    a, b = scene(0)[0], scene(1)[0]
    b[30:90, 15:70] = 128
    _, ok = follow_points(a, b, np.array([[40, 60]], np.float32))
    assert not ok.any()


def test_ids_of_all_slots_differ_whatever_is_lost():
    follower = Follower(6, 11, 10)
    for i in range(40):
        covered = follower.tracks[-1, :3] + [STEP, 0] if i % 7 == 6 else ()
        follower.push(*scene(i, covered))
        assert len(set(follower.ids.tolist())) == follower.slots


def fast(i, step=70):
    """A square that moves nearly twice its width in every frame."""
    grey = GROUND.copy()
    grey[40 : 40 + SIDE, 20 + step * i : 20 + step * i + SIDE] = PATCH
    return grey


def test_what_is_too_fast_for_flow_is_found_where_it_should_be():
    a, b = fast(1), fast(2)
    points = np.array([[105, 55], [110, 65]], np.float32)
    assert not follow_points(a, b, points)[1].any()
    found, ok = find_again(a, b, points, points + [73, -2])
    assert ok.all()
    np.testing.assert_allclose(found, points + [70, 0], atol=0.2)


def test_what_is_covered_or_far_from_where_it_should_be_is_not_found():
    a, b = fast(1), fast(2)
    points = np.array([[105, 55], [110, 65]], np.float32)
    assert not find_again(a, b, points, points + [105, 20])[1].any()
    b[30:90] = 128
    assert not find_again(a, b, points, points + [70, 0])[1].any()
    edge = np.array([[1, 1], [318, 118]], np.float32)
    assert not find_again(a, b, edge, edge + [[-60, 0], [60, 30]])[1].any()


def lost_at(x, velocity):
    return LostPoint(7, 30, np.array([x, 60.0]), np.array([velocity, 0.0]))


@pytest.mark.parametrize(
    ('apart', 'moves_between', 'way', 'may'),
    [
        (BESIDE - 1, False, 2.0, True),
        (BESIDE + 1, False, 2.0, False),
        (BESIDE + 1, True, 2.0, True),
        (WITHIN - 1, True, 2.0, True),
        (WITHIN + 1, True, 2.0, False),
        (BESIDE - 1, True, 4.5, True),  # 2.5 more than 2: less than 100 % and 0.6
        (BESIDE - 1, True, 4.7, False),
        (BESIDE - 1, True, -1.0, False),
    ],
)
def test_who_may_take_an_id_over(apart, moves_between, way, may):
    lost = lost_at(100, 2.0)
    motion = np.full((30, 80), 0.9 if moves_between else 0.0, np.float32)
    place = np.array([[102.0 + apart, 60.0]])  # the lost one would be at 102 now
    distance = distances([lost], np.zeros(1), place, np.array([[way, 0.0]]), motion, GROUND)
    assert np.isfinite(distance[0]) == may
    if may:
        assert distance[0] == pytest.approx(apart)


def test_the_id_of_an_old_point_goes_on_at_once_and_the_young_one_waits():
    follower = played(Follower(4, 11, 10), 16)
    slots = np.flatnonzero(follower.active)
    assert len(slots) > 1
    old = slots[0]
    follower.age[old] += 50
    ids = follower.ids.copy()
    spot = follower.tracks[-1, old] + [STEP, 0]
    follower.push(*scene(16, [spot]))
    assert ids[old] in follower.ids and follower.ids[old] != ids[old]
    waiting = {lost.id for lost in follower.lost}
    assert waiting and waiting <= set(ids[slots]) - {ids[old]}
    assert not waiting & set(follower.ids)
