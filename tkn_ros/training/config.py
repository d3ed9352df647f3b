"""What a training run is asked for, and how it is computed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tkn_ros.datasets.find import absolute
from tkn_ros.training.settings import Settings, settings_from_dict, settings_to_dict
from tkn_ros.training.settings_table import SettingsError

SAVE_SECONDS, PICTURE_SECONDS = 60.0, 120.0


@dataclass(frozen=True)
class TrainConfig:
    """What was asked for: the settings, and what they are applied to. run.json holds it.

    Attributes:
        settings: of the training.
        data: as `find_recordings` knows it; paths become absolute, to be found from anywhere.
        part: share of each recording, from and to.
        topic: of rosbags with several image topics; None: their only one.
        init: weights to start from; empty: random ones.
    """

    settings: Settings
    data: tuple[str, ...]
    part: tuple[float, float] = (0.0, 1.0)
    topic: str | None = None
    init: str = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, 'data', tuple(absolute(spec) for spec in self.data))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return json.loads(json.dumps({**asdict(self), 'settings': settings_to_dict(self.settings)}))

    @staticmethod
    def from_dict(table: dict[str, Any]) -> TrainConfig:
        """Inverse of `to_dict`."""
        try:
            return TrainConfig(
                settings_from_dict(table['settings'], 'run.json'),
                tuple(table['data']),
                tuple(table['part']),
                table['topic'],
                table['init'],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f'run.json: not the record of a run ({error}); start again without --resume'
            ) from None


@dataclass(frozen=True)
class RunOptions:
    """What does not change the result (but for the minutes): where and how it is computed.

    Attributes:
        cache: folder of the prepared clips.
        device: 'cpu', 'cuda' or 'cuda:N'.
        minutes: 0 for no limit.
        save_every, picture_every: in seconds.
        tensorboard: write logs for TensorBoard.
        keep: every saved checkpoint, in `checkpoints/`.
        processor_time: minutes and seconds are of the processor's time, which a busy machine
            leaves as it is; all threads count.
    """

    cache: Path
    device: str = 'cpu'
    minutes: float = 0.0
    save_every: float = SAVE_SECONDS
    picture_every: float = PICTURE_SECONDS
    tensorboard: bool = True
    keep: bool = False
    processor_time: bool = False


def difference(asked: dict[str, Any], found: dict[str, Any], where: str = '') -> str:
    """The first entry in which two configurations differ, as text; empty if they are the same.

    Args:
        asked: one configuration.
        found: the other one.
        where: prefix of the names.
    """
    for name in asked.keys() | found.keys():
        a, b = asked.get(name), found.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            inner = difference(a, b, f'{where}{name}.')
            if inner:
                return inner
        elif a != b:
            return f'{where}{name} is {json.dumps(a)}, there it was {json.dumps(b)}'
    return ''
