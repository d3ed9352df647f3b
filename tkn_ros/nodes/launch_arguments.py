"""A node's parameter file as arguments of a launch file; knows neither launch nor rclpy."""

from collections.abc import Mapping
from pathlib import Path

import yaml


def parameters_of(path: str | Path) -> dict[str, object]:
    """Names and values of a parameter file with one node's `ros__parameters`.

    Raises ValueError for a file of another form.
    """
    content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    try:
        (node,) = content.values()
        return dict(node['ros__parameters'])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            f'parameter file "{path}" does not hold one node with ros__parameters'
        ) from None


def overrides(given: Mapping[str, str], defaults: Mapping[str, object]) -> dict[str, object]:
    """The arguments that were given, of their parameters' types.

    Args:
        given: text of each launch argument, as YAML; empty: not given.
        defaults: of the same parameters, whose types hold.

    Raises:
        ValueError: for text that is not of its parameter's type.
    """
    return {name: _typed(name, text, defaults[name]) for name, text in given.items() if text}


def sim_time(text: str) -> dict[str, object]:
    """Parameter use_sim_time of a launch argument; empty: as SetParameter of a parent says."""
    return {'use_sim_time': text.lower() == 'true'} if text else {}


def _typed(name: str, text: str, default: object) -> object:
    if isinstance(default, str):
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    fits = type(value) is type(default)
    if isinstance(default, list) and isinstance(value, list) and default and value:
        fits = {type(v) for v in value} == {type(v) for v in default}
    if not fits:
        raise ValueError(f'{name}:={text} is not of the type of its default {name}:={default}')
    return value
