"""The predictor of TKN-Sequential: Eq 27."""

import torch
from torch import Tensor

from tkn_ros.model.predictor import PredictorConfig, TransformerPredictor, position_embedding

# Section IV states d_model 512 and d_inner 2048 for all transformers, but ten such layers have
# 31.5 M parameters. Twice the widths with the same heads meet Table III's 105 M and 3.5 G.
STATED = PredictorConfig(kind='sequential', layers=10)
INFERRED = PredictorConfig(kind='sequential', layers=10, d_model=1024, d_inner=4096)


class SequentialPredictor(TransformerPredictor):
    """One single-layer encoder for each predicted frame, over n, n+1, .. 2n-1 latents.

    The mean of its output over the positions is the next frame's latent, which joins the input.
    """

    def predict_latents(self, q: Tensor) -> Tensor:
        n = q.shape[1]
        for layer in self.layers:
            y = layer(q + position_embedding(q.shape[1], q.shape[2], q))  # (B, n+i, d_model)
            q = torch.cat([q, y.mean(1, keepdim=True)], 1)  # Eq 27
        return q[:, n:]  # (B, layers, d_model)
