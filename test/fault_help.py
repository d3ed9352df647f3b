"""A stream of good images after a fault, and the books of the node that received it."""

import time

from ros_rig import SECOND, stamp_of
from small_models import moving_square

HERTZ = 20
PERIOD = SECOND // HERTZ
FRAMES = moving_square(40, 48, 64)


def recover(rig, record_property) -> None:
    """Good images at 20 Hz until one of them is predicted from; the books must balance."""
    start, began, sent = rig.next_era(), time.monotonic(), 0
    era = range(start, start + 5_000 * SECOND)
    while not any(stamp_of(message) in era for message in rig.keypoints[-3:]):
        assert rig.alive() and sent < 2000, rig.log()
        rig.camera.send(start + sent * PERIOD, FRAMES[sent % len(FRAMES)])
        sent += 1
        rig.station.spin(1 / HERTZ)
    record_property('recovered_s', round(time.monotonic() - began, 3))
    balance(rig)


def balance(rig) -> dict[str, int]:
    """Every image that came joined the window, was refused, or was passed over for newer ones."""
    books = rig.counters()
    passed_over = books['received'] - books['encoded'] - books['bad']
    assert 0 <= passed_over <= books['dropped'] + 2, books  # two may be under way
    assert books['predictions'] <= books['encoded'], books
    return books


def stream(rig, frames, pause: float = 1 / HERTZ, stamps=None) -> int:
    """Send pictures or messages one after the other; how many."""
    start = rig.next_era()
    for i, frame in enumerate(frames):
        rig.camera.send(start + (i * PERIOD if stamps is None else stamps[i]), frame)
        rig.station.spin(pause)
    return i + 1
