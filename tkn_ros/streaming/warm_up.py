"""The first passes through a network, which are slow, before there is an image."""

from __future__ import annotations

import numpy as np

from tkn_ros.streaming.prediction import Prediction
from tkn_ros.streaming.window import SlidingWindow


def warm_up(window: SlidingWindow, horizon: int) -> Prediction | None:
    """Make the first passes, which are slow, before the first image; the window stays empty.

    Returns a prediction from blank pictures, for what else has to be warmed up.

    Args:
        window: not used by anybody else yet.
        horizon: frames that will be predicted.
    """
    config = window.model.config
    blank = np.zeros((config.height, config.width, 3), np.uint8)
    for i in range(window.window + 1):
        window.push(i * 1_000_000_000, blank)
    prediction = window.predict(horizon)
    window.clear()
    return prediction
