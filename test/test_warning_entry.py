"""When and how probably a track enters a zone."""

import numpy as np
import pytest
from hand_made import RIGHT, moving, zone

from tkn_ros.warning.entry import entry, inside_probability
from tkn_ros.warning.zones import Zone


def test_the_time_of_entry_is_that_of_the_track():
    """At 20 pixels a second, 13 pixels before the border: 0.65 s, between two steps."""
    assert entry(moving((27, 50), RIGHT), zone()).time == pytest.approx([0.65])
    assert entry(moving((50, 50), RIGHT), zone()).time == [0]
    assert entry(moving((27, 50), (-20, 0)), zone()).time == [np.inf]


@pytest.mark.parametrize(('p', 'seconds'), [(0.1586553, 0.55), (0.5, 0.65), (0.8413447, 0.75)])
def test_a_surer_entry_is_a_later_one(p, seconds):
    """With a sigma of 2 pixels it is a sigma, 0.1 s, earlier at .16 and later at .84."""
    found = entry(moving((27, 50), RIGHT, sigma=2), zone(min_probability=p))
    assert found.time == pytest.approx([seconds], abs=1e-4)


def test_probability_is_that_of_the_half_plane():
    depth, sigma = np.array([0.0, 2, -2, 3, -3]), np.array([2.0, 2, 2, 0, 0])
    assert inside_probability(depth, sigma) == pytest.approx([0.5, 0.8413447, 0.1586553, 1, 0])


def test_probability_is_within_the_time_asked_for():
    approaching_slowly = moving((27, 50), RIGHT, sigma=2)
    at_half = entry(approaching_slowly, zone(time_before_entry=0.5)).probability
    assert at_half == pytest.approx([0.0668], abs=1e-3)  # 3 pixels, 1.5 sigma, before the border
    assert entry(approaching_slowly, zone(time_before_entry=1.0)).probability > 0.99


def test_nothing_jumps_over_a_narrow_zone():
    """A pixel wide, and 40 pixels a step."""
    thin = Zone('thin', np.array([[50.0, 0], [51, 0], [51, 99], [50, 99]]), normalised=False)
    fast = moving((31, 50), (400, 0), steps=3)
    assert entry(fast, thin).time == pytest.approx([0.0475], abs=0.01)


def test_a_prediction_of_no_step_judges_the_present():
    assert entry(moving((50, 50), RIGHT, steps=0), zone()).time == [0]
    assert entry(moving((39, 50), RIGHT, steps=0), zone()).time == [np.inf]
