"""A stage by its name, as the settings of a run have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tkn_ros.datasets.clips import Clip
from tkn_ros.model.tkn import TKN
from tkn_ros.training.followed_background import followed_background_stage
from tkn_ros.training.motion_stage import motion_stage
from tkn_ros.training.picture_stages import background_stage, finetune_stage
from tkn_ros.training.processes import Processes
from tkn_ros.training.settings import Settings
from tkn_ros.training.stage import Stage
from tkn_ros.training.stage_settings import StageSettings
from tkn_ros.training.stages import (
    detect_keypoints,
    detector_stage,
    joint_stage,
    predictor_stage,
)
from tkn_ros.training.tracks_stage import tracks_stage


def build_stage(
    name: str,
    model: TKN,
    clips: Sequence[Clip],
    settings: Settings,
    seconds: float = 0.0,
    processes: Processes | None = None,
) -> Stage:
    """The stage `name`, at its start.

    Args:
        name: one of `settings.STAGES`.
        model: that learns.
        clips: of the settings' `clip_size`.
        settings: of the run.
        seconds: that the stage may take from now on; 0 for no limit.
        processes: that share a step.
    """
    s = settings
    stage: StageSettings = getattr(s, name)
    augmentation = stage.augmentation or s.augmentation
    frames, weights = [c.frames for c in clips], stage.mix.weights(clips)
    schedule = s.schedule(name, len(frames), seconds)
    shared = {
        'seed': s.seed,
        'weights': weights,
        'augmentation': augmentation,
        'processes': processes,
    }
    if name == 'motion':
        return motion_stage(model.motion, frames, schedule, stage.batch, **shared)
    if name == 'tracks':
        return tracks_stage(
            model.tracks,
            frames,
            schedule,
            model.config.window,
            stage.batch,
            **shared,
            simulated=stage.simulated,
        )
    if model.config.following:
        return followed_background_stage(model, frames, schedule, stage.batch, s.ahead, **shared)
    if name == 'detector':
        return detector_stage(
            model.detector, frames, schedule, stage.batch, s.max_gap, **shared, targets=s.targets
        )
    if name == 'predictor':
        keypoints = detect_keypoints(model.detector, frames, mirrored=augmentation.flip)
        shared['weights'] = np.tile(weights, len(keypoints) // len(frames))
        return predictor_stage(
            model.predictor, keypoints, schedule, model.config.window, stage.batch, **shared
        )
    if name == 'joint':
        return joint_stage(model, frames, schedule, stage.batch, s.ahead, **shared)
    if name == 'finetune':
        return finetune_stage(model, frames, schedule, stage.batch, s.ahead, **shared)
    return background_stage(
        model,
        frames,
        schedule,
        stage.batch,
        s.ahead,
        **shared,
        still_keypoints=stage.still_keypoints,
        name=name,
    )
