"""The sliding window: the same numbers as the whole network, and what it makes of stamps."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import KEYPOINTS, SIDE, WINDOW, moving_square, repeat_last_model, small_model

from tkn_ros.streaming.stages import render_stage, to_float
from tkn_ros.streaming.window import SlidingWindow

MS = 1_000_000
START = 1_700_000_000_000_000_000  # a wall clock's stamp: float64 does not hold it exactly


def feed(window, stamps, frames=None):
    """Push one frame for each stamp; the reasons why the window was emptied."""
    frames = moving_square(len(stamps)) if frames is None else frames
    return [window.push(s, f) for s, f in zip(stamps, frames)]


def steady(count, period=33 * MS, start=START):
    return [start + i * period for i in range(count)]


def whole_network(model, frames, horizon):
    batch = torch.from_numpy(frames[None]).permute(0, 1, 4, 2, 3)  # (1, n, 3, H, W)
    with torch.no_grad():
        return model(batch.to(next(model.parameters()).dtype) / 255, horizon)


FORMS = [{'output': 'frame'}, {'output': 'change'}, {'drifts': True}]


@pytest.mark.parametrize('form', FORMS, ids=str)
def test_the_cached_window_equals_the_whole_network(form):
    model, frames = small_model(**form), moving_square(9)
    window = SlidingWindow(model)
    for i, stamp in enumerate(steady(9)):
        window.push(stamp, frames[i])
        if i < WINDOW - 1:
            assert window.predict(6) is None
            continue
        prediction = window.predict(6)
        drawn, predicted = whole_network(model, frames[i + 1 - WINDOW : i + 1], 6)
        assert np.abs(prediction.predicted - predicted[0].numpy()).max() < 1e-5
        expected = (drawn[0].clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy()
        assert np.abs(window.render(prediction).astype(int) - expected).max() <= 1  # of 255
        assert np.abs(prediction.predicted[-1] - prediction.observed[-1]).max() > 1e-3


@pytest.mark.parametrize('output', ['frame', 'change'])
def test_in_double_precision_nothing_but_rounding_is_left(output):
    model, frames = small_model(output=output).double(), moving_square(7)
    window = SlidingWindow(model)
    feed(window, steady(7), frames)
    with torch.no_grad():
        _, observed, seen = window.sample()  # a Prediction holds float32, as the messages do
        cached = model.predict_keypoints(observed[None], 6)
        newest, draw = seen[-1], render_stage(model, shuffle=False)
        d = draw.decode(cached, newest.keypoints[None], newest.features)
        source = to_float(torch.from_numpy(newest.frame[None]), torch.float64)
        drawn = draw.compose(d, source)[0]
        expected, predicted = whole_network(model, frames[-WINDOW:], 6)
    assert (cached - predicted).abs().max() < 1e-12
    assert (drawn - expected[0]).abs().max() < 1e-12
    assert window.render(window.predict(2)).shape == (2, SIDE, SIDE, 3)


def test_a_prediction_is_stamped_by_the_period_and_keeps_the_newest_frame():
    window, frames = SlidingWindow(small_model()), moving_square(6)
    stamps = steady(6, 40 * MS)
    feed(window, stamps, frames)
    prediction = window.predict(7)
    assert prediction.period_ns == 40 * MS
    assert prediction.observed_ns == stamps[-WINDOW:]
    assert prediction.predicted_ns == [stamps[-1] + j * 40 * MS for j in range(1, 8)]
    assert prediction.observed.shape == (WINDOW, KEYPOINTS, 3)
    assert prediction.predicted.shape == (7, KEYPOINTS, 3)
    assert prediction.newest.stamp_ns == stamps[-1]
    assert np.array_equal(prediction.newest.image, frames[-1])


def test_a_lost_frame_is_interpolated_between_its_neighbours():
    model, frames = small_model(), moving_square(8)
    stamps = steady(8)
    window, whole = SlidingWindow(model), SlidingWindow(model)
    feed(whole, stamps, frames)
    feed(window, stamps[:5] + stamps[6:], [*frames[:5], *frames[6:]])
    prediction, full = window.predict(1), whole.predict(1)
    assert prediction.observed_ns == full.observed_ns  # frames 4 to 7; 5 is the lost one
    assert np.allclose(prediction.observed[[0, 2, 3]], full.observed[[0, 2, 3]])
    between = (full.observed[0] + full.observed[2]) / 2
    assert np.allclose(prediction.observed[1], between, atol=1e-6)
    assert not np.allclose(between, full.observed[1], atol=1e-4)
    assert window.resets == 0


def test_a_gap_empties_the_window_and_says_so():
    window = SlidingWindow(small_model())
    feed(window, steady(6))
    assert window.ready
    late = START + 10**9
    reason = window.push(late, moving_square(1)[0])
    assert 'no frame came for 0.835 s' in reason
    assert window.resets == 1 and len(window) == 1 and not window.ready
    reasons = feed(window, steady(WINDOW - 1, start=late + 33 * MS))
    assert reasons == [''] * (WINDOW - 1) and window.ready and window.resets == 1


def test_some_lost_frames_are_no_gap():
    window = SlidingWindow(small_model())
    feed(window, steady(6))
    assert window.push(steady(6)[-1] + 4 * 33 * MS, moving_square(1)[0]) == ''
    assert window.ready and window.resets == 0


def test_time_going_back_empties_the_window_and_says_so():
    window = SlidingWindow(small_model())
    feed(window, steady(6))
    assert 'time went back by 0.100 s' in window.push(steady(6)[-1] - 100 * MS, moving_square(1)[0])
    assert window.resets == 1 and not window.ready
    feed(window, steady(WINDOW, 50 * MS, START + 10**9))
    assert window.predict(1).period_ns == 50 * MS  # the rate, too, is of the new recording


def test_a_stamp_that_comes_twice_changes_nothing():
    model, frames, stamps = small_model(), moving_square(6), steady(6)
    window, doubled = SlidingWindow(model), SlidingWindow(model)
    feed(window, stamps, frames)
    feed(doubled, np.repeat(stamps, 2).tolist(), np.repeat(frames, 2, 0))
    one, other = window.predict(3), doubled.predict(3)
    assert one.observed_ns == other.observed_ns and doubled.resets == 0
    assert np.array_equal(one.predicted, other.predicted)


def test_a_stream_without_stamps_never_predicts_and_never_grows():
    window = SlidingWindow(small_model())
    feed(window, [0] * 30)
    assert window.predict(1) is None and len(window) == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_a_lower_rate_than_the_cameras_picks_the_nearest_frames(seed):
    """30 Hz with jitter, sampled every 100 ms."""
    jitter = np.random.default_rng(seed).integers(-4 * MS, 4 * MS, 40)
    stamps = [int(s) for s in np.array(steady(40, 33_333_333)) + jitter]
    model, frames = COARSE
    window = SlidingWindow(model, period_ns=100 * MS)
    keypoints = {}
    for stamp, frame in zip(stamps, frames):
        window.push(stamp, frame)
        keypoints[stamp] = window._ring[-1].keypoints.numpy()
    assert window.resets == 0
    prediction = window.predict(3)
    assert np.diff(prediction.observed_ns).tolist() == [100 * MS] * (WINDOW - 1)
    assert np.diff([stamps[-1], *prediction.predicted_ns]).tolist() == [100 * MS] * 3
    for moment, observed in zip(prediction.observed_ns, prediction.observed):
        nearest = min(stamps, key=lambda s: abs(s - moment))
        assert abs(nearest - moment) <= 21 * MS
        assert np.array_equal(observed, keypoints[nearest])


COARSE = small_model(), moving_square(40)


def test_a_lower_rate_needs_a_longer_past():
    window = SlidingWindow(small_model(), period_ns=100 * MS)
    ready = []
    for stamp, frame in zip(steady(12, 100 * MS // 3), moving_square(12)):
        window.push(stamp, frame)
        ready.append(window.ready)
    first = ready.index(True)
    assert ready == [False] * first + [True] * (12 - first)
    # three intervals of 100 ms, of which half of the oldest one may be missing
    assert first == 8


def test_a_higher_rate_than_the_cameras_is_interpolated():
    """5 Hz, asked for at 30 Hz."""
    window = SlidingWindow(small_model(), period_ns=33 * MS)
    feed(window, steady(12, 200 * MS))
    assert window.resets == 0
    prediction = window.predict(3)
    assert np.diff(prediction.observed_ns).tolist() == [33 * MS] * (WINDOW - 1)
    steps = np.diff(prediction.observed, axis=0)  # all between the same two frames
    assert np.allclose(steps[0], steps[1], atol=1e-5) and np.abs(steps).max() > 0


def test_a_frame_long_before_the_others_does_not_fill_the_window():
    """A camera that shows one frame when it is switched on, and starts ten seconds later."""
    window = SlidingWindow(small_model())
    stamps = [START - 10**10, *steady(WINDOW + 6)]
    ready = []
    for stamp, frame in zip(stamps, moving_square(len(stamps))):
        window.push(stamp, frame)
        ready.append(window.ready)
    assert not any(ready[:WINDOW])
    assert ready[-1] and window.predict(1).observed_ns == stamps[-WINDOW:]


def test_the_ring_does_not_grow():
    window = SlidingWindow(TINY)
    fixed = SlidingWindow(TINY, period_ns=100 * MS)
    frame = moving_square(1, 8, 8)[0]
    longest = longest_fixed = 0
    for i in range(10_000):
        window.push(START + i * 33 * MS, frame)
        longest = max(longest, len(window))
        if i < 1000:
            fixed.push(START + i * 33 * MS, frame)
            longest_fixed = max(longest_fixed, len(fixed))
    assert longest <= WINDOW + 2
    assert longest_fixed <= 3 * (WINDOW + 1) + 3
    assert window.ready and fixed.ready
    kept = [o for o in window._ring if o.features or o.image.size]
    assert kept == [window._ring[-1]]  # pictures and features of the newest frame only


TINY = small_model(height=8, width=8)


def test_clear_forgets_everything():
    window = SlidingWindow(small_model())
    feed(window, steady(6))
    window.clear()
    assert len(window) == 0 and window.period_ns == 0 and window.predict(1) is None
    feed(window, steady(WINDOW, 20 * MS))
    assert window.ready and window.period_ns == 20 * MS and window.resets == 0


@pytest.mark.parametrize('n', [1, 2, 7])
def test_any_window(n):
    window = SlidingWindow(small_model(), n)
    feed(window, steady(12))
    assert window.predict(3).observed.shape == (n, KEYPOINTS, 3)


def test_a_window_below_one_is_refused():
    with pytest.raises(ValueError, match='window is -1'):
        SlidingWindow(small_model(), -1)


@pytest.mark.parametrize('size', [(SIDE, SIDE), (24, 40), (90, 33), (16, 16)])
@pytest.mark.parametrize('output', ['frame', 'change'])
def test_render_at_any_size(size, output):
    window = SlidingWindow(small_model(output=output))
    feed(window, steady(5), moving_square(5, 48, 64))
    frames = window.render(window.predict(3), size)
    assert frames.shape == (3, *size, 3) and frames.dtype == np.uint8 and frames.flags.c_contiguous


def test_render_keeps_the_detail_of_the_camera():
    """A model that says nothing moves gives the newest frame back, pixel by pixel."""
    window, clip = SlidingWindow(repeat_last_model()), moving_square(5, 48, 64)
    feed(window, steady(5), clip)
    frames = window.render(window.predict(2), (48, 64))
    assert np.abs(frames.astype(int) - clip[-1]).max() <= 1


def test_frames_of_any_size_are_taken():
    window = SlidingWindow(small_model())
    for i, (height, width) in enumerate(((48, 64), (7, 9), (200, 120), (32, 32), (33, 31))):
        window.push(START + i * 33 * MS, moving_square(1, height, width)[0])
    assert window.ready


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.integers(-300 * MS, 300 * MS), st.just(33 * MS), st.integers(-(10**10), 10**10)
        ),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from([0, 20 * MS, 100 * MS]),
)
def test_whatever_the_stamps_are_a_prediction_is_whole(intervals, period):
    window = SlidingWindow(TINY, period_ns=period)
    frame, stamp = moving_square(1, 8, 8)[0], START
    for interval in intervals:
        stamp += interval
        window.push(stamp, frame)
        prediction = window.predict(2)
        if prediction is None:
            continue
        stamps = prediction.observed_ns + prediction.predicted_ns
        assert all(b - a == prediction.period_ns > 0 for a, b in pairwise(stamps))
        assert np.isfinite(prediction.observed).all() and np.isfinite(prediction.predicted).all()
        assert prediction.observed.shape == (WINDOW, KEYPOINTS, 3)
        assert prediction.newest.stamp_ns == prediction.observed_ns[-1]
