"""Same bag, same build: the same predictions, bit for bit, on the reference backend."""

import hashlib
import subprocess
import sys

import pytest
from bags import PredictionBag
from small_models import moving_patch

PROGRAM = """
import hashlib, sys
import torch
torch.set_num_threads(int(sys.argv[2]))
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.make_window import make_window
from tkn_ros.video.open import open_source

digest = hashlib.sha256()
model = load_checkpoint(sys.argv[3] if len(sys.argv) > 3 else '')
with open_source(sys.argv[1]) as source:
    window = make_window(model, 0, round(1e9 / source.fps), EagerBackend(model))
    for frame in source:
        window.push(frame.stamp_ns, frame.image)
        prediction = window.predict(6)
        if prediction is not None:
            for array in (prediction.observed, prediction.predicted, prediction.ids):
                digest.update(array.tobytes())
    digest.update(window.render(prediction).tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp('bag') / 'camera.mcap'
    with PredictionBag(path) as writer:
        for i, image in enumerate(moving_patch(16)):
            writer.image('/camera', 10**9 + i * 40_000_000, image)
    return path


def digest(*arguments) -> str:
    command = [sys.executable, '-c', PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == len(hashlib.sha256().hexdigest())
    return done.stdout.strip()


@pytest.mark.parametrize('threads', [1, 2])
def test_predictions_are_the_same_in_every_run(bag, threads):
    # with another number of threads torch adds up in another order: equal to rounding only
    assert digest(bag, threads) == digest(bag, threads)
