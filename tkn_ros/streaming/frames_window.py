"""The sliding window of networks that predict frames from frames and have no keypoints."""

from dataclasses import replace

import numpy as np
import torch

from tkn_ros.baselines.frames import Baseline
from tkn_ros.model.predictor import check_horizon
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.prediction import Observation, Prediction
from tkn_ros.streaming.window import NOTHING, SlidingWindow
from tkn_ros.video.drawing import fit


class FramesWindow(SlidingWindow):
    """As `SlidingWindow`, but the window holds frames and the prediction is made of frames alone.

    At a moment whose frame was lost the nearest one is taken.
    """

    model: Baseline
    has_keypoints = False

    def __init__(
        self,
        model: Baseline,
        window: int = 0,
        period_ns: int = 0,
        backend: Backend | None = None,
    ) -> None:
        if model.config.channels != 3:
            raise ValueError(
                f'the network is for frames of {model.config.channels} channels, and pictures have '
                '3; give weights for 3 channels'
            )
        super().__init__(model, window, period_ns, backend)

    @property
    def cells(self) -> tuple[int, int]:
        return self.model.config.height, self.model.config.width

    def _observe(self, stamp_ns: int, image: np.ndarray) -> Observation:
        return Observation(stamp_ns, torch.empty(0, 3), [], image, self._to_size(image))

    def _kept(self, old: Observation) -> Observation:
        return replace(old, image=NOTHING)

    def predict(self, horizon: int) -> Prediction | None:
        """The next `horizon` frames, or None while the window is not full."""
        check_horizon(horizon)
        found = self.moments()
        if found is None:
            return None
        moments, _, seen = found
        window = torch.from_numpy(np.stack([o.frame for o in seen])[None])  # (1, n, H, W, 3)
        drawn, total = self.backend.run('frames', window, torch.empty(horizon))
        period = self.period_ns
        return Prediction(
            period,
            moments,
            np.empty((self.window, 0, 3), np.float32),
            [moments[-1] + (j + 1) * period for j in range(horizon)],
            np.empty((horizon, 0, 3), np.float32),
            seen,
            self.cells,
            frames=drawn[0].cpu().numpy(),  # (m, H, W, 3)
            frames_finite=bool(torch.isfinite(total).all()),
        )

    def render(self, prediction: Prediction, size: tuple[int, int] | None = None) -> np.ndarray:
        """As `SlidingWindow.render`; at another size than the network's the frames are resized."""
        assert prediction.frames is not None  # one of this window has them
        if size is None:
            return prediction.frames
        return np.stack([fit(frame, *size) for frame in prediction.frames])
