"""A machine that is too slow by far: what is predicted from is the newest image all the same."""

import time

from small_models import repeat_last_model
from test_worker import Listener, made, pushed

from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.streaming.worker import BEHIND, MEAN_OF, WAITING


def test_images_that_there_is_no_time_to_encode_are_passed_over():
    window = SlidingWindow(repeat_last_model())
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(6))
    stream.encodings_ns.extend([round(BEHIND * 1e9 / 2.5)] * MEAN_OF)  # there is time for two
    before, encoded = len(client.delivered), stream.counters.encoded
    stream.busy_ns = 2.0 * window.period_ns
    for item in range(6, 6 + WAITING):
        stream.put(item)
    worker.process_waiting()
    assert stream.counters.encoded - encoded == 2
    assert client.delivered[before:] == [5 + WAITING]
    assert stream.counters.dropped == WAITING - 1


def test_how_long_encoding_takes_is_measured(monkeypatch):
    window = SlidingWindow(repeat_last_model())
    client = Listener()
    worker, stream = made(window, client)
    push = window.push

    def slow(stamp_ns, image):
        time.sleep(2 * BEHIND)
        return push(stamp_ns, image)

    monkeypatch.setattr(window, 'push', slow)
    pushed(worker, *range(8))
    encoded = stream.counters.encoded
    for item in range(8, 8 + WAITING):
        stream.put(item)
    worker.process_waiting()
    assert stream.counters.encoded == encoded + 1 and client.delivered[-1] == 7 + WAITING


def test_one_hiccup_passes_nothing_over():
    window = SlidingWindow(repeat_last_model())
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(8))
    stream.encodings_ns.append(10**10)
    for item in range(8, 8 + WAITING):
        stream.put(item)
    worker.process_waiting()
    assert stream.counters.encoded == 8 + WAITING
