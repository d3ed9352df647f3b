"""Networks small enough for tests, and frames for them."""

import numpy as np
import torch

from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig

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
