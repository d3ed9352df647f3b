"""Drives to evaluate, and what is seen of them step by step."""

from bags import PredictionBag

from tkn_ros.evaluation.drive import Drive
from tkn_ros.evaluation.drive_settings import DriveSettings, window_for
from tkn_ros.video.bags import BagSource

START, PERIOD, COUNT = 1_700_000_000_000_000_000, 33_333_333, 90
TOPIC = '/camera/image_raw'
SETTINGS = DriveSettings(backend='eager', threads=1, horizon=5, pictures_every=0.5, drawn_width=64)


def stamp_of(number):
    return START + number * PERIOD


def write_drive(path, pictures, leave_out=(), jump=0):
    """Images at 30 Hz; those left out are lost, and from `jump` on time is an hour earlier."""
    with PredictionBag(path) as bag:
        for number, picture in enumerate(pictures):
            stamp = stamp_of(number) - (3600 * 10**9 if jump and number >= jump else 0)
            if number not in leave_out:
                bag.image(TOPIC, stamp, picture, stamp_of(number) + 4_000_000)
    return path


class Collected:
    """A judge that keeps what it is given."""

    def __init__(self):
        self.steps = []

    def add(self, step):
        self.steps.append(step)

    def end(self):
        pass


def driven(path, settings=SETTINGS):
    judge = Collected()
    log = Drive(BagSource(path, TOPIC), window_for(settings), settings, [judge]).run()
    return log, judge.steps
