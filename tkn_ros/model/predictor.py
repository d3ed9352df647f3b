"""Keypoint predictor: Section III-B, Fig 5, Eqs 15 to 26 of the TKN paper.

n tokens in, n tokens out: token j of the input holds the keypoints of frame t-n+j, token j of the
output those of frame t+j. The alternatives are in `whole_transformer.py`, `recurrent.py`,
`mlp.py` and, for TKN-Sequential, `sequential_predictor.py`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.model.ranges import MAX_WINDOW, check_choice, check_flag, check_number, check_whole

MOST = {  # of each hyper-parameter
    'keypoints': 256,
    'd_model': 8192,
    'layers': 128,
    'heads': 256,
    'd_head': 4096,
    'd_inner': 32768,
    'd_token': 32768,
    'window': MAX_WINDOW,
}
KINDS = ('encoder', 'sequential', 'transformer', 'rnn', 'lstm', 'gru', 'mlp')


@dataclass(frozen=True)
class PredictorConfig:
    """Hyper-parameters of a predictor. The defaults are the paper's 18.9 M transformer encoder.

    `residual` (ours, off in the paper): the output is added to the newest keypoints, so that an
    untrained network repeats the last frame and a trained one need only say what moves.

    Attributes:
        keypoints: K, how many.
        d_model: width of a token.
        layers: how many.
        heads: of the attention.
        d_head: d_k = d_v.
        d_inner: hidden units of the feed-forward part.
        dropout: share, 0 up to 1.
        residual: whether the newest keypoints are added to its output.
        kind: "encoder" (the paper's), "sequential" (of TKN-Sequential, Eq 27), "transformer"
            (whole, with a decoder: Table VIII), or "rnn", "lstm", "gru", "mlp" (Table VII).
            Recurrent ones have d_inner hidden units; the MLP has d_inner and d_token, and weights
            for exactly `window` tokens, which no other kind depends on. heads and d_head are of the
            transformers.
        latent: False leaves out W and W' (Eqs 21 and 25), so that the transformer encoder works on
            the explicit coordinates (Table IX) and d_model must be 3 x keypoints.
        d_token: hidden units of the MLP that mixes tokens.
        window: n, frames observed.
    """

    keypoints: int = 16
    d_model: int = 512
    layers: int = 6
    heads: int = 8
    d_head: int = 64  # d_k = d_v
    d_inner: int = 2048
    dropout: float = 0.0
    residual: bool = False
    kind: str = 'encoder'
    latent: bool = True
    d_token: int = 256
    window: int = 10

    def __post_init__(self) -> None:
        for name, high in MOST.items():
            check_whole(name, getattr(self, name), 1, high)
        check_number('dropout', self.dropout, 0, 0.99)
        check_flag('residual', self.residual)
        check_flag('latent', self.latent)
        check_choice('kind', self.kind, KINDS)
        if not self.latent and (self.kind != 'encoder' or self.d_model != 3 * self.keypoints):
            raise ValueError(
                f'explicit keypoints (latent=False) have kind "{self.kind}" and '
                f'd_model {self.d_model}, expected "encoder" and 3 x keypoints = '
                f'{3 * self.keypoints}'
            )


class MultiHeadAttention(nn.Module):
    """Eqs 15 to 17: softmax(Q K^T / sqrt(d_k)) V in every head, then one linear layer.

    Args:
        d_model: width of a token.
        heads: of the attention.
        d_head: width of a head.
    """

    def __init__(self, d_model: int, heads: int, d_head: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(d_model, heads * d_head)
        self.k = nn.Linear(d_model, heads * d_head)
        self.v = nn.Linear(d_model, heads * d_head)
        self.o = nn.Linear(heads * d_head, d_model)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        causal: bool = False,
        mask: Tensor | None = None,
    ) -> Tensor:
        """x: (B, n, d_model) -> the same. Keys and values are of `memory` (B, m, d_model) if given.

        Args:
            x: (B, n, d_model).
            memory: (B, m, d_model), what keys and values are of; None: `x`.
            causal: token j sees tokens 0 to j only.
            mask: bool, broadcast to (B, heads, n, m), True where a token sees another.
        """

        def split(t: Tensor) -> Tensor:
            return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        seen = x if memory is None else memory
        q, k, v = split(self.q(x)), split(self.k(seen)), split(self.v(seen))
        y = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)  # (B, heads, n, d)
        return self.o(y.transpose(1, 2).flatten(-2))  # (B, n, d_model)   Eq 17


def feed_forward(c: PredictorConfig) -> nn.Sequential:
    """FFN of Eq 19: (.., d_model) -> the same."""
    return nn.Sequential(
        nn.Linear(c.d_model, c.d_inner), nn.ReLU(), nn.Linear(c.d_inner, c.d_model)
    )


class TransformerLayer(nn.Module):
    """One encoder layer: post-norm residual blocks (Eq 18) around attention and FFN (Eq 19)."""

    def __init__(self, c: PredictorConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(c.d_model, c.heads, c.d_head)
        self.norm1 = nn.LayerNorm(c.d_model)
        self.ffn = feed_forward(c)
        self.norm2 = nn.LayerNorm(c.d_model)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        attended = self.attention(x, mask=mask)
        x = self.norm1(x + self.drop(attended))  # (B, n, d_model)   Eq 18
        return self.norm2(x + self.drop(self.ffn(x)))


def position_embedding(n: int, d_model: int, like: Tensor) -> Tensor:
    """Eq 23: sin and cos of pos / 10000^(2i / d_model), interleaved. (n, d_model).

    Args:
        n: tokens.
        d_model: width of a token.
        like: a tensor of the wanted type and device.
    """
    pos = torch.arange(n, device=like.device, dtype=torch.float64)[:, None]
    two_i = torch.arange(0, d_model, 2, device=like.device, dtype=torch.float64)
    angle = pos * torch.exp(-math.log(10000.0) * two_i / d_model)  # (n, ceil(d_model / 2))
    pe = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :d_model]
    return pe.to(like.dtype)


class KeypointPredictor(nn.Module):
    """What all predictors share: W in (Eqs 20 and 21) and W' out (Eq 25).

    (B, n, K, 3) observed keypoints -> (B, n, K, 3) those of the next n frames. A kind of predictor
    says in `predict_latents` what happens between.
    """

    def __init__(self, config: PredictorConfig, d_out: int = 0) -> None:
        super().__init__()
        self.config = c = config
        self.embed: nn.Module = nn.Identity()
        self.project: nn.Module = nn.Identity()
        if c.latent:
            self.embed = nn.Linear(3 * c.keypoints, c.d_model)  # W of Eq 21
            self.project = project = nn.Linear(d_out or c.d_model, 3 * c.keypoints)  # W' of Eq 25
            if c.residual:
                for parameter in project.parameters():
                    nn.init.zeros_(parameter)

    def predict_latents(self, q: Tensor) -> Tensor:
        """Q -> Q', Eqs 22 to 24: (B, n, d_model) -> (B, n, d_out)."""
        raise NotImplementedError

    def forward(self, keypoints: Tensor) -> Tensor:
        q = self.embed(keypoints.flatten(2))  # (B, n, d_model)   Eqs 20, 21
        predicted = self.project(self.predict_latents(q)).unflatten(-1, (-1, 3))  # Eq 25
        return keypoints[:, -1:] + predicted if self.config.residual else predicted


class TransformerPredictor(KeypointPredictor):
    """The paper's: a transformer encoder, all n frames in one pass (Fig 5)."""

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.layers))
        if config.residual and not config.latent:  # there is no W' whose zeros repeat the frame
            last = self.layers[-1]
            assert isinstance(last, TransformerLayer)
            nn.init.zeros_(last.norm2.weight)

    def predict_latents(self, q: Tensor) -> Tensor:
        q = q + position_embedding(q.shape[1], q.shape[2], q)  # (B, n, d_model)   Eqs 22, 23
        for layer in self.layers:
            q = layer(q)  # Eq 24
        return q


def check_horizon(horizon: int) -> None:
    """ValueError if there is no frame to predict."""
    if horizon < 1:
        raise ValueError(f'horizon is {horizon}, expected at least 1')


def rollout(predict: Callable[[Tensor], Tensor], keypoints: Tensor, horizon: int) -> Tensor:
    """Keypoints for any horizon, from a predictor of n frames after n frames.

    Beyond n frames (the paper does not say how) the predicted keypoints become the next window. A
    horizon below n drops the frames that nobody asked for.

    Args:
        predict: (B, n, K, C) -> (B, n, K, C), the next n frames' keypoints.
        keypoints: (B, n, K, C), observed; C is 3 (x, y, v), or what else `predict` takes.
        horizon: m, frames to predict.

    Returns:
        (B, m, K, C).

    Raises:
        ValueError: if the horizon is below 1.
    """
    check_horizon(horizon)
    n = int(keypoints.shape[1])  # a tensor while a graph is traced
    known = keypoints  # (B, n + predicted so far, K, 3)
    while int(known.shape[1]) < n + horizon:
        known = torch.cat([known, predict(known[:, -n:])], 1)
    return known[:, n : n + horizon]


def prediction_loss(predicted: Tensor, real: Tensor) -> Tensor:
    """L_pred of Eq 26 as a mean over all coordinates: (B, m, K, 3) twice."""
    return F.mse_loss(predicted, real)
