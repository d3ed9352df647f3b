"""What a training run does: dataclasses, read from TOML, with presets beside this file."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.following import FollowingConfig
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.training.sampler import Augmentation
from tkn_ros.training.stage import Schedule
from tkn_ros.training.stage_settings import StageSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRESETS = Path(__file__).parent / 'presets'
STAGES = (
    'detector',
    'predictor',
    'motion',
    'tracks',
    'background',
    'joint',
    'finetune',
    'finetune_background',
)
NEED_BACKGROUND = ('background', 'finetune', 'finetune_background')
CLIP_HEIGHT, CLIP_WIDTH = 240, 320  # pixels of the clips of networks whose keypoints are followed
LABELLED = 7  # frames in which flow tells what moves
FOLLOWING_ONLY = ('motion', 'tracks')  # stages of networks whose keypoints are followed ..
FOLLOWING = (*FOLLOWING_ONLY, 'background')  # .. which have these and no others


class SettingsError(ValueError):
    """Settings that cannot be used; the message names the key, what was expected and the fix."""


@dataclass(frozen=True)
class Settings:
    """All that decides the result of a training, beside the data.

    Attributes:
        model: the network.
        stages: which, in their order.
        seed: of the random examples.
        max_gap: frames between the detector's source and target at most, 0 for any two of a clip.
        targets: of each source, which then share its encoding and half of the decoding.
        ahead: frames predicted in the stages background and joint.
        horizon: frames predicted when the result is evaluated.
        warmup: steps to the full rate.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: share that the average of the weights keeps at each step, 0 for none.
        half: mixed precision on CUDA, of the detector also on CPUs that multiply in bfloat16.
        detector: of this stage.
        predictor: of this stage.
        motion: of this stage.
        tracks: of this stage.
        background: of this stage.
        joint: of this stage.
        finetune: of this stage.
        finetune_background: of this stage.
        augmentation: of the examples; None: the default.
    """

    model: TKNConfig = field(default_factory=TKNConfig)
    stages: tuple[str, ...] = ('detector', 'predictor')
    seed: int = 0
    max_gap: int = 12
    targets: int = 4
    ahead: int = 10
    horizon: int = 10
    warmup: int = 200
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.0
    half: bool = True
    detector: StageSettings = field(default_factory=StageSettings)
    predictor: StageSettings = field(default_factory=StageSettings)
    motion: StageSettings = field(default_factory=StageSettings)
    tracks: StageSettings = field(default_factory=StageSettings)
    background: StageSettings = field(default_factory=StageSettings)
    joint: StageSettings = field(default_factory=StageSettings)
    finetune: StageSettings = field(default_factory=StageSettings)
    finetune_background: StageSettings = field(default_factory=StageSettings)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'stages', tuple(self.stages))
        if not self.stages or any(s not in STAGES for s in self.stages):
            raise ValueError(f'stages is {list(self.stages)}, expected some of {", ".join(STAGES)}')
        if len(set(self.stages)) < len(self.stages):
            raise ValueError(f'stages is {list(self.stages)}, expected each of them once at most')
        if min(self.ahead, self.horizon, self.clip, self.targets) <= 0:
            raise ValueError('ahead, horizon, clip and targets must be positive')
        if min(self.max_gap, self.warmup) < 0:
            raise ValueError('max_gap and warmup must not be negative')
        if not 0 <= self.ema < 1:
            raise ValueError(f'ema is {self.ema}, expected 0 up to 1')

    @property
    def clip_size(self) -> tuple[int, int]:
        """(height, width) at which clips are prepared [pixel]."""
        model = self.model
        return (CLIP_HEIGHT, CLIP_WIDTH) if model.following else (model.height, model.width)

    def check_stages(self) -> None:
        """Raises SettingsError where the model has no such stages."""
        for name in self.stages:
            if self.model.following and name not in FOLLOWING:
                raise SettingsError(
                    f'stages has "{name}", and keypoints of the model are followed: its stages '
                    f'are {", ".join(FOLLOWING)}'
                )
            if name in FOLLOWING_ONLY and not self.model.following:
                raise SettingsError(
                    f'stages has "{name}", and keypoints of the model are not followed: add a '
                    'table [model.following] to the config, or leave that stage out'
                )
            if name in NEED_BACKGROUND and not self.model.background:
                raise SettingsError(
                    f'stages has "{name}", and the model has none: add a '
                    'table [model.background] to the config, or leave that stage out'
                )

    @property
    def frames_needed(self) -> tuple[int, str]:
        """Of a clip, and why."""
        n = self.model.window
        needs = {
            'detector': (2, 'a pair'),
            'predictor': (2 * n, f'twice the window of {n}'),
            'motion': (LABELLED, 'a place that moves'),
            'tracks': (2 * n, f'twice the window of {n}'),
            'joint': (n + self.ahead, f'window {n} + {self.ahead} ahead'),
        }
        return max(needs.get(s, needs['joint']) for s in self.stages)

    def schedule(self, name: str, clips: int, seconds: float = 0.0) -> Schedule:
        """Of a stage.

        Args:
            name: of the stage.
            clips: how many there are, for stages that count in epochs.
            seconds: that the stage may take at most; 0 for no limit.
        """
        stage: StageSettings = getattr(self, name)
        return Schedule(
            stage.steps_for(clips),
            stage.lr,
            self.warmup if stage.warmup < 0 else stage.warmup,
            self.weight_decay,
            self.clip,
            self.ema if stage.ema < 0 else stage.ema,
            seconds,
            self.half,
        )

    def check_shared_by(self, processes: int) -> None:
        """Raises SettingsError where that many cannot share a step's examples evenly."""
        unit = processes * (self.targets if 'detector' in self.stages else 1)
        for name in self.stages:
            batch, targets = getattr(self, name).batch, self.targets if name == 'detector' else 1
            sources = max(1, batch // targets)
            if sources % processes:
                of = f' ({sources} sources with {targets} targets each)' if targets > 1 else ''
                raise SettingsError(
                    f'{name}: a batch of {batch}{of} cannot be shared by {processes} processes; '
                    f'give --batch {-(-batch // unit) * unit} or another multiple of {unit}, or '
                    f'as many processes as divide {sources}'
                )


OPTIONAL = {  # tables that may be missing
    (TKNConfig, 'background'): BackgroundConfig,
    (TKNConfig, 'following'): FollowingConfig,
    (StageSettings, 'augmentation'): Augmentation,
}


def preset_names() -> list[str]:
    """What `load_settings` knows by name."""
    return sorted(p.stem for p in PRESETS.glob('*.toml'))


def load_settings(name: str) -> tuple[Settings, bool]:
    """A preset by its name or a TOML file by its path, and whether it says what the model is.

    Raises SettingsError for a file that is missing, no TOML or names what does not exist.
    """
    path = PRESETS / f'{name}.toml' if name in preset_names() else Path(name)
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(
            f'config "{name}": {error.strerror or error}; give a TOML file or one '
            f'of the presets {", ".join(preset_names())}'
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f'config {path}: no TOML ({error})') from None
    return settings_from_dict(table, str(path)), 'model' in table


def settings_from_dict(table: dict, where: str = 'settings') -> Settings:
    """Inverse of `settings_to_dict`; what `table` does not name takes its default."""
    return _fill(Settings, table, where)


def settings_to_dict(settings: Settings) -> dict:
    """As JSON and TOML can hold it."""
    return asdict(settings)


def _fill(kind: type, table: dict, where: str) -> Any:
    blank = kind()
    known = {f.name: getattr(blank, f.name) for f in fields(kind)}
    values = {}
    for name, value in table.items():
        if name not in known:
            raise SettingsError(f'{where}: "{name}" is unknown; expected {", ".join(known)}')
        if (kind, name) in OPTIONAL:
            if isinstance(value, dict):
                value = _fill(OPTIONAL[kind, name], value, f'{where} [{name}]')
            elif value is not None:  # as JSON may say; TOML leaves it out
                raise SettingsError(f'{where}: "{name}" is {value!r}, expected a table [{name}]')
        elif is_dataclass(known[name]):
            if not isinstance(value, dict):
                raise SettingsError(f'{where}: "{name}" is {value!r}, expected a table [{name}]')
            value = _fill(type(known[name]), value, f'{where} [{name}]')
        elif not _fits(value, known[name]):
            raise SettingsError(
                f'{where}: "{name}" is {value!r}, expected '
                f'{type(known[name]).__name__}, as {known[name]!r}'
            )
        values[name] = value
    try:
        return kind(**values)
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
