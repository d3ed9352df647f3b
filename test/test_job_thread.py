"""The thread that draws: the newest job wins, and a failed one stops nothing."""

import os
import sys
import threading
import time

import pytest

from tkn_ros.streaming.job_thread import KEPT, NICE, JobThread


class Jobs:
    """Jobs that wait until they are let go."""

    def __init__(self):
        self.done, self.begun, self.go = [], threading.Event(), threading.Event()

    def job(self, name):
        def run():
            self.begun.set()
            self.go.wait(10)
            self.done.append(name)

        return run


@pytest.mark.parametrize(('period', 'kept'), [(1e-9, 1), (1e9, KEPT)])
def test_of_what_waits_to_be_drawn_the_newest_wins(period, kept):
    jobs, failures = Jobs(), []
    thread = JobThread('test', failures.append)
    thread.start()
    thread.offer('a', jobs.job(-1), period)
    assert jobs.begun.wait(10)
    thread._took['a'] = 1.0  # between the two periods
    given_up = sum(thread.offer('a', jobs.job(i), period) for i in range(9))
    jobs.go.set()
    deadline = time.monotonic() + 10
    while len(jobs.done) < 1 + kept and time.monotonic() < deadline:
        time.sleep(0.01)
    assert thread.stop()
    assert jobs.done == [-1, *range(9 - kept, 9)] and given_up == 9 - kept


def test_a_job_that_fails_is_reported_and_the_next_is_done():
    failures, done = [], threading.Event()
    thread = JobThread('test', failures.append)
    thread.start()
    thread.offer('a', lambda: 1 / 0, 1e9)
    thread.offer('b', done.set, 1e9)
    assert done.wait(10) and thread.stop()
    assert isinstance(failures[0], ZeroDivisionError)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='threads have no priority there')
def test_it_gives_way_to_the_threads_that_started_it():
    found, done = [], threading.Event()
    thread = JobThread('test', found.append)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread.start()

    def job():
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        done.set()

    thread.offer('a', job, 1e9)
    assert done.wait(10) and thread.stop()
    assert found == [NICE] and NICE > 0
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
