"""Predicted frames at the camera's size: as the network's own stage draws them, and cheaply."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import moving_patch, moving_square, small_following_config, small_model

from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.following_stages import Compose
from tkn_ros.streaming.frame_drawing import DecodedDrawing, PictureMover, make_drawing
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.window import SlidingWindow

MS = 1_000_000


def fed(window, clip):
    for i, frame in enumerate(clip):
        window.push(10**18 + i * 33 * MS, frame)
    return window


@pytest.fixture(scope='module')
def bundled():
    """The bundled network after a patch that moves, and its prediction."""
    model = load_checkpoint()
    window = fed(make_window(model), moving_patch(model.config.window + 2))
    return window, window.predict(10)


@pytest.mark.parametrize('size', [None, (240, 320), (300, 200), (480, 640)], ids=str)
def test_frames_are_those_of_the_stage(bundled, size):
    """`FollowingWindow.render` runs the stage `Compose`, in float32."""
    window, prediction = bundled
    expected = window.render(prediction, size).astype(int)
    drawn = np.stack(list(make_drawing(window).frames(prediction, range(1, 11), size)))
    assert drawn.shape == expected.shape and drawn.dtype == np.uint8
    off = np.abs(drawn - expected)
    assert off.mean() < 0.6, off.mean()
    assert np.quantile(off, 0.999) <= 3, np.quantile(off, 0.999)


def test_a_large_change_is_drawn_as_the_stage_draws_it():
    """Flow, colour and fading far beyond what trained weights give, on a picture of pure noise."""
    rng, model = np.random.default_rng(0), build(small_following_config())
    drift = rng.normal(0, 1, (1, 13, 8, 8)).astype(np.float32) * 0.3
    newest, mean = rng.integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)
    source = torch.from_numpy(np.concatenate([newest, mean], -1)[None])
    steps = torch.tensor([1.0, 7.0, 50.0])
    expected = Compose(model)(source, torch.from_numpy(drift), steps)[0].numpy()
    maps = np.ascontiguousarray(drift[0].transpose(1, 2, 0))
    for step, frame in zip(steps.tolist(), expected.astype(int)):
        share = 1 - np.exp(-step / model.config.window)
        drawn = PictureMover(96, 128).frame(newest, mean, maps, share)
        off = np.abs(drawn - frame)
        # OpenCV 4 knows places between pixels to a 32nd: of two neighbours that differ by 255, 8
        assert off.mean() < 1.5 and off.max() <= 12


@pytest.mark.parametrize('size', [(240, 320), (300, 200)], ids=str)
def test_the_way_of_a_gpu_draws_the_same(bundled, size):
    """It is PyTorch on any device, here the CPU, in chunks of ten."""
    window, prediction = bundled
    drawing = make_drawing(window)
    drawing._compose = Compose(window.model)
    steps = range(1, 14)  # two chunks
    drawn = np.stack(list(drawing.frames(prediction, steps, size)))
    assert drawn.shape == (13, *size, 3) and drawn.dtype == np.uint8
    expected = window.render(prediction, size).astype(int)
    assert np.abs(drawn[:10] - expected).max() <= 1
    on_cpu = np.stack(list(make_drawing(window).frames(prediction, steps, size)))
    assert np.abs(drawn[10:].astype(int) - on_cpu[10:]).mean() < 0.6


def test_any_steps_in_any_order(bundled):
    window, prediction = bundled
    drawing = make_drawing(window)
    every = list(drawing.frames(prediction, range(1, 11), (240, 320)))
    some = list(drawing.frames(prediction, (3, 6, 10), (240, 320)))
    assert all(np.array_equal(a, every[s - 1]) for a, s in zip(some, (3, 6, 10)))


def test_frames_come_one_by_one(bundled):
    """A horizon that would not fit into memory at once: 10,000 frames of 4096x4096 are 500 GB."""
    window, prediction = bundled
    frames = make_drawing(window).frames(prediction, range(1, 10_001), (4096, 4096))
    assert next(frames).shape == (4096, 4096, 3)


@pytest.mark.parametrize('output', ['frame', 'change'])
@pytest.mark.parametrize('size', [None, (48, 64)], ids=str)
def test_networks_of_the_papers_form_draw_what_the_window_draws(output, size):
    window = fed(SlidingWindow(small_model(output=output)), moving_square(6, 48, 64))
    prediction = window.predict(13)
    expected = window.render(prediction, size).astype(int)
    drawn = np.stack(list(DecodedDrawing(window, 5).frames(prediction, range(1, 14), size)))
    assert np.abs(drawn - expected).max() <= 1
    some = np.stack(list(DecodedDrawing(window, 5).frames(prediction, (2, 13), size)))
    assert np.abs(some - expected[[1, 12]]).max() <= 1


BUILDING = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
from small_models import moving_square, small_model
from tkn_ros.streaming.frame_drawing import DecodedDrawing
from tkn_ros.streaming.window import SlidingWindow

class Slow(SlidingWindow):
    def render(self, prediction, size=None):
        for _ in range(30 if size == (480, 640) else 1):  # as long as the making of a graph
            drawn = super().render(prediction, size)
        if size == (480, 640):
            print('drawn', flush=True)
        return drawn

window = Slow(small_model())
for i, frame in enumerate(moving_square(6, 48, 64)):
    window.push(i * 33_000_000, frame)
drawing, prediction = DecodedDrawing(window, 4), window.predict(4)
next(drawing.frames(prediction, [1]))
next(drawing.frames(prediction, [1], (480, 640)))  # made in the background
print('end', flush=True)
"""


def test_the_interpreter_does_not_end_under_a_graph_that_is_being_made():
    """A daemon thread in native code is ended with it, in ways that abort the process."""
    ended = subprocess.run(
        [sys.executable, '-c', BUILDING.format(tests=str(Path(__file__).parent))],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ['end', 'drawn'] and not ended.stderr, ended.stderr


class Shapes(SlidingWindow):
    """Notes how many frames the network was asked for, and at which size."""

    def render(self, prediction, size=None):
        self.asked = [*getattr(self, 'asked', []), (len(prediction.predicted), size)]
        return super().render(prediction, size)


def test_one_graph_serves_all_horizons_and_a_new_size_is_prepared_in_the_background():
    window = fed(Shapes(small_model()), moving_square(6, 48, 64))
    drawing = DecodedDrawing(window, 4)
    for horizon in (1, 4, 11):
        list(drawing.frames(window.predict(horizon), range(1, horizon + 1)))
    assert {count for count, _ in window.asked} == {4}
    prediction = window.predict(4)
    assert next(drawing.frames(prediction, [1], (48, 64))).shape[:2] in ((32, 32), (48, 64))
    drawing._builder.join()
    assert next(drawing.frames(prediction, [1], (48, 64))).shape[:2] == (48, 64)
