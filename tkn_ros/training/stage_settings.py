"""What one stage of a training run does: dataclasses that `settings.py` reads from TOML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tkn_ros.datasets.clips import Clip
from tkn_ros.model.ranges import check_number, check_whole
from tkn_ros.training.augmentation import Augmentation

MAX_STEPS = 10**9
MAX_BATCH = 1 << 16  # examples of a step


@dataclass(frozen=True)
class Mix:
    """Shares of a stage's examples by the origin of their clips; all 0: by the clips' lengths.

    Attributes:
        scenes, glyphs: rendered clips of these kinds.
        recorded: all other clips.
        shortest_recording: frames that a recorded clip needs to take part.
    """

    scenes: float = 0.0
    glyphs: float = 0.0
    recorded: float = 0.0
    shortest_recording: int = 0

    def __post_init__(self) -> None:
        for name in ('scenes', 'glyphs', 'recorded', 'shortest_recording'):
            check_number(name, getattr(self, name), 0, MAX_STEPS)

    def weights(self, clips: Sequence[Clip]) -> np.ndarray:
        """Of each clip, (len(clips),): the square root of its length times its origin's share.

        The root keeps long recordings from dominating.
        """
        lengths = np.sqrt([len(clip) for clip in clips])
        if not any((self.scenes, self.glyphs, self.recorded)):
            return lengths
        weights = np.zeros(len(clips))
        for origin in ('scenes', 'glyphs', 'recorded'):
            least = self.shortest_recording if origin == 'recorded' else 0
            mine = np.array([c.origin == origin and len(c) >= least for c in clips], bool)
            if mine.any():
                weights[mine] = getattr(self, origin) * lengths[mine] / lengths[mine].sum()
        if not weights.any():
            raise ValueError('mix: no clip has an origin whose share is above 0')
        return weights


@dataclass(frozen=True)
class StageSettings:
    """One stage.

    Attributes:
        steps: how many.
        epochs: where it is not 0 it counts instead of steps: so many examples a clip.
        batch: examples of a step.
        lr: largest learning rate.
        warmup: steps to the full rate; -1: as the run's.
        ema: share that the average of the weights keeps at each step; -1: as the run's.
        still_keypoints: of the background's stages: as if no keypoint moved, much faster.
        simulated: of the stage tracks: share of its scenes that are simulated.
        mix: of clips by their origin.
        augmentation: None: as the run's.
    """

    steps: int = 5000
    epochs: int = 0
    batch: int = 32
    lr: float = 1e-3
    warmup: int = -1
    ema: float = -1.0
    still_keypoints: bool = False
    simulated: float = 0.4
    mix: Mix = field(default_factory=Mix)
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        check_whole('steps', self.steps, 1, MAX_STEPS)
        check_whole('epochs', self.epochs, 0, MAX_STEPS)
        check_whole('batch', self.batch, 1, MAX_BATCH)
        check_number('lr', self.lr, 1e-12, 1e30)
        if self.warmup < -1 or not (self.ema == -1 or 0 <= self.ema < 1):
            raise ValueError(
                f'warmup is {self.warmup} and ema {self.ema}, expected at least 0 and 0 up to 1, '
                "or -1 for the run's"
            )

        if not 0 <= self.simulated <= 1:
            raise ValueError(f'simulated is {self.simulated}, expected a share from 0 to 1')

    def steps_for(self, clips: int) -> int:
        """Number of steps with so many clips."""
        return max(1, self.epochs * clips // self.batch) if self.epochs else self.steps
