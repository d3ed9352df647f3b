"""The CUDA backend on a GPU: recorded graphs give the reference's numbers, step after step."""

import numpy as np
import pytest
import torch
from small_models import SIDE, WINDOW, moving_square, small_model

from tkn_ros.streaming.backends.cuda import CUDABackend
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.window import SlidingWindow

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')

# keypoints, and mean difference of a frame's bytes
TOLERANCES = {'float32': (2e-3, 0.2), 'float16': (2e-2, 1.0), 'bfloat16': (5e-2, 6.0)}


@pytest.mark.parametrize('precision', TOLERANCES)
@pytest.mark.parametrize('output', ['frame', 'change'])
def test_graphs_give_what_the_reference_gives(precision, output):
    keypoints_error, bytes_off = TOLERANCES[precision]
    model = small_model(output=output, residual=True)
    window = SlidingWindow(model)  # on the CPU, in float32
    backend = CUDABackend(model.cuda(), precision)
    model.cpu()
    fast = SlidingWindow(model, backend=backend)
    for i, frame in enumerate(moving_square(12)):
        window.push(i * 33_000_000, frame)
        fast.push(i * 33_000_000, frame)
        frames, keypoints = backend.step(frame[None], WINDOW, 6)
        if i < WINDOW:
            continue
        expected, predicted = window.predict(6), fast.predict(6)
        right = window.render(expected).astype(int)
        for mine, drawn in (
            (predicted.predicted, fast.render(predicted)),
            (keypoints[0], frames[0]),
        ):
            assert np.abs(mine - expected.predicted).max() < keypoints_error
            assert np.abs(drawn - right).mean() < bytes_off


def test_results_are_kept_when_the_next_frame_comes():
    backend = CUDABackend(small_model().cuda(), 'float32')
    rng = np.random.default_rng(0)
    first, features = backend.encode(rng.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8))
    kept = [first.clone(), *(h.clone() for h in features)]
    backend.encode(rng.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8))
    torch.cuda.synchronize()
    assert all(torch.equal(a, b) for a, b in zip(kept, (first, *features)))


def test_memory_on_the_gpu_does_not_grow():
    backend = CUDABackend(small_model().cuda(), 'float16')
    frame = moving_square(1)
    for i in range(1100):
        backend.step(frame, WINDOW, 6)
        if i == 100:
            before = torch.cuda.memory_allocated()
    assert torch.cuda.memory_allocated() == before


def test_auto_takes_the_gpu():
    backend = make_backend(small_model().cuda(), 'auto', cached=False)
    assert backend.device.startswith('cuda') and backend.name in ('cuda', 'eager')
    assert EagerBackend(small_model().cuda()).device.startswith('cuda')
