"""Whole files bent at random places: a clear error or a result, never anything else.

The same cases at every run; `make fuzz MINUTES=n` tries new ones.
"""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / 'fuzz'))

from seeds import seeds  # noqa: E402
from targets import PIXELS, TARGETS, allow_pixels, check  # noqa: E402

from tkn_ros.video import limits  # noqa: E402

CASES = {'mcap': 100, 'bag1': 100, 'video': 60, 'weights': 100, 'toml': 100}  # of others 400
SEEDS = seeds()
BENDS = st.lists(
    st.one_of(
        st.tuples(st.just('set'), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just('cut'), st.floats(0, 1), st.integers(0, 64)),
        st.tuples(st.just('end'), st.floats(0, 1), st.just(0)),
        st.tuples(st.just('double'), st.floats(0, 1), st.integers(1, 64)),
    ),
    max_size=4,
)


def bent(data: bytes, bends) -> bytes:
    for kind, share, value in bends:
        at = int(share * len(data))
        if kind == 'set':
            data = data[:at] + value + data[at + len(value) :]
        elif kind == 'cut':
            data = data[:at] + data[at + value :]
        elif kind == 'end':
            data = data[:at]
        else:
            data = data[:at] + data[at : at + value] * 2 + data[at + value :]
    return data


@pytest.mark.parametrize('name', TARGETS)
def test_bent_files(name, monkeypatch):
    monkeypatch.setattr(limits, '_allowed', 0)  # restored at the end
    allow_pixels(PIXELS)

    @seed(0)
    @settings(
        max_examples=CASES.get(name, 400),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(SEEDS[name]), BENDS)
    def run(data, bends):
        check(name, bent(data, bends))

    TARGETS[name](SEEDS[name][0])  # imports and first passes do not count
    run()


@pytest.mark.parametrize('name', TARGETS)
def test_bytes_of_any_kind(name):
    @seed(0)
    @settings(max_examples=50, deadline=None, database=None)
    @given(st.binary(max_size=300))
    def run(data):
        check(name, data)

    run()


@pytest.mark.parametrize('name', TARGETS)
def test_the_seeds_are_whole(name):
    for data in SEEDS[name]:
        TARGETS[name](data)
