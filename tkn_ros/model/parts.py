"""Which class a configuration means: one plain function for each half of the network."""

from tkn_ros.model.detector import DetectorConfig, KeypointDetector
from tkn_ros.model.predictor import KeypointPredictor, PredictorConfig, TransformerPredictor
from tkn_ros.model.predictor_mlp import MLPPredictor
from tkn_ros.model.predictor_recurrent import RecurrentPredictor
from tkn_ros.model.predictor_sequential import SequentialPredictor
from tkn_ros.model.predictor_whole import WholeTransformerPredictor
from tkn_ros.model.structures import HeatmapBackgroundDetector, SeparationNet


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
