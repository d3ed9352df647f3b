"""Networks small enough for tests, and frames for them."""

import numpy as np
import torch

from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.following_config import FollowingConfig
from tkn_ros.model.motion_detector import MotionDetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.track_predictor import TrackPredictorConfig

WINDOW, SIDE, KEYPOINTS = 4, 32, 5


def small_config(
    output: str = 'change', residual: bool = False, drifts: bool = False, **settings
) -> TKNConfig:
    """Two hundredths of the bundled network; drifts: with a background that goes on."""
    if drifts:
        settings['background'] = BackgroundConfig((8, 8, 8, 8))
    return TKNConfig(
        DetectorConfig(
            keypoints=KEYPOINTS,
            channels=(6, 8, 8),
            strides=(1, 2, 2),
            kernels=(3, 3, 3),
            groups=2,
            output=output,
        ),
        PredictorConfig(
            keypoints=KEYPOINTS,
            d_model=16,
            layers=1,
            heads=2,
            d_head=8,
            d_inner=24,
            residual=residual,
        ),
        **{'window': WINDOW, 'height': SIDE, 'width': SIDE, **settings},
    )


def small_following_config(**settings) -> TKNConfig:
    """As the bundled form, whose keypoints are followed, but small."""
    following = FollowingConfig(
        KEYPOINTS,
        MotionDetectorConfig(48, 64, (8, 8, 8, 8)),
        TrackPredictorConfig(d_model=16, layers=1, heads=2, d_inner=24),
    )
    background = BackgroundConfig((8, 8, 8, 8))
    return TKNConfig(
        **{'window': WINDOW, 'height': SIDE, 'width': SIDE, **settings},
        background=background,
        following=following,
    )


def small_model(seed: int = 0, **settings) -> TKN:
    """In evaluation mode; weights large enough that the keypoints and the picture really move."""
    torch.manual_seed(seed)
    model = TKN(small_config(**settings)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith('weight') and weight.dim() == 4:
                weight.normal_(0, 0.03 if name == 'background.out.weight' else 0.3)
    return model


def repeat_last_model() -> TKN:
    """Predicts that nothing moves: the frames it draws are the newest one, at the model's size."""
    torch.manual_seed(0)
    return TKN(small_config(residual=True)).eval()


def moving_square(count: int, height: int = SIDE, width: int = SIDE, seed: int = 0) -> np.ndarray:
    """(count, height, width, 3) uint8: noise of low contrast with a bright square in motion."""
    rng = np.random.default_rng(seed)
    clip = np.repeat(rng.integers(40, 120, (1, height, width, 3), np.uint8), count, 0)
    side = max(4, min(height, width) // 4)
    for i in range(count):
        x, y = (2 * i) % (width - side), (i + height // 3) % (height - side)
        clip[i, y : y + side, x : x + side] = (250, 200, 30)
    return clip


def moving_patch(count: int, seed: int = 0, step: tuple[int, int] = (3, 1)) -> np.ndarray:
    """(count, 240, 320, 3) uint8: a patch of 64 pixels that moves by `step` (x, y) a frame.

    Patch and ground have a texture that optical flow can follow; the first frame's corner is at
    (60, 80).
    """
    rng = np.random.default_rng(seed)

    def texture(height: int, width: int, low: int, high: int) -> np.ndarray:
        cells = rng.integers(low, high, (height // 4, width // 4, 3), np.uint8)
        return np.repeat(np.repeat(cells, 4, 0), 4, 1)

    ground, patch = texture(240, 320, 60, 110), texture(64, 64, 120, 255)
    clip = np.repeat(ground[None], count, 0)
    for i in range(count):
        x, y = 60 + step[0] * i, 80 + step[1] * i
        clip[i, y : y + 64, x : x + 64] = patch
    return clip
