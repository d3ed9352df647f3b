"""Keypoint predictor: Section III-B, Fig 5, Eqs 15 to 26 of the TKN paper.

n tokens in, n tokens out: token j of the input holds the keypoints of frame t-n+j, token j of the
output those of frame t+j.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class PredictorConfig:
    """Hyper-parameters of the transformer predictor. The defaults are the paper's 18.9 M network.

    `residual` (ours, off in the paper): the output is added to the newest keypoints, so that an
    untrained network repeats the last frame and a trained one need only say what moves.
    """

    keypoints: int = 16
    d_model: int = 512
    layers: int = 6
    heads: int = 8
    d_head: int = 64  # d_k = d_v
    d_inner: int = 2048
    dropout: float = 0.0
    residual: bool = False

    def __post_init__(self):
        for name in ('keypoints', 'd_model', 'layers', 'heads', 'd_head', 'd_inner'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} is {getattr(self, name)}, expected at least 1')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'dropout is {self.dropout}, expected 0 up to 1')


class MultiHeadAttention(nn.Module):
    """Eqs 15 to 17: softmax(Q K^T / sqrt(d_k)) V in every head, then one linear layer."""

    def __init__(self, d_model: int, heads: int, d_head: int):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(d_model, heads * d_head)
        self.k = nn.Linear(d_model, heads * d_head)
        self.v = nn.Linear(d_model, heads * d_head)
        self.o = nn.Linear(heads * d_head, d_model)

    def forward(self, x: Tensor) -> Tensor:
        def split(t: Tensor) -> Tensor:
            return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))  # (B, heads, n, d_head)
        y = F.scaled_dot_product_attention(q, k, v)  # Eq 16
        return self.o(y.transpose(1, 2).flatten(-2))  # (B, n, d_model)   Eq 17


class TransformerLayer(nn.Module):
    """One encoder layer: post-norm residual blocks (Eq 18) around attention and FFN (Eq 19)."""

    def __init__(self, c: PredictorConfig):
        super().__init__()
        self.attention = MultiHeadAttention(c.d_model, c.heads, c.d_head)
        self.norm1 = nn.LayerNorm(c.d_model)
        self.ffn = nn.Sequential(nn.Linear(c.d_model, c.d_inner), nn.ReLU(),
                                 nn.Linear(c.d_inner, c.d_model))
        self.norm2 = nn.LayerNorm(c.d_model)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.drop(self.attention(x)))  # (B, n, d_model)   Eq 18
        return self.norm2(x + self.drop(self.ffn(x)))


def position_embedding(n: int, d_model: int, like: Tensor) -> Tensor:
    """Eq 23: sin and cos of pos / 10000^(2i / d_model), interleaved. (n, d_model)."""
    pos = torch.arange(n, device=like.device, dtype=torch.float64)[:, None]
    two_i = torch.arange(0, d_model, 2, device=like.device, dtype=torch.float64)
    angle = pos * torch.exp(-math.log(10000.0) * two_i / d_model)  # (n, ceil(d_model / 2))
    pe = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :d_model]
    return pe.to(like.dtype)


class TransformerPredictor(nn.Module):
    """(B, n, K, 3) observed keypoints -> (B, n, K, 3) those of the next n frames."""

    def __init__(self, config: PredictorConfig):
        super().__init__()
        self.config = c = config
        self.embed = nn.Linear(3 * c.keypoints, c.d_model)  # W of Eq 21
        self.layers = nn.ModuleList(TransformerLayer(c) for _ in range(c.layers))
        self.project = nn.Linear(c.d_model, 3 * c.keypoints)  # W' of Eq 25
        if c.residual:
            nn.init.zeros_(self.project.weight)
            nn.init.zeros_(self.project.bias)

    def forward(self, keypoints: Tensor) -> Tensor:
        q = self.embed(keypoints.flatten(2))  # (B, n, d_model)   Eqs 20, 21
        q = q + position_embedding(q.shape[1], q.shape[2], q)  # Eqs 22, 23
        for layer in self.layers:
            q = layer(q)  # Eq 24
        predicted = self.project(q).unflatten(-1, (-1, 3))  # (B, n, K, 3)   Eq 25
        return keypoints[:, -1:] + predicted if self.config.residual else predicted


def prediction_loss(predicted: Tensor, real: Tensor) -> Tensor:
    """L_pred of Eq 26 as a mean over all coordinates: (B, m, K, 3) twice."""
    return F.mse_loss(predicted, real)
