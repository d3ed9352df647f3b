"""Pictures of how training goes: the same frames at every stage, so that they can be compared."""

import numpy as np
import torch

from tkn_ros.model.inference import predict_run, to_images, to_tensor
from tkn_ros.model.tkn import TKN
from tkn_ros.video.drawing import rows, strip

CELL = 96  # [pixel]
COLUMNS = 8


@torch.inference_mode()
def training_picture(model: TKN, run: np.ndarray) -> np.ndarray:
    """What came, what is redrawn from its own keypoints, and what is predicted: (h, w, 3) uint8.

    run: window + m frames of the model's size, (n + m, H, W, 3) uint8; the background is that of
    frame n. The model is left in the mode that it was in.
    """
    n, was_training = model.config.window, model.training
    model.eval()
    prediction = predict_run(model, run[:n], len(run) - n)
    future = to_tensor(run[n:]).to(prediction.frames.device)  # (m, 3, H, W)
    redrawn = model.render(model.detector.encode(future)[0][None], prediction.context)[0]
    model.train(was_training)
    return rows(
        [
            (strip(list(f), CELL, CELL, COLUMNS), text)
            for f, text in (
                (run[:n], 'observed, the newest on the right'),
                (run[n:], 'what came'),
                (to_images(redrawn), 'redrawn from its own keypoints'),
                (to_images(prediction.frames), 'predicted'),
            )
        ]
    )
