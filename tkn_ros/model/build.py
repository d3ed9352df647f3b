"""One plain function that builds any network of the paper from its hyper-parameters."""

from typing import cast

from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.variants.tkn_sequential import TKNSequential

Network = TKN | FollowingTKN


def build(config: TKNConfig) -> TKN:
    """The network that `config` describes, with random weights, in training mode on the CPU.

    Under `with torch.device('meta'):` it takes no memory, which is enough to count its parameters.
    With `config.following` it is a FollowingTKN in truth, which callers that take any `Network`
    tell apart by its class.
    """
    if config.following:
        return cast(TKN, FollowingTKN(config))
    return TKNSequential(config) if config.process == 'sequential' else TKN(config)
