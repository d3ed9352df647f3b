"""The whole transformer, encoder and decoder, one frame after another: Table VIII."""

import torch
from torch import Tensor, nn

from tkn_ros.model.predictor import (
    MultiHeadAttention,
    PredictorConfig,
    TransformerPredictor,
    feed_forward,
    position_embedding,
)


class TransformerDecoderLayer(nn.Module):
    """Masked self-attention, attention to the encoder's output, FFN; all post-norm."""

    def __init__(self, c: PredictorConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(c.d_model, c.heads, c.d_head)
        self.norm1 = nn.LayerNorm(c.d_model)
        self.cross = MultiHeadAttention(c.d_model, c.heads, c.d_head)
        self.norm2 = nn.LayerNorm(c.d_model)
        self.ffn = feed_forward(c)
        self.norm3 = nn.LayerNorm(c.d_model)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norm1(x + self.drop(self.attention(x, causal=True)))  # (B, i, d_model)
        x = self.norm2(x + self.drop(self.cross(x, memory)))
        return self.norm3(x + self.drop(self.ffn(x)))


class WholeTransformerPredictor(TransformerPredictor):
    """The window is encoded once; then each predicted keypoint set is the decoder's next input.

    Writing starts from the newest observed keypoints. The decoder passes over all that is written
    at every step, as the paper's did (74 ms against 8). It is trained the way it is used, on its
    own predictions.
    """

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__(config)
        self.decoder = nn.ModuleList(TransformerDecoderLayer(config) for _ in range(config.layers))

    def forward(self, keypoints: Tensor) -> Tensor:
        memory = self.predict_latents(self.embed(keypoints.flatten(2)))  # (B, n, d_model)
        newest = keypoints[:, -1:]
        written = newest  # (B, 1 + predicted so far, K, 3)
        for _ in range(keypoints.shape[1]):
            x = self.embed(written.flatten(2))
            x = x + position_embedding(x.shape[1], x.shape[2], x)
            for layer in self.decoder:
                x = layer(x, memory)
            following = self.project(x[:, -1:]).unflatten(-1, (-1, 3))  # (B, 1, K, 3)
            if self.config.residual:
                following = newest + following
            written = torch.cat([written, following], 1)
        return written[:, 1:]
