"""Pictures of how training goes: the same frames at every stage, so that they can be compared."""

import cv2
import numpy as np
import torch

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.inference import predict_run, to_images, to_tensor
from tkn_ros.model.motion_detector import EARLIER
from tkn_ros.streaming.following_window import FollowingWindow
from tkn_ros.video.drawing import KeypointPaths, draw_paths, rows, strip

CELL = 96  # [pixel]
COLUMNS = 8
PERIOD_NS = 40_000_000  # between two frames, as good as any other


@torch.inference_mode()
def training_picture(model: AnyNetwork, run: np.ndarray) -> np.ndarray:
    """What came, what is redrawn from its own keypoints, and what is predicted: (h, w, 3) uint8.

    Of followed keypoints: with their predicted paths, and the map of what moves. Of networks
    without keypoints: what came and what is predicted.

    run: window + m frames of the clips' size, (n + m, H, W, 3) uint8; the background is that of
    frame n. The model is left in the mode that it was in.
    """
    if isinstance(model, FollowingTKN):
        return _followed_picture(model, run)
    n, was_training = model.config.window, model.training
    model.eval()
    if isinstance(model, Baseline):
        device = next(model.parameters()).device
        predicted = model(to_tensor(run[:n])[None].to(device), len(run) - n)[0]
        model.train(was_training)
        return _rows(run, n, [(to_images(predicted), 'predicted')])
    prediction = predict_run(model, run[:n], len(run) - n)
    future = to_tensor(run[n:]).to(prediction.frames.device)  # (m, 3, H, W)
    redrawn = model.render(model.detector.encode(future)[0][None], prediction.context)[0]
    model.train(was_training)
    drawn = [
        (to_images(redrawn), 'redrawn from its own keypoints'),
        (to_images(prediction.frames), 'predicted'),
    ]
    return _rows(run, n, drawn)


def _rows(run: np.ndarray, n: int, drawn: list[tuple[np.ndarray, str]]) -> np.ndarray:
    """What was observed, what came, and what was drawn with its captions."""
    parts = [(run[:n], 'observed, the newest on the right'), (run[n:], 'what came'), *drawn]
    return rows([(strip(list(f), CELL, CELL, COLUMNS), text) for f, text in parts])


def _followed_picture(model: FollowingTKN, run: np.ndarray) -> np.ndarray:
    n = model.config.window
    window = FollowingWindow(model, n, PERIOD_NS)  # with a copy of the weights
    small, shown = [], []
    size = model.following.detector
    for i, frame in enumerate(run[:n]):
        window.push(i * PERIOD_NS, np.ascontiguousarray(frame))
        small.append(cv2.resize(frame, (size.width, size.height), interpolation=cv2.INTER_AREA))
        back = [small[max(0, i - k)] for k in (0, *EARLIER)]
        motion = window.backend.run('detect', torch.from_numpy(np.stack(back))[None])[0][0]
        grey = (motion.float().cpu().numpy() * 255).astype(np.uint8)
        shown.append(np.repeat(grey[..., None], 3, -1))
    prediction = window.predict(len(run) - n)
    assert prediction is not None  # the window is full
    points = prediction.pixels()
    paths = draw_paths(
        run[n - 1],
        KeypointPaths(
            points.observed[-1],
            points.predicted,
            points.sigma,
            prediction.active,
            prediction.ids,
        ),
    )
    return rows(
        [
            (strip(list(f), CELL, CELL, COLUMNS), text)
            for f, text in (
                ([*run[: n - 1], paths], 'observed, the newest on the right with predicted paths'),
                (shown, 'where something moves, as the detector says'),
                (run[n:], 'what came'),
                (window.render(prediction), 'predicted'),
            )
        ]
    )
