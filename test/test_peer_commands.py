"""A network without keypoints through `tkn train`, `evaluate` and `predict`, as TKN goes."""

import itertools
import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import moving_square
from small_peers import WINDOW, small_peer_config
from train_help import log_of, press_ctrl_c_at, run, train_command, write_clips

from tkn_ros.baselines.checkpoints import load_network, save_network
from tkn_ros.baselines.networks import build_baseline
from tkn_ros.cli import main
from tkn_ros.training.config import RunOptions, TrainConfig
from tkn_ros.training.run import clock_of
from tkn_ros.training.sampler import Augmentation
from tkn_ros.training.settings import (
    Settings,
    SettingsError,
    load_settings,
    settings_from_dict,
    settings_to_dict,
)
from tkn_ros.training.stage_settings import StageSettings
from tkn_ros.training.trainer import train
from tkn_ros.video.open import open_source

TOML = """
architecture = "predrnnv2"
stages = ["frames"]
seed = 3
ahead = 3
horizon = 4
[model]
window = 3
height = 32
width = 32
hidden = 8
layers = 2
kernel = 3
[frames]
steps = 4
batch = 2
"""
SETTINGS = Settings(
    model=small_peer_config('predrnnv2', 32),
    stages=('frames',),
    seed=3,
    ahead=3,
    horizon=4,
    warmup=2,
    frames=StageSettings(steps=8, batch=2),
    augmentation=Augmentation(crop=0.2),
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    save_network('peer.safetensors', build_baseline(small_peer_config('convlstm', 32)))
    return tmp_path


def test_trained_evaluated_and_resumed_by_the_command(here, capsys):
    command = [*train_command(here, TOML), '--out', 'run']
    assert main([*command, '--test', str(here / 'clips/clip0.npy')]) == 0
    shown = capsys.readouterr().out
    assert 'repeat the last f' in shown and 'constant velocity' not in shown
    trained = load_network('run/model.safetensors')
    assert trained.config.hidden == 8 and trained.config.window == 3
    assert [r['stage'] for r in log_of(here / 'run')] == ['frames'] * 4
    assert list((here / 'run/pictures').glob('frames_*.png'))
    assert main(['train', '--resume', '--out', 'run', '--cache', 'cache']) == 0
    assert 'finished' in capsys.readouterr().err


def test_an_interrupted_run_ends_with_the_very_weights_of_one_that_was_not(tmp_path, monkeypatch):
    whole = run(tmp_path, SETTINGS, 'whole').state_dict()
    press_ctrl_c_at(monkeypatch, ('frames', 5))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, SETTINGS, 'parts')
    parts = run(tmp_path, SETTINGS, 'parts', resume=True).state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_minutes_are_of_the_clock_that_was_asked_for(tmp_path, monkeypatch):
    """A clock that goes on by a second whenever it is looked at ends a run of many steps."""
    asked = [RunOptions(tmp_path), RunOptions(tmp_path, processor_time=True)]
    assert [clock_of(options) for options in asked] == [time.monotonic, time.process_time]
    ticks = itertools.count()
    monkeypatch.setattr('tkn_ros.training.run.clock_of', lambda options: lambda: float(next(ticks)))
    monkeypatch.setattr('tkn_ros.training.trainer.clock_of', lambda options: lambda: 0.0)
    settings = replace(SETTINGS, frames=StageSettings(steps=10_000, batch=1))
    options = RunOptions(tmp_path / 'cache', minutes=1.0, tensorboard=False)
    data = tuple(write_clips(tmp_path / 'clips'))
    train(TrainConfig(settings, data), tmp_path / 'run', options)
    assert 10 < len(log_of(tmp_path / 'run')) < 60


def test_it_learns(tmp_path):
    settings = replace(SETTINGS, frames=StageSettings(steps=40, batch=2, lr=5e-3))
    run(tmp_path, settings)
    losses = [float(r['loss']) for r in log_of(tmp_path / 'run')]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_names_and_settings():
    settings, says_model = load_settings('frames', 'simvpv2')
    assert settings.stages == ('frames',) and not says_model
    assert settings.model.spatial == 64 and (settings.ahead, settings.horizon) == (10, 20)
    settings.check_stages()
    assert settings_from_dict(settings_to_dict(settings)) == settings
    assert settings_from_dict(settings_to_dict(Settings())) == Settings()
    assert load_settings('kth', 'tkn')[0] == load_settings('kth')[0]
    for name, network, said in (
        ('frames', 'oracle', "the network 'oracle' is unknown; give one of tkn, convlstm"),
        ('frames', '', 'is of networks without keypoints: leave it out, or give --model NAME'),
        ('kth', 'slamp', 'the network has no keypoints: "frames" is its only stage'),
    ):
        with pytest.raises(SettingsError, match=said):
            load_settings(name, network)[0].check_stages()


def test_a_network_goes_on_from_its_own_weights_alone(here, capsys):
    usual = ['train', '--data', *write_clips(here / 'clips'), '--no-tensorboard', '--steps', '2']
    usual += ['--cache', 'cache', '--init', 'peer.safetensors', '--horizon', '3']
    assert main([*usual, '--out', 'a', '--batch', '2']) == 0
    assert load_network('a/model.safetensors').config == load_network('peer.safetensors').config
    record = json.loads((here / 'a/run.json').read_text())
    assert record['settings']['architecture'] == 'convlstm'
    capsys.readouterr()
    for more, said in (
        (['--model', 'phydnet'], 'the weights of --init are of convlstm'),
        (['--joint'], '--joint'),
        (['--size', '64'], 'height is 32, expected 64'),
        (['--size', '30'], 'expected multiples of 4: the patch'),
    ):
        assert main([*usual, '--out', 'b', *more]) == 2
        assert said in capsys.readouterr().err


def test_evaluation_has_no_columns_of_keypoints(here, capsys):
    write_clips(here / 'clips')
    usual = ['evaluate', '--data', 'clips', '--weights', 'peer.safetensors', '--cache', 'cache']
    assert main([*usual, '--horizon', '4', '--json', 'a.json', '--report', 'report']) == 0
    said = capsys.readouterr()
    assert 'no keypoints' in said.err and 'constant' not in said.out
    results = json.loads((here / 'a.json').read_text())
    assert set(results['overall']) == {'model', 'repeat_last'}
    assert (here / 'report/report.md').is_file()


def test_predicted_frames_are_those_of_the_network(here, capsys):
    clip = moving_square(12)
    np.save('clip.npy', clip)
    from tkn_ros.video.writers import write_image

    for i, image in enumerate(clip):
        write_image(f'video/{i:02d}.png', image)
    usual = ['predict', 'video', '--weights', 'peer.safetensors', '--horizon', '4']
    assert main([*usual, '-o', 'out', '--last']) == 0
    with open_source('out') as source:
        drawn = np.stack([f.image for f in source])
    model = load_network('peer.safetensors')
    seen = torch.from_numpy(clip[-WINDOW:]).movedim(-1, -3).float()[None] / 255
    with torch.no_grad():
        expected = (model(seen, 4)[0].clamp(0, 1) * 255).round().byte().movedim(1, -1).numpy()
    assert np.array_equal(drawn, expected)
    assert main([*usual, '-o', 'keypoints.npz']) == 2
    assert 'keypoints are needed here' in capsys.readouterr().err
