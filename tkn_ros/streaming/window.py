"""The sliding window: each frame is encoded once, its keypoints kept in a ring by their stamp.

Encoding depends on one frame alone, so a new window costs one frame's encoding instead of n
(the paper's Section VI encodes all n again). Keypoints come first and cheap; frames are decoded
only when asked for.
"""

from collections import deque

import cv2
import numpy as np
import torch
from torch import Tensor

from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import Backend, EagerBackend, render_context
from tkn_ros.streaming.prediction import Observation, Prediction

MAX_GAP = 4.5  # frame periods without a frame, after which older keypoints no longer tell of now
RATE_SAMPLES = 30  # intervals whose median is the camera's frame period


class SlidingWindow:
    """Turns a stream of stamped frames into predictions.

    window: n, frames observed; 0 takes the model's own. period_ns: time between two samples of
    the window; 0 follows the camera (median of its recent intervals). The window is sampled by
    stamp: at each of its n moments the keypoints of the nearest frame within half a period are
    taken, and where a frame was lost they are interpolated between its neighbours.

    stride: a prediction is `due` after so many frames; the paper's periodic correction, where
    prediction runs at N times the camera's rate, is horizon / N. backend: what runs the network,
    see `choose.make_backend`; None for eager PyTorch.
    """

    def __init__(
        self,
        model: TKN,
        window: int = 0,
        period_ns: int = 0,
        backend: Backend | None = None,
        stride: int = 1,
    ):
        self.model = model
        self.backend = backend or EagerBackend(model)
        self.device = self.backend.device
        if stride < 1:
            raise ValueError(f'stride is {stride}, expected at least 1 frame')
        self.stride = stride
        self._since_prediction = stride
        self.window = window or model.config.window
        if self.window < 1:
            raise ValueError(f'window is {window}, expected at least 1 frame')
        self.fixed_period_ns = period_ns
        self.resets = 0
        self._ring: deque[Observation] = deque()
        self._intervals: deque[int] = deque(maxlen=RATE_SAMPLES)

    @property
    def cells(self) -> tuple[int, int]:
        """(height, width) of the grid whose outermost cells' centres are -1 and 1."""
        config = self.model.config
        stride = config.detector.total_stride
        return config.height // stride, config.width // stride

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def period_ns(self) -> int:
        """Time between two samples of the window [ns]; 0 while it is not known yet."""
        if self.fixed_period_ns:
            return self.fixed_period_ns
        return self._camera_ns

    @property
    def _camera_ns(self) -> int:
        """The camera's own period [ns]; 0 while it is not known yet."""
        intervals = list(self._intervals)  # another thread may ask while `clear` is at work
        return int(np.median(intervals)) if intervals else 0

    @property
    def _max_gap_ns(self) -> float:
        # the camera's own period counts too: it may be slower than the samples asked for
        return MAX_GAP * max(self.period_ns, self._camera_ns)

    def clear(self) -> None:
        """Forget all frames (and the camera's rate, which may have changed with the source)."""
        self._ring.clear()
        self._intervals.clear()

    def push(self, stamp_ns: int, image: np.ndarray) -> str:
        """Encode one frame, (H, W, 3) uint8 RGB of any size, and add it to the window.

        Returns why the window was emptied before it, or '' (the usual case). A frame with the
        stamp of the newest one is a duplicate and changes nothing.
        """
        reason = self.admit(stamp_ns)
        if reason is None:
            return ''
        frame = self.to_size(image)
        keypoints, features = self.backend.encode(frame[None])  # (1, K, 3)
        self.keep(Observation(stamp_ns, keypoints[0], features, image, frame))
        return reason

    def admit(self, stamp_ns: int) -> str | None:
        """The first half of `push`: note the time of a new frame, None for a duplicate's."""
        reason = ''
        if self._ring:
            interval = stamp_ns - self._ring[-1].stamp_ns
            if interval == 0:
                return None
            reason = self._discontinuity(interval)
            if reason:
                self.clear()
                self.resets += 1
            else:
                self._intervals.append(interval)
        return reason

    def keep(self, observation: Observation) -> None:
        """The second half of `push`: the encoded frame joins the ring."""
        self._ring.append(observation)
        self._since_prediction += 1
        self._trim()

    def _discontinuity(self, interval: int) -> str:
        if interval < 0:
            return f'time went back by {-interval / 1e9:.3f} s'
        if self._intervals and interval > self._max_gap_ns:
            return f'no frame came for {interval / 1e9:.3f} s'
        return ''

    def to_size(self, image: np.ndarray) -> np.ndarray:
        """Any (H, W, 3) uint8 at the network's size."""
        config = self.model.config
        return cv2.resize(image, (config.width, config.height), interpolation=cv2.INTER_AREA)

    def _trim(self) -> None:
        """Keep what the window can still need: of older frames the features are not, and pictures
        only where the background goes on."""
        if len(self._ring) > 1:
            old, kept = self._ring[-2], self.model.config.background is not None
            self._ring[-2] = Observation(
                old.stamp_ns,
                old.keypoints,
                [],
                old.image if kept else _NOTHING,
                old.frame if kept else _NOTHING,
            )
        oldest = self._ring[-1].stamp_ns - (self.window + 1) * self.period_ns
        while len(self._ring) > self.window + 1 and self._ring[1].stamp_ns <= oldest:
            self._ring.popleft()

    def sample(self) -> tuple[list[int], Tensor, list[Observation]] | None:
        """Stamps, keypoints (n, K, 3) and nearest frames of the window's n moments.

        None while it is not full.
        """
        period = self.period_ns
        if not self._ring or (not period and self.window > 1):
            return None
        newest = self._ring[-1].stamp_ns
        moments = [newest - (self.window - 1 - i) * period for i in range(self.window)]
        stamps = np.array([o.stamp_ns for o in self._ring])
        if moments[0] < stamps[0] - period // 2:
            return None
        picked, seen = [], []
        for moment in moments:
            after = min(int(np.searchsorted(stamps, moment)), len(stamps) - 1)
            before = max(after - 1, 0)
            near = before if moment - stamps[before] < stamps[after] - moment else after
            seen.append(self._ring[near])
            if abs(int(stamps[near]) - moment) * 2 <= period:
                picked.append(self._ring[near].keypoints)
            elif stamps[after] - stamps[before] > self._max_gap_ns:
                return None  # only the first interval can be so long: no rate was known by then
            else:  # a lost frame
                share = (moment - stamps[before]) / (stamps[after] - stamps[before])
                picked.append(
                    torch.lerp(
                        self._ring[before].keypoints, self._ring[after].keypoints, float(share)
                    )
                )
        return moments, torch.stack(picked), seen

    @property
    def ready(self) -> bool:
        """True once `predict` has all the frames that it needs."""
        return self.sample() is not None

    @property
    def due(self) -> bool:
        """True if the window is full and `stride` frames have come since the last prediction."""
        return self._since_prediction >= self.stride and self.ready

    def predict(self, horizon: int) -> Prediction | None:
        """The next `horizon` keypoint sets, or None while the window is not full."""
        sample = self.sample()
        if sample is None:
            return None
        moments, observed, seen = sample
        predicted = self.backend.predict(observed[None], horizon)[0]  # (m, K, 3)
        return self.make_prediction(moments, observed, seen, predicted)

    def make_prediction(
        self, moments: list[int], observed: Tensor, seen: list[Observation], predicted: Tensor
    ) -> Prediction:
        """What `predict` makes of a sample of the window and the keypoints predicted from it."""
        self._since_prediction = 0
        horizon = len(predicted)
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
        frames, images = self.window_images(prediction, size)
        features, source = render_context(
            self.backend, prediction.newest.features, frames[None], images[None]
        )
        return self.backend.render(keypoints, source_keypoints, features, source)[0]

    def window_images(
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
        return frames, np.stack([_resize(o.image, size) for o in seen])


def make_window(
    model: TKN, window: int = 0, period_ns: int = 0, backend: Backend | None = None
) -> SlidingWindow:
    """The window for a model's form; the arguments are those of `SlidingWindow`."""
    return SlidingWindow(model, window, period_ns, backend)


_NOTHING = np.empty((0, 0, 3), np.uint8)


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    shrinks = height < image.shape[0] or width < image.shape[1]
    return cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
