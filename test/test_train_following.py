"""Stages of networks whose keypoints are followed: what they learn from, and that they learn."""

import argparse
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import WINDOW, moving_patch, small_config, small_following_config
from train_help import log_of, press_ctrl_c_at, run

from tkn_ros.commands.train import _settings, add_arguments
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import (
    config_difference,
    config_from_json,
    config_to_json,
    load_checkpoint,
    save_checkpoint,
)
from tkn_ros.training.followed_background import followed_background_stage
from tkn_ros.training.followed_clips import follow
from tkn_ros.training.motion_stage import motion_stage
from tkn_ros.training.pictures import training_picture
from tkn_ros.training.settings import (
    Settings,
    SettingsError,
    load_settings,
    settings_from_dict,
    settings_to_dict,
)
from tkn_ros.training.stage import Schedule
from tkn_ros.training.stage_settings import StageSettings
from tkn_ros.training.tracks_stage import tracks_stage

CLIPS = [moving_patch(20, seed=0), moving_patch(20, seed=1, step=(-2, 2))]
SETTINGS = Settings(
    model=small_following_config(),
    stages=('motion', 'tracks', 'background'),
    ahead=4,
    horizon=4,
    ema=0.9,
    motion=StageSettings(steps=4, batch=2),
    tracks=StageSettings(steps=4, batch=2),
    background=StageSettings(steps=4, batch=2),
)


def model():
    torch.manual_seed(0)
    return build(small_following_config())


def gain(stage):
    """By how much the mean loss of eight steps falls from first to last."""
    losses = list(stage)
    stage.finish()
    return np.mean(losses[:8]) - np.mean(losses[-8:])


def changed(net, stage):
    """The parts of the network whose weights a stage changes."""
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    fell = gain(stage)
    return fell, {
        name.split('.')[0]
        for name, weight in net.state_dict().items()
        if not torch.equal(weight, before[name])
    }


def test_the_detector_learns_where_things_move():
    net = model()
    fell, parts = changed(
        net, motion_stage(net.motion, CLIPS, Schedule(40, 5e-3, 5), batch=4, most=16)
    )
    assert fell > 0.1 and parts == {'motion'}


def test_the_predictor_learns_where_points_go():
    net = model()
    stage = tracks_stage(net.tracks, CLIPS, Schedule(40, 5e-3, 5), WINDOW, batch=8, most=12)
    fell, parts = changed(net, stage)
    assert fell > 0.3 and parts == {'tracks'}


def test_the_background_learns_how_pictures_go_on():
    net = model()
    stage = followed_background_stage(net, CLIPS, Schedule(60, 5e-3, 5), batch=4, ahead=4, most=80)
    fell, parts = changed(net, stage)
    assert fell > 0.03 and parts == {'background'}


def test_where_nothing_moves_all_tracks_are_simulated(capsys):
    still = [np.repeat(CLIPS[0][:1], 12, 0)]
    stage = tracks_stage(model().tracks, still, Schedule(2, 1e-3), WINDOW, batch=2, most=4)
    assert len(list(stage)) == 2
    assert 'all tracks are simulated' in capsys.readouterr().err


def test_an_interrupted_run_ends_with_the_very_weights_of_one_that_was_not(tmp_path, monkeypatch):
    paths = []
    for i, clip in enumerate(CLIPS):
        paths.append(str(tmp_path / f'clip{i}.npy'))
        np.save(paths[-1], clip)
    whole = run(tmp_path, SETTINGS, 'whole', data=paths).state_dict()
    places = [('motion', 2), ('motion', 4), ('tracks', 3), ('background', 1)]
    press_ctrl_c_at(monkeypatch, *places)
    for number in range(len(places)):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, SETTINGS, 'parts', resume=number > 0, data=paths)
    parts = run(tmp_path, SETTINGS, 'parts', resume=True, data=paths).state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    saved = load_checkpoint(tmp_path / 'parts/model.safetensors')
    assert saved.config == SETTINGS.model
    assert all(torch.equal(whole[name], saved.state_dict()[name]) for name in whole)
    losses = [
        [(r['stage'], r['step'], r['loss']) for r in log_of(tmp_path / name)]
        for name in ('whole', 'parts')
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 12
    assert {p.name for p in (tmp_path / 'whole/pictures').iterdir()} == {
        f'{name}_000004.png' for name in SETTINGS.stages
    }


def test_points_of_a_pass_are_where_the_patch_is():
    """With a detector that says the whole picture moves."""
    net = model().eval()
    with torch.no_grad():
        net.motion.out.bias.fill_(20.0)
    ends, active = follow(net, CLIPS[0])
    assert ends.shape == (20, 3, net.config.following.keypoints, 2)
    assert active[-1].any() and ends.dtype == np.float32
    now = ends[-1, 0, active[-1]] * [320, 240]  # pixels
    corner = np.array([60 + 3 * 19, 80 + 19])
    assert ((now > corner - 4) & (now < corner + 68)).all()


def test_the_picture_of_a_training(tmp_path):
    picture = training_picture(model(), CLIPS[0][: WINDOW + 4])
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[1] > 8 * 96


@pytest.mark.parametrize('name', ['camera', 'default', 'adapt', 'kth'])
def test_settings_round_trip(name):
    settings, _ = load_settings(name)
    assert settings_from_dict(settings_to_dict(settings)) == settings
    assert config_from_json(config_to_json(settings.model)) == settings.model


def test_the_size_of_clips():
    assert SETTINGS.clip_size == (240, 320)
    assert load_settings('kth')[0].clip_size == (64, 64)


def test_stages_that_a_network_has_not_are_refused():
    with pytest.raises(SettingsError, match='"joint", and keypoints of the model are followed'):
        replace(SETTINGS, stages=('joint',)).check_stages()
    with pytest.raises(SettingsError, match=r'"motion".*add a table \[model.following\]'):
        replace(load_settings('kth')[0], stages=('motion',)).check_stages()
    with pytest.raises(SettingsError, match=r'add a table \[model.background\]'):
        replace(load_settings('kth')[0], stages=('background',)).check_stages()
    SETTINGS.check_stages()


def test_shares_of_simulated_tracks():
    with pytest.raises(ValueError, match='simulated is 1.5'):
        StageSettings(simulated=1.5)
    adapting, fresh = (load_settings(name)[0].tracks.simulated for name in ('adapt', 'camera'))
    assert adapting < fresh


def test_weights_of_the_other_kind_are_refused_by_name():
    one, other = SETTINGS.model, load_settings('kth')[0].model
    assert config_difference(one, other) == 'keypoints are followed, expected one for each channel'
    assert config_difference(other, one) == 'keypoints are one for each channel, expected followed'
    assert config_difference(one, one) == ''
    larger = replace(one, following=replace(one.following, keypoints=9))
    assert config_difference(one, larger).startswith('following is {"keypoints": 5')


def adapted(tmp_path, config, *extra):
    """The settings of the command line for given weights."""
    path = tmp_path / 'start.safetensors'
    save_checkpoint(path, build(config))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return _settings(parser.parse_args(['--out', 'x', '--init', str(path), *extra]))


def test_adaptation_has_the_stages_of_the_weights(tmp_path):
    followed = adapted(tmp_path, SETTINGS.model, '--batch', '4', '--size', '64')
    assert followed.stages == ('motion', 'tracks', 'background')
    assert followed.tracks.batch == 4 and followed.model.height == 64
    assert adapted(tmp_path, small_config(drifts=True)).stages == ('background',)
    assert adapted(tmp_path, small_config()).stages == ('joint',)
    with pytest.raises(ValueError, match='--joint: followed keypoints cannot'):
        adapted(tmp_path, SETTINGS.model, '--joint')
