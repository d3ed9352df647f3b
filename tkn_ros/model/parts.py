"""Which class a configuration means: one plain function for each half of the network."""

from tkn_ros.model.detector import DetectorConfig, KeypointDetector
from tkn_ros.model.predictor import KeypointPredictor, PredictorConfig, TransformerPredictor
from tkn_ros.model.variants.detector_variants import HeatmapBackgroundDetector, SeparationNet
from tkn_ros.model.variants.mlp import MLPPredictor
from tkn_ros.model.variants.recurrent import RecurrentPredictor
from tkn_ros.model.variants.sequential_predictor import SequentialPredictor
from tkn_ros.model.variants.whole_transformer import WholeTransformerPredictor


def build_detector(config: DetectorConfig) -> KeypointDetector:
    """The structure of Fig 3 that `config.structure` names, with random weights."""
    if config.structure == 'heatmap':
        return HeatmapBackgroundDetector(config)
    if config.structure == 'separate':
        return SeparationNet(config)
    return KeypointDetector(config)


def build_predictor(config: PredictorConfig) -> KeypointPredictor:
    """The predictor that `config.kind` names, with random weights."""
    if config.kind == 'sequential':
        return SequentialPredictor(config)
    if config.kind == 'transformer':
        return WholeTransformerPredictor(config)
    if config.kind == 'mlp':
        return MLPPredictor(config)
    if config.kind in ('rnn', 'lstm', 'gru'):
        return RecurrentPredictor(config)
    return TransformerPredictor(config)
