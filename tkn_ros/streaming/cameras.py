"""Several cameras through one network: encoded, predicted and drawn as one batch.

Most backends make a graph for every batch size, which takes seconds. Where not all cameras are in
a batch, it is filled up to one of a few sizes: the next power of two, or all cameras.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import Backend, EagerBackend, render_context
from tkn_ros.streaming.prediction import Observation, Prediction
from tkn_ros.streaming.window import SlidingWindow


class Cameras:
    """A `SlidingWindow` for each name; window, period_ns, backend and stride as there."""

    def __init__(
        self,
        model: TKN,
        names: Sequence[str],
        window: int = 0,
        period_ns: int = 0,
        backend: Backend | None = None,
        stride: int = 1,
    ):
        if not names or len(set(names)) != len(names):
            raise ValueError(f'cameras are {list(names)}, expected one or more different names')
        self.backend = backend or EagerBackend(model)
        self.windows = {
            name: SlidingWindow(model, window, period_ns, self.backend, stride) for name in names
        }

    def push(self, images: Mapping[str, tuple[int, np.ndarray]]) -> dict[str, str]:
        """Encode one frame each, {name: (stamp_ns, (H, W, 3) uint8 RGB)}, of some or all cameras.

        Returns for each of them what `SlidingWindow.push` does.
        """
        reasons = {name: self.windows[name].admit(stamp) for name, (stamp, _) in images.items()}
        new = [name for name, reason in reasons.items() if reason is not None]
        if new:
            frames = [self.windows[name].to_size(images[name][1]) for name in new]
            keypoints, features = self.backend.encode(np.stack(self._filled(frames)))  # (B, K, 3)
            for i, name in enumerate(new):
                stamp, image = images[name]
                self.windows[name].keep(
                    Observation(
                        stamp, keypoints[i], [h[i : i + 1] for h in features], image, frames[i]
                    )
                )
        return {name: reason or '' for name, reason in reasons.items()}

    def predict(self, horizon: int) -> dict[str, Prediction]:
        """One prediction for each camera whose window is full and whose stride is due."""
        due = {name: window.sample() for name, window in self.windows.items() if window.due}
        if not due:
            return {}
        windows = self._filled([keypoints for _, keypoints, _ in due.values()])
        observed = torch.stack(windows)  # (B, n, K, 3)
        predicted = self.backend.predict(observed, horizon)  # (B, m, K, 3)
        return {
            name: self.windows[name].make_prediction(*sample, predicted[i])
            for i, (name, sample) in enumerate(due.items())
        }

    def render(
        self, predictions: Mapping[str, Prediction], size: tuple[int, int] | None = None
    ) -> dict[str, np.ndarray]:
        """The frames of predictions that `predict` gave together: (m, H, W, 3) uint8 each."""
        if not predictions:
            return {}
        filled = self._filled(list(predictions.values()))
        seen = [p.newest for p in filled]
        source_keypoints = torch.stack([o.keypoints for o in seen])  # (B, K, 3)
        keypoints = torch.from_numpy(np.stack([p.predicted for p in filled]))
        features = [torch.cat(h) for h in zip(*(o.features for o in seen))]
        frames, images = (
            np.stack(self._filled(list(pictures)))
            for pictures in zip(
                *(self.windows[name].window_images(p, size) for name, p in predictions.items())
            )
        )
        features, source = render_context(self.backend, features, frames, images)
        frames = self.backend.render(
            keypoints.to(source_keypoints), source_keypoints, features, source
        )
        return dict(zip(predictions, frames))

    def _filled(self, rows: list) -> list:
        """`rows` and their last one again, up to one of the sizes; what comes of it is surplus."""
        power_of_two = 1 << (len(rows) - 1).bit_length()
        return rows + rows[-1:] * (min(power_of_two, len(self.windows)) - len(rows))
