"""One plain function that builds any network of the paper from its hyper-parameters."""

import torch

from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.ranges import MAX_PARAMETERS, check_product
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.variants.tkn_sequential import TKNSequential

Network = TKN | FollowingTKN


def build_blank(config: TKNConfig) -> Network:
    """The same as `build` without memory for its weights, however many they are.

    Raises ValueError where they are more than MAX_PARAMETERS.
    """
    with torch.device('meta'):
        model = build(config)
    check_product('weights', sum(p.numel() for p in model.parameters()), MAX_PARAMETERS)
    return model


def build(config: TKNConfig) -> Network:
    """The network that `config` describes, with random weights, in training mode on the CPU."""
    if config.following:
        return FollowingTKN(config)
    return TKNSequential(config) if config.process == 'sequential' else TKN(config)
