"""The sliding window of networks without keypoints, and what runs them."""

import numpy as np
import pytest
import torch
from small_models import moving_square
from small_peers import SIDE, WINDOW, small

from tkn_ros.baselines.networks import BASELINES, build_baseline
from tkn_ros.streaming.frame_drawing import make_drawing
from tkn_ros.streaming.frames_window import FramesWindow
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.warm_up import warm_up

PERIOD = 40_000_000
CLIP = moving_square(12, SIDE, SIDE)


def filled(name: str = 'convlstm', count: int = WINDOW, backend=None) -> FramesWindow:
    window = make_window(small(name).eval(), 0, PERIOD, backend)
    assert isinstance(window, FramesWindow)
    for i in range(count):
        window.push(i * PERIOD, CLIP[i])
    return window


def drawn_from(model, frames: np.ndarray, horizon: int) -> np.ndarray:
    seen = torch.from_numpy(frames).movedim(-1, -3).float()[None] / 255
    with torch.no_grad():
        return (model(seen, horizon)[0].clamp(0, 1) * 255).round().byte().movedim(1, -1).numpy()


def test_the_newest_frames_are_what_is_predicted_from():
    window = filled(count=7)
    prediction = window.predict(4)
    assert prediction.observed.shape == (WINDOW, 0, 3) and prediction.predicted.shape == (4, 0, 3)
    assert prediction.predicted_ns == [(7 + j) * PERIOD for j in range(4)]
    expected = drawn_from(window.model, CLIP[7 - WINDOW : 7], 4)
    assert np.array_equal(window.render(prediction), expected)
    assert np.array_equal(prediction.newest.image, CLIP[6])


def test_nothing_is_predicted_until_the_window_is_full():
    assert filled(count=WINDOW - 1).predict(2) is None
    with pytest.raises(ValueError, match='horizon is 0'):
        filled().predict(0)


def test_the_neighbour_stands_for_a_lost_frame():
    window = make_window(small('convlstm').eval(), 0, PERIOD)
    for i in (0, 1, 2, 3, 5):
        window.push(i * PERIOD, CLIP[i])
    chosen = [np.abs(o.frame.astype(int) - CLIP[3]).max() for o in window.predict(1).seen]
    assert chosen[0] == 0 and len(chosen) == WINDOW


def test_frames_that_are_no_numbers_are_told():
    assert filled().predict(2).finite
    model = small('convlstm').eval()
    with torch.no_grad():
        model.out.bias[0] = float('inf')
    window = make_window(model, 0, PERIOD)
    for i in range(WINDOW):
        window.push(i * PERIOD, CLIP[i])
    assert not window.predict(2).finite


def test_pictures_of_another_size_and_drawing_of_some_steps():
    window = make_window(small('convlstm').eval(), 0, PERIOD)
    for i, frame in enumerate(moving_square(5, 40, 60)):
        window.push(i * PERIOD, frame)
    prediction = window.predict(5)
    assert window.render(prediction).shape == (5, SIDE, SIDE, 3)
    assert window.render(prediction, (40, 60)).shape == (5, 40, 60, 3)
    steps = list(make_drawing(window).frames(prediction, [2, 5], (40, 60)))
    whole = window.render(prediction, (40, 60))
    assert np.array_equal(np.stack(steps), whole[[1, 4]])


def test_older_frames_hold_no_large_pictures():
    window = make_window(small('convlstm').eval(), 0, PERIOD)
    for i, frame in enumerate(moving_square(20, 200, 300)):
        window.push(i * PERIOD, frame)
    held = [o.image.size for o in window._ring]
    assert sum(size > 0 for size in held) == 1 and len(held) <= WINDOW + 2


def test_a_network_for_other_frames_than_a_camera_s_is_refused():
    grey = build_baseline(BASELINES['convlstm'][0](channels=1, hidden=(8,), height=16, width=16))
    with pytest.raises(ValueError, match='1 channels'):
        make_window(grey)
    with pytest.raises(ValueError, match='the weights are for 3'):
        warm_up(make_window(small('simvpv2').eval(), 5), 2)


def test_auto_is_eager_and_says_why():
    backend = make_backend(small('convlstm').eval(), 'auto')
    assert backend.name == 'eager' and 'ask for one by name' in backend.reason


@pytest.mark.parametrize(
    'name, network',
    [
        *(('openvino', network) for network in BASELINES),
        *(('onnxruntime', network) for network in ('convlstm', 'e3d-lstm', 'dmvfn')),
    ],
)
def test_runtimes_give_eager_s_frames(name, network, monkeypatch, tmp_path):
    """To one step of 8 bits: sums are taken in another order, and rounding may go either way."""
    monkeypatch.setenv('TKN_CACHE_DIR', str(tmp_path))
    model = small(network).eval()
    window = filled(network, backend=make_backend(model, name, 'float32'))
    for newest in (WINDOW, WINDOW + 4):
        for i in range(WINDOW, newest):
            window.push(i * PERIOD, CLIP[i])
        drawn = window.render(window.predict(2)).astype(int)
        expected = drawn_from(model, CLIP[newest - WINDOW : newest], 2)
        difference = np.abs(drawn - expected)
        assert difference.max() <= 1 and (difference > 0).mean() < 0.01


def test_an_exported_router_decides_anew_for_each_window():
    """The graph is made where one block is left out, and used where none is."""
    model = small('dmvfn').eval()
    last = model.router[-1]
    with torch.no_grad():  # by brightness alone
        for layer in (model.router[0], model.router[2]):
            layer.weight.fill_(0.1)
            layer.bias.zero_()
        last.weight.copy_(torch.tensor([[-1.0], [1.0]]).expand_as(last.weight))
        last.bias.copy_(torch.tensor([40.0, -40.0]))
        for block in model.blocks:  # as if trained: it moves the picture by some pixels
            block.out.bias.normal_(0, 3)
    dark = CLIP[None, :2] // 8
    pairs = [torch.full((1, 6, SIDE, SIDE), value) for value in (0.0, 1.0)]
    assert [model.route(pair).tolist() for pair in pairs] == [[[1, 0]], [[0, 1]]]
    graph = make_backend(model, 'openvino', 'float32', cached=False)
    eager = make_backend(model, 'eager')
    steps = torch.empty(2)
    for frames in (torch.from_numpy(dark), torch.from_numpy(255 - dark)):
        drawn, expected = (b.run('frames', frames, steps)[0].int() for b in (graph, eager))
        assert (drawn - expected).abs().max() <= 1


def test_half_precision_where_it_is_asked_for():
    model = small('simvpv2').eval()
    window = filled('simvpv2', backend=make_backend(model, 'eager', 'bfloat16'))
    drawn = window.render(window.predict(4)).astype(int)
    assert np.abs(drawn - drawn_from(model, CLIP[:WINDOW], 4)).mean() < 2
