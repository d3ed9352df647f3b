"""TKN: Section III-C, Figs 4 and 7a. All frames at once: one pass each of F, predictor and G.

Fig 7b is in `tkn_sequential.py`, TKN (w/o tp) in `frame_by_frame.py`; `build.py` builds any.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tkn_ros.model.background import BackgroundConfig, BackgroundNet, add_drift, statistics
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.following_config import FollowingConfig
from tkn_ros.model.parts import build_detector, build_predictor
from tkn_ros.model.predictor import PredictorConfig, rollout
from tkn_ros.model.ranges import (
    MAX_MAP,
    MAX_SIDE,
    MAX_WINDOW,
    check_choice,
    check_product,
    check_whole,
)
from tkn_ros.model.warp import apply_change

PROCESSES = ('parallel', 'sequential')


@dataclass(frozen=True)
class TKNConfig:
    """A whole network, and the setting that its weights were trained for.

    window is n, the number of observed frames; height and width are the pixels of its input. Both
    may be chosen otherwise at run time.

    Attributes:
        detector: hyper-parameters of the detector.
        predictor: hyper-parameters of the predictor.
        window: n, frames observed.
        height: of the input [pixel].
        width: of the input [pixel].
        process: "parallel" (TKN) draws all frames on the newest frame's background; "sequential"
            (TKN-Sequential) each one on that of the frame before it.
        background: None, the paper's, leaves the background as it was in the newest frame;
            otherwise it is predicted as in `background.py`, which needs a detector whose output is
            "change".
        following: keypoints are proposed and followed as `following.py` says, and detector and
            predictor are not used; None, the paper's, otherwise.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    window: int = 10
    height: int = 64
    width: int = 64
    process: str = 'parallel'
    background: BackgroundConfig | None = None
    following: FollowingConfig | None = None

    def __post_init__(self) -> None:
        check_whole('window', self.window, 1, MAX_WINDOW)
        for name in ('height', 'width'):
            check_whole(name, getattr(self, name), 8, MAX_SIDE)
        check_choice('process', self.process, PROCESSES)
        self._check_maps()
        if self.following:
            if not self.background or self.process != 'parallel':
                raise ValueError(
                    'followed keypoints need a background network and the process "parallel"'
                )
            return  # detector and predictor are not used
        if self.detector.keypoints != self.predictor.keypoints:
            raise ValueError(
                f'the detector has {self.detector.keypoints} keypoints and the '
                f'predictor {self.predictor.keypoints}; they must be equal'
            )
        form = self.detector.output, self.detector.structure, self.process
        if self.background and form != ('change', 'skip', 'parallel'):
            raise ValueError(
                f"with a background of its own the detector's output and structure "
                f'and the process are "{form[0]}", "{form[1]}" and "{form[2]}"; they '
                'must be "change", "skip" and "parallel"'
            )
        if self.predictor.kind == 'mlp' and self.predictor.window != self.window:
            raise ValueError(
                f'the MLP predictor has weights for a window of '
                f'{self.predictor.window}, and the model a window of {self.window}; '
                'they must be equal'
            )
        if self.predictor.kind == 'sequential' and self.predictor.layers != self.window:
            raise ValueError(
                f'the sequential predictor has {self.predictor.layers} layers and the '
                f'model a window of {self.window}; it needs one layer for each frame'
            )

    def _check_maps(self) -> None:
        """The largest feature map of one frame must fit into memory many times."""
        detector, scale, most = self.detector, 1, 3 * self.window
        for channels, stride in zip(detector.channels, detector.strides):
            scale *= stride
            most = max(most, 0 if self.following else channels // scale**2)
        if self.background:
            most = max(most, *self.background.channels)
        size = self.height * self.width * most
        check_product('height, width, window and channels', size, MAX_MAP)


class TKN(nn.Module):
    """Keypoint detector + predictor, any of them as `config` says."""

    def __init__(self, config: TKNConfig) -> None:
        super().__init__()
        self.config = config
        self.detector = build_detector(config.detector)
        self.predictor = build_predictor(config.predictor)
        self.background = BackgroundNet(config.background) if config.background else None

    def predict_keypoints(self, keypoints: Tensor, horizon: int) -> Tensor:
        """(B, n, K, 3) observed -> (B, horizon, K, 3) predicted, see `rollout`."""
        return rollout(self.predictor, keypoints, horizon)

    def observe(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """All that is taken from a window: (B, n, 3, H, W) in [0, 1] -> keypoints (B, n, K, 3), and
        what `render` draws on: the newest frame's features, as `detector.encode` gives them.

        With a background of its own the window's mean joins the newest frame, (B, 6, H, W), and
        the drift follows as the last of the list.
        """
        keypoints, newest = self.encode(frames)
        return keypoints, self.render_context(newest, frames)

    def encode(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, n, 3, H, W) -> keypoints (B, n, K, 3), and the newest frame's features (B, ..)."""
        b, n = frames.shape[:2]
        keypoints, features = self.detector.encode(frames.flatten(0, 1))
        return keypoints.unflatten(0, (b, n)), [h.unflatten(0, (b, n))[:, -1] for h in features]

    def render_context(self, features: list[Tensor], frames: Tensor) -> list[Tensor]:
        """The newest frame's features (B, ..) and its window (B, n, 3, H, W) as `observe` gives
        them."""
        if not self.background:
            return features
        newest = torch.cat([features[0], frames.mean(1)], 1)  # (B, 6, H, W)
        return [newest, *features[1:], self.background(statistics(frames))]

    def render(self, keypoints: Tensor, features: list[Tensor], first: int = 1) -> Tensor:
        """(B, m, K, 3) keypoints on one background for each of B -> frames (B, m, 3, H, W).

        All m frames are decoded as one batch. `features` is what `observe` gave (B, ..); `first` is
        the first frame's number of steps into the future.

        Args:
            keypoints: (B, m, K, 3) to draw.
            features: of the source, as `encode` gives them.
            first: number of the first step into the future.
        """
        b, m = keypoints.shape[:2]
        if not self.background:
            shared = (
                features
                if b == 1
                else [h[:, None].expand(-1, m, -1, -1, -1).flatten(0, 1) for h in features]
            )
            return self.detector.decode(keypoints.flatten(0, 1), shared).unflatten(0, (b, m))
        change = self.detector.change(keypoints, features[:-1])  # (B, m, 5, H, W)
        return self.render_change(change, features, first)

    def render_change(self, change: Tensor, features: list[Tensor], first: int = 1) -> Tensor:
        """As `render`, from the change that keypoints make, (B, m, 5, H, W), on a background that
        goes on.

        Args:
            change: of the decoder, (B, m, 5, h, w).
            features: of the source, as `encode` gives them.
            first: number of the first step into the future.
        """
        b, m = change.shape[:2]
        change = add_drift(change, features[-1], self.config.window, first)  # (B, m, 6, H, W)
        source = features[0][:, None].expand(-1, m, -1, -1, -1)  # (B, m, 6, H, W)
        return apply_change(change.flatten(0, 1), source.flatten(0, 1)).unflatten(0, (b, m))

    def forward(self, frames: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """Eq 1: (B, n, 3, H, W) in [0, 1] -> frames (B, horizon, 3, H, W), keypoints (B, .., K, 3).

        The window is encoded as one batch; the background is that of its newest frame.
        """
        keypoints, features = self.observe(frames)
        predicted = self.predict_keypoints(keypoints, horizon)
        return self.render(predicted, features), predicted
