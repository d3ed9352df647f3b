"""The policy of a running predictor, without ROS and without DDS."""

import threading
import time

import numpy as np
import pytest
from small_models import WINDOW, moving_square, repeat_last_model

from tkn_ros.streaming.warm_up import warm_up
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.streaming.worker import MADE_UP, WAITING, Worker

MS = 1_000_000
CLIP = moving_square(60)


class Listener:
    """Takes frame numbers as images; notes all that is reported to it."""

    def __init__(self, wants=True):
        self.wants, self.delivered, self.resets, self.bad, self.failures = wants, [], [], [], []
        self.fails_at = None

    def read(self, item):
        if item < 0:
            raise ValueError('no picture')
        if item == self.fails_at:
            raise RuntimeError('out of memory')
        return item * 33 * MS, CLIP[item % len(CLIP)]

    def wants_predictions(self):
        return self.wants

    def deliver(self, item, prediction, processing_ns):
        assert prediction.newest.stamp_ns == item * 33 * MS and processing_ns > 0
        self.delivered.append(item)

    def report_reset(self, reason):
        self.resets.append(reason)

    def report_bad(self, error):
        self.bad.append(str(error))

    def report_failure(self, error):
        self.failures.append(str(error))


@pytest.fixture
def window():
    return SlidingWindow(repeat_last_model())


def made(window, client, **settings):
    """A worker with one camera."""
    worker = Worker()
    return worker, worker.add(window, client, **{'horizon': 3} | settings)


def pushed(worker, *items):
    for item in items:
        worker.streams[0].put(item)
        worker.process_waiting()


def test_every_image_is_encoded_and_predicted_from_once_the_window_is_full(window):
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(10))
    assert client.delivered == list(range(WINDOW - 1, 10))
    counters = stream.counters
    assert (counters.received, counters.encoded, counters.dropped) == (10, 10, 0)
    assert counters.predictions == 10 - WINDOW + 1
    assert stream.busy_ns > 0


def test_with_a_stride_a_prediction_is_due_at_every_so_many_images(window):
    client = Listener()
    worker, stream = made(window, client, stride=3)
    pushed(worker, *range(13))
    assert client.delivered == [3, 6, 9, 12] and stream.counters.dropped == 0
    stream.stride = 1
    pushed(worker, 13, 14)
    assert client.delivered[-2:] == [13, 14]


def test_a_hiccup_is_made_up_for_where_inference_is_fast(window):
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(6))
    stream.busy_ns = 0.1 * window.period_ns
    for item in range(6, 12):
        stream.put(item)
    worker.process_waiting()
    assert client.delivered[-MADE_UP:] == list(range(12 - MADE_UP, 12))
    assert stream.counters.encoded == 12  # the window misses none
    assert stream.counters.dropped == 6 - MADE_UP


def test_behind_for_good_only_the_newest_is_predicted_from(window):
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(6))
    before = len(client.delivered)
    stream.busy_ns = 2.0 * window.period_ns
    for item in range(6, 10):
        stream.put(item)
    worker.process_waiting()
    assert client.delivered[before:] == [9] and stream.counters.dropped == 3


def test_too_many_waiting_images_are_given_up_oldest_first(window):
    client = Listener()
    worker, stream = made(window, client)
    for item in range(WAITING + 5):
        stream.put(item)
    assert stream.counters.dropped == 5
    worker.process_waiting()
    assert stream.counters.encoded == WAITING
    assert client.delivered[-1] == WAITING + 4


def test_nobody_listens_then_nothing_is_predicted(window):
    client = Listener(wants=False)
    worker, stream = made(window, client)
    pushed(worker, *range(8))
    assert not client.delivered and stream.counters.predictions == 0
    assert stream.counters.encoded == 8 and stream.counters.dropped == 0
    client.wants = True
    pushed(worker, 8)
    assert client.delivered == [8]  # the window was kept full


def test_bad_images_and_failures_are_reported_and_the_stream_goes_on(window):
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, 0, 1, -1, 2, 3)
    assert client.bad == ['no picture'] and client.delivered == [3]
    client.fails_at = 4
    pushed(worker, 4, 5)
    assert client.failures == ['out of memory'] and client.delivered == [3, 5]
    assert stream.counters.bad == 2


def test_a_jump_in_time_restarts_the_window(window):
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(6), 50, 51, 52)
    assert len(client.resets) == 1 and 'no frame came' in client.resets[0]
    assert stream.counters.resets == 1 and max(client.delivered) == 5


def test_the_thread_receives_at_once_and_ends_when_asked(window):
    client, entered, release = Listener(), threading.Event(), threading.Event()
    read = client.read

    def slow(item):
        entered.set()
        release.wait(5)
        return read(item)

    client.read = slow
    worker, stream = made(window, client)
    worker.start()
    stream.put(0)
    assert entered.wait(5)
    started = time.perf_counter()
    for item in range(1, 6):
        stream.put(item)  # the network is at work: nothing waits for it
    assert time.perf_counter() - started < 1 and not client.delivered
    release.set()
    deadline = time.monotonic() + 10
    while not client.delivered and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.stop()
    assert client.delivered[-1] == 5 and stream.counters.encoded == 6
    stream.put(6)
    assert client.delivered[-1] == 5


def test_warming_up_leaves_the_window_empty(window):
    assert len(warm_up(window, 3).predicted) == 3
    assert len(window) == 0 and window.period_ns == 0


@pytest.mark.parametrize('wrong', [{'horizon': 0}, {'stride': 0}])
def test_settings_that_make_no_sense(window, wrong):
    with pytest.raises(ValueError, match='expected at least 1'):
        made(window, Listener(), **wrong)


def test_the_frames_do_not_depend_on_the_worker(window):
    client, seen = Listener(), []
    worker, stream = made(window, client)
    client.deliver = lambda item, prediction, ns: seen.append(window.render(prediction))
    pushed(worker, *range(8))
    plain = SlidingWindow(repeat_last_model())
    for item in range(8):
        plain.push(item * 33 * MS, CLIP[item])
    assert np.array_equal(seen[-1], plain.render(plain.predict(3)))


def test_forgetting_restarts_with_the_next_image(window):
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(6))
    stream.forget()
    pushed(worker, *range(6, 6 + WINDOW))
    assert client.delivered == [3, 4, 5, 6 + WINDOW - 1] and not client.resets


def test_a_camera_that_fails_or_is_silent_does_not_hold_back_another(window):
    dead, bad, good = Listener(), Listener(), Listener()
    worker = Worker()
    streams = [
        worker.add(w, client, horizon=3)
        for w, client in (
            (SlidingWindow(repeat_last_model()), dead),
            (SlidingWindow(repeat_last_model()), bad),
            (window, good),
        )
    ]
    bad.fails_at = 2
    for item in range(8):
        streams[1].put(2)
        streams[2].put(item)
        worker.process_waiting()
    assert good.delivered == list(range(WINDOW - 1, 8)) and not dead.delivered
    assert streams[1].counters.bad == 8 and streams[2].counters.bad == 0


def test_cameras_take_turns(window):
    """A camera that sends eight images at once gets no more than its turn."""
    order = []

    class Noting(Listener):
        def read(self, item):
            order.append(self)
            return super().read(item)

    fast, slow = Noting(), Noting()
    worker = Worker()
    one = worker.add(window, fast, horizon=3)
    other = worker.add(SlidingWindow(repeat_last_model()), slow, horizon=3)
    for item in range(WAITING + 4):
        one.put(item)
    other.put(0)
    worker.process_waiting()
    one.put(WAITING + 4)
    other.put(1)
    worker.process_waiting()
    assert order == [fast] * WAITING + [slow, fast, slow]


def test_the_worker_starts_again_after_it_was_stopped(window):
    client = Listener()
    worker, stream = made(window, client)
    for begin in (0, 10):
        stream.forget()
        worker.start()
        for item in range(begin, begin + 6):
            stream.put(item)
        deadline = time.monotonic() + 10
        while begin + 5 not in client.delivered and time.monotonic() < deadline:
            time.sleep(0.01)
        assert worker.stop() and client.delivered[-1] == begin + 5
