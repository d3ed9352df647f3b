"""NaN and infinity never leave the worker."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import repeat_last_model
from test_worker import Listener, made, pushed

from tkn_ros.streaming.window import SlidingWindow


@pytest.mark.parametrize('field', ['observed', 'predicted', 'sigma'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_is_counted_reported_and_not_delivered(
    monkeypatch, field, value
):
    window = SlidingWindow(repeat_last_model())
    client = Listener()
    worker, stream = made(window, client)
    pushed(worker, *range(8))
    before, count = len(client.delivered), stream.counters.predictions
    predict = window.predict

    def broken(horizon):
        prediction = predict(horizon)
        values = getattr(prediction, field).copy()
        values.flat[-1] = value
        return replace(prediction, **{field: values})

    monkeypatch.setattr(window, 'predict', broken)
    pushed(worker, 8, 9)
    assert len(client.delivered) == before and stream.counters.predictions == count
    assert (stream.counters.dropped, stream.counters.not_finite) == (2, 2)
    assert client.failures == ['a prediction is not finite'] * 2
    monkeypatch.undo()
    pushed(worker, 10)
    assert len(client.delivered) == before + 1
