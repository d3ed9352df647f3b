"""RNN, LSTM and GRU in the transformer's place: Table VII."""

from torch import Tensor, nn

from tkn_ros.model.predictor import KeypointPredictor, PredictorConfig

_MODULES = {'rnn': nn.RNN, 'lstm': nn.LSTM, 'gru': nn.GRU}


class RecurrentPredictor(KeypointPredictor):
    """torch's own module, d_model -> d_inner hidden units, `layers` deep.

    As with the encoder that it replaces, output j is the prediction for frame t+j. The paper's
    multiply-accumulates are those of n steps, so it was run the same way: once over the window,
    output j having seen the inputs up to j only.
    """

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__(config, d_out=config.d_inner)
        self.recurrent = _MODULES[config.kind](
            config.d_model, config.d_inner, config.layers, batch_first=True, dropout=config.dropout
        )

    def predict_latents(self, q: Tensor) -> Tensor:
        return self.recurrent(q)[0]  # (B, n, d_inner)
