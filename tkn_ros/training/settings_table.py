"""Tables of TOML or JSON as dataclasses, with every entry checked."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.following_config import FollowingConfig
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.training.augmentation import Augmentation
from tkn_ros.training.stage_settings import StageSettings


class SettingsError(ValueError):
    """Settings that cannot be used; the message names the key, what was expected and the fix."""


OPTIONAL = {  # tables that may be missing
    (TKNConfig, 'background'): BackgroundConfig,
    (TKNConfig, 'following'): FollowingConfig,
    (StageSettings, 'augmentation'): Augmentation,
}


def fill(blank: Any, table: dict[str, Any], where: str) -> Any:
    """A copy of a dataclass with the values of a table, and of the tables in it.

    Raises SettingsError for a name that it does not have, or a value of another type.

    Args:
        blank: whose values hold for what the table does not name.
        table: as TOML and JSON hold it.
        where: for messages.
    """
    kind = type(blank)
    known = {f.name: getattr(blank, f.name) for f in fields(kind)}
    values = {}
    for name, value in table.items():
        if name not in known:
            raise SettingsError(f'{where}: "{name}" is unknown; expected {", ".join(known)}')
        if (kind, name) in OPTIONAL:
            if isinstance(value, dict):
                value = fill(OPTIONAL[kind, name](), value, f'{where} [{name}]')
            elif value is not None:  # as JSON may say; TOML leaves it out
                raise SettingsError(f'{where}: "{name}" is {value!r}, expected a table [{name}]')
        elif is_dataclass(known[name]):
            if not isinstance(value, dict):
                raise SettingsError(f'{where}: "{name}" is {value!r}, expected a table [{name}]')
            value = fill(known[name], value, f'{where} [{name}]')
        elif not _fits(value, known[name]):
            raise SettingsError(
                f'{where}: "{name}" is {value!r}, expected '
                f'{type(known[name]).__name__}, as {known[name]!r}'
            )
        values[name] = value
    try:
        return replace(blank, **values)
    except (TypeError, ValueError) as error:
        raise SettingsError(f'{where}: {error}') from None


def _fits(value: Any, like: Any) -> bool:
    if isinstance(like, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(like, bool)
    if isinstance(like, float):
        return isinstance(value, (int, float))
    if isinstance(like, tuple):
        return isinstance(value, (list, tuple))
    return isinstance(value, type(like))
