"""Checkpoints of any network of this project, TKN or not: see `model/checkpoints.py`.

Files of the networks of this package name it as `architecture`, and carry its hyper-parameters as
`config`.
"""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import (
    AnyConfig,
    AnyNetwork,
    build_blank_network,
    config_from_json,
    config_to_json,
    name_of,
)
from tkn_ros.model.checkpoints import (
    ARCHITECTURE,
    UNKNOWN,
    blank_tkn,
    other_variant,
    read_weights,
    save_checkpoint,
    unknown_architecture,
    write_weights,
)
from tkn_ros.model.tkn import TKNConfig


def save_network(path: str | Path, model: AnyNetwork, **metadata: str) -> None:
    """Write a network to `path`, whole or not at all."""
    if not isinstance(model, Baseline):
        save_checkpoint(path, model, **metadata)
        return
    meta = {'architecture': name_of(model.config), 'config': config_to_json(model.config)}
    write_weights(path, model, meta | metadata)


def load_network(
    path: str | Path = '', device: str = 'cpu', expected: AnyConfig | None = None
) -> AnyNetwork:
    """As `load_checkpoint`, of any network; of those of this package `expected` includes the size.

    Args:
        path: a .safetensors file; empty: the bundled default.
        device: 'cpu', 'cuda' or 'cuda:N'.
        expected: the variant that it must be of; None: any.
    """
    return cast(AnyNetwork, read_weights(path, device, partial(_blank, expected=expected)))


def _blank(path: Path, meta: dict[str, str], expected: AnyConfig | None) -> AnyNetwork:
    name = meta.get('architecture', ARCHITECTURE)
    if expected and name != name_of(expected):
        raise other_variant(path, f'the network is "{name[:40]}", expected "{name_of(expected)}"')
    if name == ARCHITECTURE:
        return blank_tkn(path, meta, cast('TKNConfig | None', expected))
    try:
        config = config_from_json(name, meta['config'])
        model = build_blank_network(config)
    except UNKNOWN as error:
        raise unknown_architecture(path, error) from None
    if expected and (problem := difference(config, expected)):
        raise other_variant(path, problem)
    return model


def difference(found: AnyConfig, expected: AnyConfig) -> str:
    """The first hyper-parameter in which two of one network differ, as text; empty if none."""
    for name, value in asdict(expected).items():
        if (mine := getattr(found, name)) != value:
            return f'{name} is {json.dumps(mine)}, expected {json.dumps(value)}'
    return ''
