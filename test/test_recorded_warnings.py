"""Warnings read back from bags, beside what the recorded keypoints did, and zones as drawn."""

import numpy as np
import pytest
from bags import PredictionBag

from tkn_ros.evaluation.bag_report import report
from tkn_ros.evaluation.bag_table import table
from tkn_ros.evaluation.recorded_warnings import COLOURS, draw_zones
from tkn_ros.warning.decision import Level
from tkn_ros.warning.zones import parse_settings

MS = 1_000_000
PERIOD, START = 100 * MS, 1_700_000_000 * 10**9
CAMERA, POINTS, FRAMES = '/camera/image_raw', '/tkn/predicted_keypoints', '/tkn/predicted_frames'
SIZE, COUNT, HORIZON = (40, 80), 60, 3
ENTERS, LEAVES = 30, 45
ZONES = parse_settings("""
zones:
  - {name: gate, polygon: [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], min_points: 2}
  - {name: door, polygon: [[0, 0], [0.1, 0], [0.1, 1], [0, 1]]}
""")


def stamp(i):
    return START + i * PERIOD


def write(path, danger):
    """Three points that are in the gate from ENTERS to LEAVES; `danger`: images warned at."""
    picture = np.full((*SIZE, 3), 90, np.uint8)
    with PredictionBag(path) as bag:
        for i in range(COUNT):
            bag.image(CAMERA, stamp(i), picture)
            future = [stamp(i + j) for j in range(1, HORIZON + 1)]
            x = 60.0 if ENTERS <= i <= LEAVES else 30.0
            places = np.broadcast_to([x, 20.0], (1 + HORIZON, 3, 2))
            bag.keypoints(POINTS, stamp(i), future, stamp(i) + 5 * MS, SIZE, places)
            for j, when in enumerate(future, 1):
                bag.image(FRAMES, when, picture, stamp(i) + (5 + j) * MS)
            if danger is not None:
                levels = {'gate': 2 if i in danger else 1, 'door': 0}
                bag.warnings('/tkn/danger_warnings', stamp(i), stamp(i) + 9 * MS, levels)
    return path


@pytest.mark.parametrize(
    ('danger', 'warned', 'lead', 'false'),
    [
        (range(22, 50), 1, 0.8, 0),
        (range(ENTERS, 46), 1, 0.0, 0),
        ((*range(2, 5), *range(25, 46)), 1, 0.5, 1),
        ((), 0, None, 0),
        (None, 0, None, 0),  # nobody warned: the topic is missing
    ],
)
def test_a_known_entry_and_known_warnings(tmp_path, danger, warned, lead, false):
    bag = write(tmp_path / 'p.mcap', danger)
    gate = report(bag, tmp_path / 'out', settings=ZONES)['zones']['gate']
    assert gate['events'] == 1 and gate['warned'] == warned and gate['false_alarms'] == false
    assert gate['lead_median'] == (None if lead is None else pytest.approx(lead, abs=0.01))


def test_the_table_has_a_line_for_each_zone(tmp_path):
    bag = write(tmp_path / 'p.mcap', range(22, 50))
    summary = report(bag, tmp_path / 'out', settings=ZONES)
    text = table({**summary, 'resident_mib': 1.0})
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert lines['gate'] == ['gate', '1', '1', '0.80', 's', '0']
    assert lines['door'] == ['door', '0', '0', '-', '0']
    assert 'zone' not in table({**summary, 'resident_mib': 1.0, 'zones': {}})


def test_zones_are_drawn_where_they_are_in_the_colour_of_their_level():
    image = np.full((80, 160, 3), 100, np.uint8)
    drawn = draw_zones(image, ZONES.zones, {'gate': Level.DANGER}, SIZE)
    shaded = 0.75 * 100 + 0.25 * np.array(COLOURS[Level.DANGER])
    assert np.abs(drawn[40, 120] - shaded).max() <= 2
    assert (drawn[40, 60] == 100).all() and (image == 100).all()
    assert np.abs(drawn[40, 80].astype(int) - COLOURS[Level.DANGER]).max() < 60
    assert (drawn[40, 4] == 100).all()  # inside the door, of which nothing is to be said
    assert np.abs(drawn[40, 16].astype(int) - COLOURS[Level.OK]).max() < 60
