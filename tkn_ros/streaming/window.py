"""The sliding window: each frame is encoded once, its keypoints kept in a ring by their stamp.

Encoding depends on one frame alone, so a new window costs one frame's encoding instead of n
(the paper's Section VI encodes all n again). Keypoints come first and cheap; frames are decoded
only when asked for.
"""

from collections import deque
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.streaming.backends.base import Backend, render_context
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.prediction import Observation, Prediction
from tkn_ros.streaming.rate import MAX_GAP, FrameRate

LATE = 2.0  # frame periods by which a frame may come after a newer one, and is passed over ..
LATE_IN_A_ROW = 3  # .. unless as many in a row do: then it is the time that went back


class SlidingWindow:
    """Turns a stream of stamped frames into predictions.

    The window is sampled by stamp: at each of its n moments the keypoints of the nearest frame
    within half a period are taken, and where a frame was lost they are interpolated between its
    neighbours.

    Args:
        model: in evaluation mode.
        window: n, frames observed; 0 takes the model's own.
        period_ns: time between two samples of the window [ns]; 0 follows the camera.
        backend: what runs the network, see `select.make_backend`; None for eager PyTorch.

    Attributes:
        has_keypoints: whether predictions have any; otherwise they are frames alone.
    """

    has_keypoints = True

    def __init__(
        self,
        model: AnyNetwork,
        window: int = 0,
        period_ns: int = 0,
        backend: Backend | None = None,
    ) -> None:
        self.model = model
        self.backend = backend or EagerBackend(model)
        self.device = self.backend.device
        self.window = window or model.config.window
        if self.window < 1:
            raise ValueError(f'window is {window}, expected at least 1 frame')
        self.fixed_period_ns = period_ns
        self.resets = 0
        self.late = 0  # frames passed over, since a newer one was there
        self.rate = FrameRate()
        self._ring: deque[Observation] = deque()
        self._late_in_a_row = 0

    @property
    def cells(self) -> tuple[int, int]:
        """(height, width) of the grid whose outermost cells' centres are -1 and 1."""
        config = self.model.config
        assert isinstance(config, TKNConfig)  # networks of other kinds have windows of their own
        stride = config.detector.total_stride
        return config.height // stride, config.width // stride

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def period_ns(self) -> int:
        """Time between two samples of the window [ns]; 0 while it is not known yet."""
        if self.fixed_period_ns:
            return self.fixed_period_ns
        return self.rate.period_ns

    @property
    def _max_gap_ns(self) -> float:
        # the camera's own period counts too: it may be slower than the samples asked for
        return max(MAX_GAP * self.period_ns, self.rate.max_gap_ns)

    def clear(self) -> None:
        """Forget all frames (and the camera's rate, which may have changed with the source)."""
        self._ring.clear()
        self.rate = FrameRate()
        self._late_in_a_row = 0

    def _restart(self, interval: int) -> None:
        """Forget all frames; the camera's rate is kept until it is measured again."""
        rate = self.rate
        self.clear()
        self.rate = rate
        rate.restart(interval)
        self.resets += 1

    def push(self, stamp_ns: int, image: np.ndarray) -> str:
        """Encode one frame, (H, W, 3) uint8 RGB of any size, and add it to the window.

        Returns why the window was emptied before it, or '' (the usual case). A frame with the
        stamp of the newest one is a duplicate and changes nothing; nor does one that comes a little
        late, after a newer one.
        """
        reason = self._admit(stamp_ns)
        if reason is None:
            return ''
        self._ring.append(self._observe(stamp_ns, image))
        self._trim()
        return reason

    def _admit(self, stamp_ns: int) -> str | None:
        """Note the time of a new frame: why the window was emptied, or None for one to pass over.

        That is one with the newest one's stamp, or one that was overtaken by it.
        """
        if not self._ring:
            return ''
        interval = stamp_ns - self._ring[-1].stamp_ns
        if interval == 0:
            return None
        if 0 > interval > -LATE * self.rate.period_ns:
            self.late += 1
            self._late_in_a_row += 1
            if self._late_in_a_row < LATE_IN_A_ROW:
                return None
        self._late_in_a_row = 0
        reason = self._discontinuity(interval)
        if reason:
            self._restart(interval)
        else:
            self.rate.add(interval)
        return reason

    def _observe(self, stamp_ns: int, image: np.ndarray) -> Observation:
        frame = self._to_size(image)
        keypoints, features = self.backend.encode(frame[None])  # (1, K, 3)
        return Observation(stamp_ns, keypoints[0], features, image, frame)

    def _to_size(self, image: np.ndarray) -> np.ndarray:
        """Any (H, W, 3) uint8 at the network's size."""
        config = self.model.config
        return cv2.resize(image, (config.width, config.height), interpolation=cv2.INTER_AREA)

    def _discontinuity(self, interval: int) -> str:
        if interval < 0:
            return f'time went back by {-interval / 1e9:.3f} s'
        if self.rate.known and interval > self._max_gap_ns:
            return f'no frame came for {interval / 1e9:.3f} s'
        return ''

    def _kept(self, old: Observation) -> Observation:
        """What is needed of a frame once a newer one is there: not its features, and its pictures
        only where the background goes on."""
        if self.model.config.background is not None:
            return replace(old, features=[])
        return replace(old, features=[], image=NOTHING, frame=NOTHING)

    def _trim(self) -> None:
        """Keep what the window can still need."""
        if len(self._ring) > 1:
            self._ring[-2] = self._kept(self._ring[-2])
        oldest = self._ring[-1].stamp_ns - (self.window + 1) * self.period_ns
        while len(self._ring) > self.window + 1 and self._ring[1].stamp_ns <= oldest:
            self._ring.popleft()

    def moments(self) -> tuple[list[int], list[tuple[int, int, float]], list[Observation]] | None:
        """The window's n moments, where they lie in the ring, and the nearest frames.

        Where: (before, after, share) for each, two frames' places in the ring and how far the
        moment is from the first to the second; the same place twice for a frame that is near
        enough. None while the window is not full.
        """
        period = self.period_ns
        if not self._ring or (not period and self.window > 1):
            return None
        newest = self._ring[-1].stamp_ns
        moments = [newest - (self.window - 1 - i) * period for i in range(self.window)]
        stamps = np.array([o.stamp_ns for o in self._ring])
        if moments[0] < stamps[0] - period // 2:
            return None
        where, seen = [], []
        for moment in moments:
            after = min(int(np.searchsorted(stamps, moment)), len(stamps) - 1)
            before = max(after - 1, 0)
            near = before if moment - stamps[before] < stamps[after] - moment else after
            seen.append(self._ring[near])
            if abs(int(stamps[near]) - moment) * 2 <= period:
                where.append((near, near, 0.0))
            elif stamps[after] - stamps[before] > self._max_gap_ns:
                return None  # only the first interval can be so long: no rate was known by then
            else:  # a lost frame
                share = (moment - stamps[before]) / (stamps[after] - stamps[before])
                where.append((before, after, float(share)))
        return moments, where, seen

    def sample(self) -> tuple[list[int], Tensor, list[Observation]] | None:
        """Stamps, keypoints (n, K, 3) and nearest frames of the window's n moments.

        None while it is not full.
        """
        found = self.moments()
        if found is None:
            return None
        moments, where, seen = found
        ring = [o.keypoints for o in self._ring]
        picked = [ring[a] if a == b else torch.lerp(ring[a], ring[b], s) for a, b, s in where]
        return moments, torch.stack(picked), seen

    @property
    def ready(self) -> bool:
        """True once `predict` has all the frames that it needs."""
        return self.moments() is not None

    def predict(self, horizon: int) -> Prediction | None:
        """The next `horizon` keypoint sets, or None while the window is not full."""
        sample = self.sample()
        if sample is None:
            return None
        moments, observed, seen = sample
        predicted = self.backend.predict(observed[None], horizon)[0]  # (m, K, 3)
        period = self.period_ns
        return Prediction(
            period,
            moments,
            observed.float().cpu().numpy(),
            [moments[-1] + (j + 1) * period for j in range(horizon)],
            predicted.float().cpu().numpy(),
            seen,
            self.cells,
        )

    def render(self, prediction: Prediction, size: tuple[int, int] | None = None) -> np.ndarray:
        """All predicted frames, decoded as one batch: (m, H, W, 3) uint8 RGB.

        size: (height, width); None for the model's own. Models whose output is a change move
        the newest frame in its full detail at any size; the paper's own are enlarged.
        """
        source_keypoints = prediction.newest.keypoints[None]  # (1, K, 3)
        keypoints = torch.from_numpy(prediction.predicted)[None].to(
            source_keypoints
        )  # (1, m, K, 3)
        frames, images = self._images(prediction, size)
        features, source = render_context(
            self.backend, prediction.newest.features, frames[None], images[None]
        )
        return self.backend.render(keypoints, source_keypoints, features, source)[0]

    def _images(
        self,
        prediction: Prediction,
        size: tuple[int, int] | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """What to draw on, at the network's size and at `size`: (n or 1, H, W, 3) uint8 each.

        Only the newest frame where the background does not go on.
        """
        seen = prediction.seen if self.model.config.background else prediction.seen[-1:]
        frames = np.stack([o.frame for o in seen])
        if not size or size == frames.shape[1:3]:
            return frames, frames
        return frames, np.stack([o.at_size(size) for o in seen])


NOTHING = np.empty((0, 0, 3), np.uint8)
