"""A training run small enough for tests: settings, clips on disk, one call."""

import csv
import os
import signal
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from small_models import moving_square, small_config

from tkn_ros.training.augmentation import Augmentation
from tkn_ros.training.config import RunOptions, TrainConfig
from tkn_ros.training.run_folder import RunFolder
from tkn_ros.training.settings import Settings
from tkn_ros.training.stage_settings import StageSettings
from tkn_ros.training.trainer import train

SETTINGS = Settings(
    model=small_config(drifts=True),
    stages=('detector', 'predictor', 'background', 'joint'),
    seed=3,
    ahead=4,
    horizon=4,
    max_gap=4,
    targets=2,
    warmup=5,
    ema=0.9,
    detector=StageSettings(steps=8, batch=4),
    predictor=StageSettings(steps=8, batch=4),
    joint=StageSettings(steps=4, batch=2),
    background=StageSettings(steps=4, batch=2),
    augmentation=Augmentation(crop=0.2),
)

# the same for the command line
TOML = """
stages = ["detector", "predictor", "background", "joint"]
seed = 3
ahead = 4
horizon = 4
max_gap = 4
targets = 2
[model]
window = 4
height = 32
width = 32
[model.detector]
keypoints = 5
channels = [6, 8, 8]
strides = [1, 2, 2]
kernels = [3, 3, 3]
groups = 2
output = "change"
[model.predictor]
keypoints = 5
d_model = 16
layers = 1
heads = 2
d_head = 8
d_inner = 24
[model.background]
channels = [8, 8, 8, 8]
[detector]
steps = 4
batch = 4
[predictor]
steps = 4
batch = 4
[background]
steps = 2
batch = 2
[joint]
steps = 2
batch = 2
"""


def write_clips(folder: Path, count: int = 3, frames: int = 24) -> list[str]:
    """.npy clips of a moving square; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(count):
        paths.append(str(folder / f'clip{i}.npy'))
        np.save(paths[-1], moving_square(frames, seed=i))
    return paths


def train_command(folder: Path, toml: str = TOML) -> list[str]:
    """Arguments of `tkn` for a training on clips in `folder`; without --out."""
    config, cache = folder / 'tiny.toml', folder / 'cache'
    config.write_text(toml)
    usual = ['--config', str(config), '--cache', str(cache), '--no-tensorboard']
    return ['train', '--data', *write_clips(folder / 'clips'), *usual]


def write_avi(path: Path, count: int) -> None:
    """A Motion JPEG of a moving square, which can be read up to where it is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mjpeg', rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 32, 'yuvj420p'
        for image in moving_square(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())


def steps(settings: Settings, count: int) -> Settings:
    """With so many steps in each stage."""
    return replace(
        settings,
        **{
            name: replace(getattr(settings, name), steps=count)
            for name in ('detector', 'predictor', 'background', 'joint')
        },
    )


def run(
    folder: Path,
    settings: Settings = SETTINGS,
    out: str = 'run',
    resume: bool = False,
    save_every: float = 1e9,
    **config,
):
    """Train on clips in `folder`; the weights."""
    data = config.pop('data', None) or write_clips(folder / 'clips')
    options = RunOptions(
        folder / 'cache', save_every=save_every, picture_every=1e9, tensorboard=False
    )
    return train(TrainConfig(settings, tuple(data), **config), folder / out, options, resume=resume)


def log_of(folder: Path) -> list[dict]:
    """The rows of a run's log."""
    with open(folder / 'log.csv', newline='') as file:
        return list(csv.DictReader(file))


def press_ctrl_c_at(monkeypatch, *places):
    """At the end of these (stage, step), each of them once."""
    log, left = RunFolder.log, list(places)

    def noting(folder, stage, loss):
        log(folder, stage, loss)
        if (stage.name, stage.step) in left:
            left.remove((stage.name, stage.step))
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(RunFolder, 'log', noting)
