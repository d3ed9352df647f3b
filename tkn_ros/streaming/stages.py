"""The network cut into the three stages of a running window, rewritten for speed.

encode: one camera frame -> its keypoints and features. predict: a window of keypoints -> the next
ones. draw: keypoints and the newest frame's features -> frames, as bytes. Each is a plain module
whose shapes are fixed when it is exported, so every backend runs the same graph. B is the number
of cameras, m the number of frames drawn.

The weights are copies: later training of the model does not change a stage.
"""

import copy

import torch
from torch import Tensor, nn

from tkn_ros.model.compose import apply_change
from tkn_ros.model.detector import KeypointDetector, keypoints_to_maps
from tkn_ros.model.tkn import TKN
from tkn_ros.model.tkn_sequential import TKNSequential
from tkn_ros.streaming.rewrite import SharedLayer


class Encode(nn.Module):
    """(B, H, W, 3) uint8 -> keypoints (B, K, 3), features h_1 .. h_n."""

    def __init__(self, detector: KeypointDetector):
        super().__init__()
        self.detector = copy.deepcopy(detector).requires_grad_(False)

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        keypoints, features = self.detector.encode(to_float(frames, self.detector))
        return keypoints, *features[1:]


class Predict(nn.Module):
    """One pass of the predictor: (B, n, K, 3) -> (B, n, K, 3), without the residual.

    The residual is added in full precision by the caller: in bfloat16 the newest keypoints
    would lose more than most of them move.
    """

    def __init__(self, model: TKN):
        super().__init__()
        self.predictor = copy.deepcopy(model.predictor).requires_grad_(False)

    def forward(self, keypoints: Tensor) -> Tensor:
        predicted = self.predictor(keypoints)
        return predicted - keypoints[:, -1:] if self.predictor.config.residual else predicted


class Draw(nn.Module):
    """Keypoints (B, m, K, 3), those of the newest frame (B, K, 3), that frame, its h_1 .. h_n.

    The frame is (B, H, W, 3) uint8, and so is what is drawn: (B, m, H, W, 3). `changes` gives the
    decoder's output instead, to be composed at another size. shuffle: transposed convolutions as
    convolutions and pixel shuffles.
    """

    def __init__(self, detector: KeypointDetector, shuffle: bool = True):
        super().__init__()
        detector = copy.deepcopy(detector).requires_grad_(False)
        self.config, self.align = detector.config, detector.align
        self.layers = nn.ModuleList(SharedLayer(layer, shuffle) for layer in detector.decoder)

    def changes(self, keypoints: Tensor, own: Tensor, *features: Tensor) -> Tensor:
        """(B, m, C_out, H, W), of which a "frame" detector's is the picture itself."""
        moves = self.config.output == 'change'
        if moves:  # the newest frame's own keypoints are drawn along, to be compared with
            keypoints = torch.cat([own[:, None], keypoints], 1)  # (B, 1 + m, K, 3)
        b, m = keypoints.shape[:2]
        height, width = features[-1].shape[-2:]
        maps = keypoints_to_maps(keypoints.flatten(0, 1), height, width, self.config.sigma)
        d = self.align(maps).unflatten(0, (b, m))  # (B, m, C, h, w)
        for layer, h in zip(self.layers, reversed(features)):
            d = layer(d, layer.shared(h))  # Eq 14
        return d[:, 1:] - d[:, :1] if moves else d

    def forward(self, keypoints: Tensor, own: Tensor, frame: Tensor, *features: Tensor) -> Tensor:
        d = self.changes(keypoints, own, *features)
        if self.config.output == 'change':
            b, m = d.shape[:2]
            source = to_float(frame, d)[:, None].expand(-1, m, -1, -1, -1).flatten(0, 1)
            d = apply_change(d.flatten(0, 1), source).unflatten(0, (b, m))
        return to_bytes(d)


class PlainDraw(nn.Module):
    """As `Draw`, for networks that it does not know: other structures, TKN-Sequential."""

    def __init__(self, model: TKN):
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)

    def forward(self, keypoints: Tensor, own: Tensor, frame: Tensor, *features: Tensor) -> Tensor:
        return to_bytes(self.model.render(keypoints, [to_float(frame, keypoints), *features]))


def draw_stage(model: TKN, shuffle: bool = True) -> nn.Module:
    """The fast `Draw` where the network allows it, otherwise the network's own way."""
    if model.detector.skips and not isinstance(model, TKNSequential):
        return Draw(model.detector, shuffle)
    return PlainDraw(model)


def to_float(frames: Tensor, like: Tensor | nn.Module) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) in [0, 1] of the type of `like`."""
    dtype = like.dtype if isinstance(like, Tensor) else next(like.parameters()).dtype
    return frames.permute(0, 3, 1, 2).to(dtype) / 255


def to_bytes(frames: Tensor) -> Tensor:
    """(B, m, 3, H, W) in [0, 1] -> (B, m, H, W, 3) uint8."""
    return (frames.clamp(0, 1) * 255).round().permute(0, 1, 3, 4, 2).to(torch.uint8)
