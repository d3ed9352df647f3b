"""What a training run does: dataclasses, read from TOML, with presets beside this file."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tkn_ros.baselines.frames import BaselineConfig
from tkn_ros.baselines.networks import BASELINES, AnyConfig, build_blank_network, name_of
from tkn_ros.input_files import InputError, read_text
from tkn_ros.model.checkpoints import ARCHITECTURE
from tkn_ros.model.ranges import check_number, check_whole
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.training.augmentation import Augmentation
from tkn_ros.training.settings_table import SettingsError, fill
from tkn_ros.training.stage import Schedule
from tkn_ros.training.stage_settings import MAX_BATCH, MAX_STEPS, StageSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRESETS = Path(__file__).parent / 'presets'
MAX_AHEAD = 1000  # frames
STAGES = (
    'detector',
    'predictor',
    'motion',
    'tracks',
    'background',
    'joint',
    'finetune',
    'finetune_background',
    'frames',
)
NEED_BACKGROUND = ('background', 'finetune', 'finetune_background')
CLIP_HEIGHT, CLIP_WIDTH = 240, 320  # pixels of the clips of networks whose keypoints are followed
LABELLED = 7  # frames that optical flow needs for one label
FOLLOWING_ONLY = ('motion', 'tracks')  # stages of networks whose keypoints are followed ..
FOLLOWING = (*FOLLOWING_ONLY, 'background')  # .. which have these and no others


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
        frames: of this stage, the only one of networks without keypoints.
        augmentation: of the examples; None: the default.
    """

    model: AnyConfig = field(default_factory=TKNConfig)
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
    frames: StageSettings = field(default_factory=StageSettings)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'stages', tuple(self.stages))
        if not self.stages or any(not isinstance(s, str) or s not in STAGES for s in self.stages):
            raise ValueError(f'stages is {list(self.stages)}, expected some of {", ".join(STAGES)}')
        if len(set(self.stages)) < len(self.stages):
            raise ValueError(f'stages is {list(self.stages)}, expected each of them once at most')
        check_whole('seed', self.seed, 0, 2**63 - 1)
        for name, low, high in (
            ('ahead', 1, MAX_AHEAD),
            ('horizon', 1, MAX_AHEAD),
            ('targets', 1, MAX_BATCH),
            ('max_gap', 0, MAX_STEPS),
            ('warmup', 0, MAX_STEPS),
        ):
            check_whole(name, getattr(self, name), low, high)
        check_number('clip', self.clip, 1e-9, 1e9)
        check_number('weight_decay', self.weight_decay, 0, 10)
        if not 0 <= self.ema < 1:
            raise ValueError(f'ema is {self.ema}, expected 0 up to 1')

    @property
    def clip_size(self) -> tuple[int, int]:
        """(height, width) at which clips are prepared [pixel]."""
        model = self.model
        return (CLIP_HEIGHT, CLIP_WIDTH) if model.following else (model.height, model.width)

    def check_stages(self) -> None:
        """Raises SettingsError where the model has no such stages."""
        without = isinstance(self.model, BaselineConfig)
        for name in self.stages:
            if without and name != 'frames':
                raise SettingsError(
                    f'stages has "{name}", and the network has no keypoints: "frames" is its only '
                    'stage'
                )
            if name == 'frames' and not without:
                raise SettingsError(
                    'stages has "frames", which is of networks without keypoints: leave it out, or '
                    'give --model NAME'
                )
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


def preset_names() -> list[str]:
    """What `load_settings` knows by name."""
    return sorted(p.stem for p in PRESETS.glob('*.toml'))


def load_settings(name: str, network: str = '') -> tuple[Settings, bool]:
    """A preset by its name or a TOML file by its path, and whether it says what the model is.

    Raises SettingsError for a file that is missing, no TOML or names what does not exist.

    Args:
        name: of the preset or the file.
        network: "tkn" or a key of `BASELINES`; empty: as the file says, TKN if it says nothing.
    """
    path = PRESETS / f'{name}.toml' if name in preset_names() else Path(name)
    try:
        expected = f'a TOML file or one of the presets {", ".join(preset_names())}'
        table = tomllib.loads(read_text(path, expected))
    except InputError as error:
        raise SettingsError(f'config {error}') from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f'config {path}: no TOML ({error}); give {expected}') from None
    if network and table.setdefault('architecture', network) != network:
        raise SettingsError(
            f'{path}: architecture is {table["architecture"]!r}, and --model {network}: give one '
            'of the two'
        )
    settings = settings_from_dict(table, str(path))
    try:
        build_blank_network(settings.model)
    except (ValueError, RuntimeError) as error:
        raise SettingsError(f'{path} [model]: {error}; give smaller sizes') from None
    return settings, 'model' in table


def settings_from_dict(table: dict[str, Any], where: str = 'settings') -> Settings:
    """Inverse of `settings_to_dict`; what `table` does not name takes its default."""
    table = dict(table)
    name = table.pop('architecture', ARCHITECTURE)
    if name == ARCHITECTURE:
        return fill(Settings(), table, where)
    return fill(Settings(model=baseline_config(name, where)), table, where)


def baseline_config(name: Any, where: str) -> BaselineConfig:
    """The default hyper-parameters of a network without keypoints, by its name.

    Raises SettingsError where there is none of that name.
    """
    if not isinstance(name, str) or name not in BASELINES:
        names = ', '.join((ARCHITECTURE, *BASELINES))
        raise SettingsError(f'{where}: the network {name!r} is unknown; give one of {names}')
    return BASELINES[name][0]()


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """As JSON and TOML can hold it."""
    return {'architecture': name_of(settings.model), **asdict(settings)}
