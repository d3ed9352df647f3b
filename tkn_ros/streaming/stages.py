"""The network cut into the stages of a running window, rewritten for speed.

encode: one camera frame -> its keypoints and features. predict: a window of keypoints -> the next
ones. draw: keypoints and the newest frame's features -> frames, as bytes. background, of networks
that have one: a window of frames -> how the newest one goes on. Networks without keypoints have
one stage, frames. Each is a plain module whose shapes are fixed when it is exported, so every
backend runs the same graph. B is the number of cameras, m the number of frames drawn.

The weights are copies: later training of the model does not change a stage.
"""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.frames import Baseline
from tkn_ros.model.background import add_drift, statistics
from tkn_ros.model.detector import KeypointDetector, keypoints_to_maps
from tkn_ros.model.detector_layers import DecoderLayer
from tkn_ros.model.tkn import TKN
from tkn_ros.model.variants.tkn_sequential import TKNSequential
from tkn_ros.model.warp import apply_change
from tkn_ros.streaming.rewrites import SharedLayer

Module = TypeVar('Module', bound=nn.Module)


class Encode(nn.Module):
    """(B, H, W, 3) uint8 -> keypoints (B, K, 3), features h_1 .. h_n."""

    def __init__(self, detector: KeypointDetector) -> None:
        super().__init__()
        self.detector = frozen_copy(detector)

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        detector = self.detector
        frames = to_float(frames, dtype_of(detector.encoder))
        if not detector.skips:
            keypoints, features = detector.encode(frames)
            return keypoints, *features[1:]
        features = [frames]
        for layer in detector.encoder:
            features.append(layer(features[-1]))
        # in half precision a coordinate would be off by a pixel's fraction at every frame
        return detector.coordinates(features[-1].to(dtype_of(detector.coordinates))), *features[1:]


class Predict(nn.Module):
    """One pass of the predictor: (B, n, K, 3) -> (B, n, K, 3), less the newest keypoints if it is
    residual.

    The caller adds those in full precision: in bfloat16 they would lose more than most of them
    move.
    """

    def __init__(self, model: TKN) -> None:
        super().__init__()
        self.predictor = frozen_copy(model.predictor)

    def forward(self, keypoints: Tensor) -> Tensor:
        observed = keypoints.to(dtype_of(self))
        predicted = self.predictor(observed)
        if self.predictor.config.residual:
            predicted = predicted - observed[:, -1:]
        return predicted.to(keypoints.dtype)


def next_window(stage: Callable[[Tensor], Tensor], residual: bool) -> Callable[[Tensor], Tensor]:
    """The whole predictor from its stage `Predict`: (B, n, K, 3) -> (B, n, K, 3)."""

    def predict(window: Tensor) -> Tensor:
        following = stage(window)
        return following + window[:, -1:] if residual else following

    return predict


class Background(nn.Module):
    """A window of frames, (B, n, H, W, 3) uint8 -> the background's drift, (B, 13, H, W)."""

    def __init__(self, model: TKN) -> None:
        super().__init__()
        if model.background is None:
            raise ValueError('the network has no background network')
        self.net = frozen_copy(model.background)

    def forward(self, frames: Tensor) -> Tensor:
        kind = dtype_of(self.net)
        exact = kind if kind.itemsize >= 4 else torch.float32  # differences of like numbers
        window = frames.permute(0, 1, 4, 2, 3).to(exact) / 255  # (B, n, 3, H, W)
        return self.net(statistics(window).to(kind)).to(exact)


def source_and_mean(frames: Tensor) -> Tensor:
    """(B, n, H, W, 3) uint8, a window -> (B, H, W, 6): newest frame and mean, for `Render`."""
    mean = frames.float().mean(1).round().to(torch.uint8)
    return torch.cat([frames[:, -1], mean], -1)


class Render(nn.Module):
    """Draws predicted frames with the source's half of each convolution computed once.

    Args:
        detector: whose decoder is taken.
        shuffle: as of `SharedLayer`.
        channel_norm: as of `SharedLayer`.
        window: n, frames observed; 0 where the background does not go on.
    """

    def __init__(
        self,
        detector: KeypointDetector,
        shuffle: bool = True,
        channel_norm: bool = False,
        window: int = 0,
    ) -> None:
        super().__init__()
        detector = frozen_copy(detector)
        self.window = window
        self.config, self.align = detector.config, detector.align
        self.layers = nn.ModuleList()
        for layer in detector.decoder:
            assert isinstance(layer, DecoderLayer)
            self.layers.append(SharedLayer(layer, shuffle, channel_norm))

    def decode(self, keypoints: Tensor, source_keypoints: Tensor, features: list[Tensor]) -> Tensor:
        """The decoder's output d_n, or by how much it differs from that for the frame's own
        keypoints: (B, m, C_out, H, W).

        Args:
            keypoints: (B, K, 3) of the targets, or (B, m, K, 3) in the stage `Render`.
            source_keypoints: (B, K, 3), those of the newest frames.
            features: of the source, as `encode` gives them.
        """
        moves = self.config.output == 'change'
        if moves:  # drawn along with the others
            keypoints = torch.cat([source_keypoints[:, None], keypoints], 1)  # (B, 1 + m, K, 3)
        b, m = keypoints.shape[:2]
        height, width = features[-1].shape[-2:]
        maps = keypoints_to_maps(keypoints.flatten(0, 1), height, width, self.config.sigma)
        d = self.align(maps.to(dtype_of(self))).unflatten(0, (b, m))  # (B, m, C, h, w)
        for layer, h in zip(self.layers, reversed(features)):
            d = layer(d, h.to(d.dtype))  # Eq 14
        return d[:, 1:] - d[:, :1] if moves else d

    def compose(self, d: Tensor, source: Tensor) -> Tensor:
        """d_n (B, m, C_out, h, w) and (B, 3 or 6, H, W) in [0, 1] -> frames (B, m, 3, H, W)."""
        b, m = d.shape[:2]
        d = d.flatten(0, 1)
        if self.config.output == 'change':
            d = apply_change(d, source[:, None].expand(-1, m, -1, -1, -1).flatten(0, 1))
        elif d.shape[-2:] != source.shape[-2:]:
            d = F.interpolate(d, source.shape[-2:], mode='bilinear', align_corners=False)
        return d.unflatten(0, (b, m))

    def forward(
        self, keypoints: Tensor, source_keypoints: Tensor, frame: Tensor, *features: Tensor
    ) -> Tensor:
        """Frames (B, m, H, W, 3) uint8 of the size of `frame`.

        Args:
            keypoints: (B, m, K, 3) to draw.
            source_keypoints: (B, K, 3), those of the newest frame.
            frame: the newest frame, (B, H, W, 3) uint8, at any size: see `KeypointDetector.decode`.
                Where the background goes on, (B, H, W, 6): then the window's mean.
            features: the newest frame's h_1 .. h_n; where the background goes on, then the drift.
        """
        maps = list(features)
        drift = maps.pop() if self.window else None
        d = self.decode(keypoints, source_keypoints, maps).to(keypoints.dtype)
        if drift is not None:
            d = add_drift(d, drift, self.window)  # (B, m, 6, h, w)
        return to_bytes(self.compose(d, to_float(frame, keypoints.dtype)))


class PlainRender(nn.Module):
    """As `Render`, for networks that it does not know: other structures, TKN-Sequential.

    At another size than the network's the picture is resized.
    """

    def __init__(self, model: TKN) -> None:
        super().__init__()
        self.model = frozen_copy(model)

    def forward(
        self, keypoints: Tensor, source_keypoints: Tensor, frame: Tensor, *features: Tensor
    ) -> Tensor:
        """Frames (B, m, H, W, 3) uint8 of the size of `frame`.

        Args:
            keypoints: (B, m, K, 3) to draw.
            source_keypoints: (B, K, 3), not used.
            frame: the newest frame, (B, H, W, 3) uint8, at any size.
            features: the newest frame's h_1 .. h_n.
        """
        source = to_float(frame, keypoints.dtype)
        size = [side * self.model.config.detector.total_stride for side in features[-1].shape[-2:]]
        small = F.interpolate(source, size, mode='bilinear', antialias=False)
        frames = self.model.render(keypoints, [small, *features])  # (B, m, 3, h, w)
        if frames.shape[-2:] != source.shape[-2:]:
            frames = F.interpolate(
                frames.flatten(0, 1), source.shape[-2:], mode='bilinear', align_corners=False
            ).unflatten(0, frames.shape[:2])
        return to_bytes(frames)


def render_stage(model: TKN, shuffle: bool = True, channel_norm: bool = False) -> nn.Module:
    """The fast `Render` where the network allows it, otherwise the network's `render`.

    Args:
        model: the network.
        shuffle: transposed convolutions as convolutions and pixel shuffles.
        channel_norm: group norms by the means of channels.
    """
    if model.detector.skips and not isinstance(model, TKNSequential):
        window = model.config.window if model.background else 0
        return Render(model.detector, shuffle, channel_norm, window)
    return PlainRender(model)


class Frames(nn.Module):
    """Of networks without keypoints: a window and steps (m,) -> the next m frames.

    (B, n, H, W, 3) uint8 -> (B, m, H, W, 3) uint8, and their sum as it was before rounding, which
    is a finite number if they all were. Only the number of the steps counts, which thus is a part
    of the shapes that a graph is made for.
    """

    def __init__(self, model: Baseline) -> None:
        super().__init__()
        self.net = frozen_copy(model)

    def forward(self, frames: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        window = frames.permute(0, 1, 4, 2, 3).to(dtype_of(self)) / 255  # (B, n, 3, H, W)
        drawn = self.net(window, int(steps.shape[0])).float()
        return to_bytes(drawn), drawn.sum()


def all_stages(
    model: TKN,
    shuffle: bool = True,
    channel_norm: bool = False,
) -> dict[str, nn.Module]:
    """'encode', 'predict', 'draw' and, where the background goes on, 'background'.

    Args:
        model: the network.
        shuffle: transposed convolutions as convolutions and pixel shuffles.
        channel_norm: group norms by the means of channels.
    """
    stages = {
        'encode': Encode(model.detector),
        'predict': Predict(model),
        'draw': render_stage(model, shuffle, channel_norm),
    }
    return stages | ({'background': Background(model)} if model.background else {})


def to_half(stage: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Cast to `dtype` all but the coordinates and networks that `Render` does not know."""
    if isinstance(stage, Encode) and stage.detector.skips:
        stage.detector.encoder.to(dtype)
    elif isinstance(stage, (Predict, Render, Background, Frames)):
        stage.to(dtype)
    return stage


def frozen_copy(module: Module) -> Module:
    """A copy that needs no gradients, in evaluation mode."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def dtype_of(module: nn.Module) -> torch.dtype:
    """The type of the module's weights."""
    return next(module.parameters()).dtype


def to_float(frames: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) in [0, 1]."""
    return frames.permute(0, 3, 1, 2).to(dtype) / 255


def to_bytes(frames: Tensor) -> Tensor:
    """(B, m, 3, H, W) in [0, 1] -> (B, m, H, W, 3) uint8."""
    return (frames.clamp(0, 1) * 255).round().permute(0, 1, 3, 4, 2).to(torch.uint8).contiguous()
