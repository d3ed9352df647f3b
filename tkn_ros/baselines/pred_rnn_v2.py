"""PredRNNv2: Wang et al., "PredRNN: A Recurrent Neural Network for Spatiotemporal Predictive
Learning", TPAMI 2022 (arXiv 2103.09504).

PredRNN with a loss that decouples its two memories ("Memory Decoupling") and with "Reverse
Scheduled Sampling": early in training the window, too, is fed with the network's own predictions.
"""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from tkn_ros.baselines.pred_rnn import PredRNN, PredRNNConfig, State

SAMPLED, ENDED = 25 / 80, 50 / 80  # of the training: sampling begins to change, and ends


@dataclass(frozen=True)
class PredRNNv2Config(PredRNNConfig):
    """As PredRNN's.

    Attributes:
        decoupling: weight of the loss that decouples the memories.
    """

    decoupling: float = 0.1


class PredRNNv2(PredRNN):
    """See the module."""

    def __init__(self, config: PredRNNv2Config) -> None:
        super().__init__(config)
        self.config: PredRNNv2Config = config
        # one for all layers and both memories
        self.adapter = nn.Conv2d(config.hidden, config.hidden, 1, bias=False)

    def coupling(self, added_c: Tensor, added_m: Tensor) -> Tensor | float:
        """Mean over channels of |cosine| of what is added to the two memories."""
        if not self.training:
            return 0.0
        a, b = (self.adapter(added).flatten(2) for added in (added_c, added_m))  # (B, C, h w)
        return F.cosine_similarity(a, b, dim=2).abs().mean()

    def penalty(self, state: State) -> Tensor | float:
        steps = 2 * self.config.window - 1  # about; the published loss is a mean over steps
        return self.config.decoupling * state.penalty / (steps * self.config.layers)

    def true_share(self, t: int, window: int, progress: float) -> float:
        """Reverse scheduled sampling in the window (more and more true frames, exponentially), the
        usual one after it."""
        if t < window:
            if progress < SAMPLED:
                return 0.5
            rate = (progress - SAMPLED) / (ENDED - SAMPLED) * 5
            return 1.0 if progress >= ENDED else 1 - 0.5 * math.exp(-rate)
        return 0.5 * min(1.0, max(0.0, (ENDED - progress) / (ENDED - SAMPLED)))
