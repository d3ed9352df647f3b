"""An MLP after MLP-Mixer in the transformer's place: Table VII."""

import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.predictor import KeypointPredictor, PredictorConfig


class MixerLayer(nn.Module):
    """Tokens are mixed through d_token hidden units, then channels through d_inner ones.

    The paper's 14.4 M are two blocks, 512-2048-512 and 512-256-512, in each of six layers. A block
    over channels alone would never let a token see another, so in the narrow one the n tokens of
    each hidden unit are mixed by an n x n layer, which adds 110 weights.
    """

    def __init__(self, c: PredictorConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(c.d_model)
        self.narrow = nn.Linear(c.d_model, c.d_token)
        self.tokens = nn.Linear(c.window, c.window)
        self.widen = nn.Linear(c.d_token, c.d_model)
        self.norm2 = nn.LayerNorm(c.d_model)
        self.channels = nn.Sequential(
            nn.Linear(c.d_model, c.d_inner), nn.GELU(), nn.Linear(c.d_inner, c.d_model)
        )
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.tokens(self.narrow(self.norm1(x)).transpose(1, 2))  # (B, d_token, n)
        x = x + self.drop(self.widen(F.gelu(mixed.transpose(1, 2))))  # (B, n, d_model)
        return x + self.drop(self.channels(self.norm2(x)))


class MLPPredictor(KeypointPredictor):
    """`layers` mixer layers and a last norm. Takes exactly `config.window` tokens."""

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(*(MixerLayer(config) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.d_model)

    def predict_latents(self, q: Tensor) -> Tensor:
        if q.shape[1] != self.config.window:
            raise ValueError(
                f'the MLP predictor got {q.shape[1]} frames, expected exactly '
                f'{self.config.window}: its weights are for that window'
            )
        return self.norm(self.layers(q))
