"""The sliding window of networks whose keypoints are followed (`model/following.py`)."""

from collections import deque

import cv2
import numpy as np
import torch

from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.motion_detector import EARLIER
from tkn_ros.model.predictor import check_horizon, rollout
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.follower import LEAST_KNOWN, Follower
from tkn_ros.streaming.point_flow import GREY_WIDTH, to_small
from tkn_ros.streaming.prediction import Observation, Prediction, from_pixels
from tkn_ros.streaming.window import SlidingWindow

HISTORY = 4  # windows of positions kept, for windows that are sampled more slowly than frames come


class FollowingWindow(SlidingWindow):
    """As `SlidingWindow`, with a `Follower` between detector and predictor.

    A moment at which a point was not seen counts as unknown for that point alone.

    Args:
        model: in evaluation mode.
        window: n, frames observed; 0 takes the model's own.
        period_ns: time between two samples of the window [ns]; 0 follows the camera.
        backend: what runs the network; None for eager PyTorch.
    """

    model: FollowingTKN

    def __init__(
        self,
        model: FollowingTKN,
        window: int = 0,
        period_ns: int = 0,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(model, window, period_ns, backend)
        config = model.following
        self.follower = Follower(config.keypoints, HISTORY * self.window + 1, self.window)
        self._small: deque[np.ndarray] = deque(maxlen=max(EARLIER) + 1)
        self._grey: np.ndarray = np.empty((0, 0), np.uint8)

    @property
    def cells(self) -> tuple[int, int]:
        config = self.model.following.detector
        return config.height // 2, config.width // 2

    def clear(self) -> None:
        super().clear()
        self.follower.clear()
        self._small.clear()

    def push(self, stamp_ns: int, image: np.ndarray) -> str:
        height, width = image.shape[:2]
        changed = bool(self._ring) and self._ring[-1].image.shape[:2] != (height, width)
        if changed:  # points of another picture mean nothing
            self.clear()
            self.resets += 1
        reason = super().push(stamp_ns, image)
        return f'the picture became {width}x{height}' if changed else reason

    def _observe(self, stamp_ns: int, image: np.ndarray) -> Observation:
        small = to_small(image)
        source = small if image.shape[1] > GREY_WIDTH else image  # shrinking twice is cheaper
        self._small.append(self._to_detector(source))
        frames = np.stack([self._small[-1 - min(k, len(self._small) - 1)] for k in (0, *EARLIER)])
        motion = self.backend.run('detect', torch.from_numpy(frames)[None])[0]
        self._grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        self.follower.push(self._grey, motion[0].float().cpu().numpy())
        return Observation(stamp_ns, _NO_KEYPOINTS, [], image, self._to_size(source))

    def _to_detector(self, image: np.ndarray) -> np.ndarray:
        config = self.model.following.detector
        return cv2.resize(image, (config.width, config.height), interpolation=cv2.INTER_AREA)

    def _trim(self) -> None:
        oldest = self._ring[-1].stamp_ns - (self.window + 1) * self.period_ns
        most = self.follower.history
        while len(self._ring) > most or (
            len(self._ring) > self.window + 1 and self._ring[1].stamp_ns <= oldest
        ):
            self._ring.popleft()

    def predict(self, horizon: int) -> Prediction | None:
        check_horizon(horizon)
        found = self.moments()
        if found is None:
            return None
        moments, weights, seen = found
        tracks, known = self._positions(weights)
        active = self.follower.active & (known.sum(0) >= min(LEAST_KNOWN, self.window))
        length = max(horizon, self.window)  # what is drawn needs the whole window's length
        means, sigmas = self._predict(tracks, known, active, length)
        size = self._grey.shape
        intensity = self.follower.intensity

        def model_units(pixels: np.ndarray) -> np.ndarray:
            xy = from_pixels(pixels, self.cells, size)
            v = np.broadcast_to(intensity, xy.shape[:-1])
            return np.concatenate([xy, v[..., None]], -1).astype(np.float32)

        ends = np.stack([tracks[-1], means[self.window // 2 - 1], means[self.window - 1]])
        period = self.period_ns
        return Prediction(
            period,
            moments,
            model_units(tracks),
            [moments[-1] + (j + 1) * period for j in range(horizon)],
            model_units(means[:horizon]),
            seen,
            self.cells,
            active,
            known,
            sigmas[:horizon] / GREY_WIDTH,
            self.follower.ids.copy(),
            ((ends + 0.5) / size[::-1]).astype(np.float32),
        )

    def _positions(self, weights: list[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray]:
        """Tracks (n, K, 2) float32 and known (n, K) at moments between frames of the ring."""
        count = len(self._ring)
        tracks, known = self.follower.tracks[-count:], self.follower.known[-count:]
        positions, seen = [], []
        for before, after, share in weights:
            positions.append(tracks[before] * (1 - share) + tracks[after] * share)
            seen.append(known[before] & known[after])
        return np.stack(positions).astype(np.float32), np.stack(seen)

    def _predict(
        self, tracks: np.ndarray, known: np.ndarray, active: np.ndarray, horizon: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Means (horizon, K, 2) and sigmas (horizon, K) in pixels of the grey picture."""
        present = torch.from_numpy(active).float()[None]

        def next_window(window: torch.Tensor) -> torch.Tensor:  # (1, n, K, 4): x, y, known, sigma
            mean, sigma = self.backend.run('tracks', window[..., :2], window[..., 2], present)
            sigma = (sigma.square() + window[:, -1:, :, 3].square()).sqrt()  # independent errors
            return torch.cat([mean, torch.ones_like(sigma)[..., None], sigma[..., None]], -1)

        seen = known[..., None].astype(np.float32)  # (n, K, 1)
        observed = torch.from_numpy(np.concatenate([tracks, seen, np.zeros_like(seen)], -1))[None]
        future = rollout(next_window, observed, horizon)[0].float().cpu().numpy()
        return future[..., :2], future[..., 3]

    def render(self, prediction: Prediction, size: tuple[int, int] | None = None) -> np.ndarray:
        frames, images = self._images(prediction, size)
        drift = self.backend.run(
            'drift',
            torch.from_numpy(frames)[None],
            torch.from_numpy(prediction.ends)[None],
            torch.from_numpy(prediction.active.astype(np.float32))[None],
        )[0]
        mean = np.rint(images.mean(0, dtype=np.float32)).astype(np.uint8)
        source = np.concatenate([images[-1], mean], -1)[None]  # (1, H, W, 6)
        steps = torch.arange(1, len(prediction.predicted) + 1, dtype=torch.float32)
        drawn = self.backend.run('compose', torch.from_numpy(source), drift, steps)
        return drawn[0][0].cpu().numpy()


_NO_KEYPOINTS = torch.empty(0, 3)
