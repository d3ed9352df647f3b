"""Camera images over real DDS between two processes, with and without what we set for them."""

import os

import pytest
from ros_rig import ros_or_skip

from tkn_ros.commands.doctor_ros import stream
from tkn_ros.transports import (
    PROFILE_VARIABLES,
    TRANSPORTS_VARIABLE,
    both_sides,
    configured,
    profile,
    receiver,
)

ros_or_skip()

COUNT = 60


def arrived(environment: dict[str, str], quality: str) -> int:
    """How many of COUNT images of 640x480 arrive at 30 Hz."""
    return stream(quality, environment, COUNT)['received']


@pytest.fixture
def bare():
    """The environment of somebody who has set no transport."""
    chosen = (*PROFILE_VARIABLES, TRANSPORTS_VARIABLE)
    return {k: v for k, v in os.environ.items() if k not in chosen}


@pytest.mark.parametrize('quality', ['best effort', 'reliable'])
def test_every_image_arrives_with_our_profile(bare, quality):
    assert arrived({**bare, **both_sides(bare)}, quality) == COUNT


def test_without_it_best_effort_images_are_lost(bare):
    """The reason for all this; when it fails, Fast DDS needs our help no longer."""
    assert arrived(bare, 'best effort') < COUNT


def test_what_somebody_chose_is_left_alone(bare):
    assert profile().is_file() and not configured(bare)
    assert set(both_sides(bare)) == set(PROFILE_VARIABLES)
    assert set(receiver(bare)) == {TRANSPORTS_VARIABLE}
    for name in (*PROFILE_VARIABLES, TRANSPORTS_VARIABLE):
        assert both_sides({name: 'x'}) == receiver({name: 'x'}) == {}
