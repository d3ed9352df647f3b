"""A stage by its name, as the settings of a run have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.datasets.clips import Clip
from tkn_ros.model.following import FollowingTKN
from tkn_ros.training.followed_background import followed_background_stage
from tkn_ros.training.frames_stage import frames_stage
from tkn_ros.training.motion_stage import motion_stage
from tkn_ros.training.picture_stages import background_stage, finetune_stage
from tkn_ros.training.processes import Processes
from tkn_ros.training.sampler import Sampling
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
    model: AnyNetwork,
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
    processes = processes or Processes()
    frames, weights = [c.frames for c in clips], stage.mix.weights(clips)
    schedule = s.schedule(name, len(frames), seconds)
    sampling = Sampling(s.seed, weights, augmentation, processes)
    if isinstance(model, Baseline):
        return frames_stage(model, frames, schedule, stage.batch, s.ahead, sampling)
    if isinstance(model, FollowingTKN):
        if name == 'motion':
            return motion_stage(model.motion, frames, schedule, stage.batch, sampling)
        if name == 'tracks':
            return tracks_stage(
                model.tracks,
                frames,
                schedule,
                model.config.window,
                stage.batch,
                sampling,
                stage.simulated,
            )
        return followed_background_stage(model, frames, schedule, stage.batch, s.ahead, sampling)
    if name == 'detector':
        return detector_stage(
            model.detector, frames, schedule, stage.batch, s.max_gap, sampling, s.targets
        )
    if name == 'predictor':
        keypoints = detect_keypoints(model.detector, frames, mirrored=augmentation.flip)
        sampling = replace(sampling, weights=np.tile(weights, len(keypoints) // len(frames)))
        return predictor_stage(
            model.predictor, keypoints, schedule, model.config.window, stage.batch, sampling
        )
    if name == 'joint':
        return joint_stage(model, frames, schedule, stage.batch, s.ahead, sampling)
    if name == 'finetune':
        return finetune_stage(model, frames, schedule, stage.batch, s.ahead, sampling)
    return background_stage(
        model,
        frames,
        schedule,
        stage.batch,
        s.ahead,
        sampling,
        stage.still_keypoints,
        name,
    )
