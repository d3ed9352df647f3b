"""The networks of this package by name, and how one is described in a file."""

import json
from dataclasses import asdict

import torch

from tkn_ros.baselines.conv_lstm import ConvLSTM, ConvLSTMConfig
from tkn_ros.baselines.dmvfn import DMVFN, DMVFNConfig
from tkn_ros.baselines.e3d_lstm import E3DLSTM, E3DLSTMConfig
from tkn_ros.baselines.frames import Baseline, BaselineConfig
from tkn_ros.baselines.grid_keypoint import GridKeypoint, GridKeypointConfig
from tkn_ros.baselines.phydnet import PhyDNet, PhyDNetConfig
from tkn_ros.baselines.pred_rnn import PredRNN, PredRNNConfig
from tkn_ros.baselines.pred_rnn_v2 import PredRNNv2, PredRNNv2Config
from tkn_ros.baselines.simvp import SimVP, SimVPConfig
from tkn_ros.baselines.slamp import SLAMP, SLAMPConfig
from tkn_ros.baselines.struct_vrnn import StructVRNN, StructVRNNConfig
from tkn_ros.model.build import Network, build, build_blank
from tkn_ros.model.checkpoints import ARCHITECTURE, read_table
from tkn_ros.model.ranges import MAX_PARAMETERS, check_product
from tkn_ros.model.tkn import TKNConfig

AnyNetwork = Network | Baseline
AnyConfig = TKNConfig | BaselineConfig

BASELINES: dict[str, tuple[type[BaselineConfig], type[Baseline]]] = {
    'convlstm': (ConvLSTMConfig, ConvLSTM),
    'predrnn': (PredRNNConfig, PredRNN),
    'predrnnv2': (PredRNNv2Config, PredRNNv2),
    'phydnet': (PhyDNetConfig, PhyDNet),
    'slamp': (SLAMPConfig, SLAMP),
    'e3d-lstm': (E3DLSTMConfig, E3DLSTM),
    'grid-keypoint': (GridKeypointConfig, GridKeypoint),
    'struct-vrnn': (StructVRNNConfig, StructVRNN),
    'simvpv2': (SimVPConfig, SimVP),
    'dmvfn': (DMVFNConfig, DMVFN),
}


def name_of(config: AnyConfig) -> str:
    """The key of `BASELINES` whose config this is, or "tkn"."""
    if not isinstance(config, BaselineConfig):
        return ARCHITECTURE
    return next(name for name, (kind, _) in BASELINES.items() if type(config) is kind)


def build_baseline(config: BaselineConfig) -> Baseline:
    """The network that `config` describes, with random weights, in training mode."""
    return BASELINES[name_of(config)][1](config)


def build_network(config: AnyConfig) -> AnyNetwork:
    """TKN or a network of this package, with random weights, in training mode."""
    return build_baseline(config) if isinstance(config, BaselineConfig) else build(config)


def build_blank_network(config: AnyConfig) -> AnyNetwork:
    """The same without memory for its weights; ValueError where they are too many."""
    if not isinstance(config, BaselineConfig):
        return build_blank(config)
    with torch.device('meta'):
        model = build_baseline(config)
    check_product('weights', sum(p.numel() for p in model.parameters()), MAX_PARAMETERS)
    return model


def config_to_json(config: BaselineConfig) -> str:
    """The hyper-parameters as JSON text."""
    return json.dumps(asdict(config))


def config_from_json(name: str, text: str) -> BaselineConfig:
    """Inverse of `config_to_json` for the network `name`.

    Raises TypeError or ValueError for what does not fit.
    """
    if name not in BASELINES:
        raise ValueError(f'"{name[:40]}" is none of tkn, {", ".join(BASELINES)}')
    return BASELINES[name][0](**read_table('config', text))
