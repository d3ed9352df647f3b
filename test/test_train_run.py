"""A training run: interrupted and gone on, stopped by what can go wrong, and never half saved."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_models import small_config, small_model
from train_help import (
    SETTINGS,
    TOML,
    log_of,
    press_ctrl_c_at,
    run,
    steps,
    train_command,
    write_clips,
)

from tkn_ros.cli import main
from tkn_ros.model.checkpoints import load_checkpoint, save_checkpoint
from tkn_ros.training.interrupt import Interrupt
from tkn_ros.training.run_folder import RunFolder
from tkn_ros.training.settings import SettingsError
from tkn_ros.training.stage import TrainingError

USUAL = [
    '--data',
    'clips',
    '--cache',
    'cache',
    '--no-tensorboard',
    '--config',
    'tiny.toml',
    '--steps',
    '1',
]


def test_an_interrupted_run_ends_with_the_very_weights_of_one_that_was_not(
    tmp_path, monkeypatch, capsys
):
    whole = run(tmp_path, SETTINGS, 'whole').state_dict()
    places = [('detector', 1), ('detector', 8), ('predictor', 5), ('background', 3), ('joint', 2)]
    press_ctrl_c_at(monkeypatch, *places)
    for number, (stage, step) in enumerate(places):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, SETTINGS, 'parts', resume=number > 0)
        assert f'stopped; the checkpoint of {stage} step {step} is in' in capsys.readouterr().err
    parts = run(tmp_path, SETTINGS, 'parts', resume=True).state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    saved = load_checkpoint(tmp_path / 'parts/model.safetensors').state_dict()
    assert all(torch.equal(whole[name], saved[name]) for name in whole)
    losses = [
        [(r['stage'], r['step'], r['loss']) for r in log_of(tmp_path / name)]
        for name in ('whole', 'parts')
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 24


def test_the_average_of_the_weights_is_what_is_saved(tmp_path):
    model = run(tmp_path, replace(SETTINGS, stages=('detector',)))
    saved = load_checkpoint(tmp_path / 'run/model.safetensors')
    state = torch.load(tmp_path / 'run/state.pt', weights_only=True)
    name = 'detector.encoder.0.conv.weight'
    assert torch.equal(saved.state_dict()[name], model.state_dict()[name])
    assert not torch.equal(saved.state_dict()[name], state['model'][name])


def test_ctrl_c_once_asks_and_twice_stops():
    before = signal.getsignal(signal.SIGINT)
    with Interrupt(report=False) as interrupt:
        assert not interrupt.requested
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


SLOW = """
import sys, time
from tkn_ros.cli import main
from tkn_ros.training.run_folder import RunFolder

def log(folder, stage, loss, before=RunFolder.log):
    before(folder, stage, loss)
    if stage.step == 3:
        print('in the third step', file=sys.stderr, flush=True)
        time.sleep(60)

RunFolder.log = log
sys.exit(main(sys.argv[1:]))
"""  # the third step takes a minute


def test_ctrl_c_twice_leaves_the_last_checkpoint_intact(tmp_path):
    out = ['--out', str(tmp_path / 'run'), '--save-every', '0']
    command = [sys.executable, '-c', SLOW, *train_command(tmp_path), *out]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for sign in ('in the third step', 'tkn: stopping after this step and saving'):
        assert any(sign in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=50)
    assert process.returncode == 130 and 'Traceback' not in said
    assert 'tkn: stopped' in said and 'tkn: stopped; the checkpoint' not in said  # not saved again
    load_checkpoint(tmp_path / 'run/model.safetensors')
    folder = RunFolder(tmp_path / 'run')
    assert folder.read_state()['stage'] == 0 and 'detector step 2 is in' in folder.saved
    assert not [p for p in (tmp_path / 'run').iterdir() if p.name.startswith('.')]


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(tmp_path):
    detector = replace(SETTINGS.detector, lr=1e12, steps=200)
    with pytest.raises(
        TrainingError,
        match='is (nan|inf) at step .*lower the learning rate.*; the '
        'checkpoint of detector step .* is in',
    ) as error:
        run(tmp_path, replace(SETTINGS, detector=detector, ema=0.0, warmup=100), save_every=0)
    assert '\n' not in str(error.value)
    weights = load_checkpoint(tmp_path / 'run/model.safetensors').state_dict()
    assert all(torch.isfinite(w).all() for w in weights.values())


def test_adaptation_begins_with_the_weights_given(tmp_path):
    start = small_model(5, drifts=True)
    save_checkpoint(tmp_path / 'start.safetensors', start)
    tiny = replace(SETTINGS.detector, steps=1, lr=1e-12)
    settings = replace(SETTINGS, stages=('detector',), detector=tiny, ema=0.0)
    after = run(tmp_path, settings, init=str(tmp_path / 'start.safetensors')).state_dict()
    for name, weight in start.state_dict().items():
        assert torch.allclose(after[name], weight, atol=1e-6)


def test_the_minutes_are_kept(tmp_path):
    limits = ['--steps', '1000000', '--minutes', '0.04', '--joint']
    assert main([*train_command(tmp_path), '--out', str(tmp_path / 'run'), *limits]) == 0
    rows = log_of(tmp_path / 'run')
    assert float(rows[-1]['seconds']) < 3
    assert float(rows[-1]['lr']) < 0.1 * max(float(r['lr']) for r in rows)  # the cosine's end


@pytest.mark.parametrize(
    'arguments, said',
    [
        (['--out', 'run'], 'holds a training run already; go on with --resume'),
        (
            ['--out', 'run', '--resume', '--seed', '8'],
            'is a run of other settings: settings.seed is 8, there it was 3',
        ),
        (
            ['--out', 'other', '--config', 'camera', '--init', 'start.safetensors'],
            'another variant: keypoints are one for each channel, expected followed',
        ),
        (
            ['--out', 'other', '--config', 'none.toml'],
            'give a TOML file or one of the presets adapt, camera',
        ),
        (['--out', 'other', '--size', '33'], '--size is 33, expected a multiple of 4'),
        (['--out', 'other', '--window', '13'], 'clip0.npy (24 frames)'),
        (
            ['--out', 'other', '--part', '0:0.1'],
            'at least 8 frames are needed (window 4 + 4 ahead)',
        ),
        (['--out', 'other', '--device', 'cuda'], 'device "cuda": '),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    if 'cuda' in arguments and torch.cuda.is_available():
        pytest.skip('there is a GPU')
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / 'clips')
    Path('tiny.toml').write_text(TOML)
    save_checkpoint('start.safetensors', small_model())
    usual = ['train', *USUAL]
    if 'run' in arguments:
        assert main([*usual, '--out', 'run']) == 0
    capsys.readouterr()
    assert main([*usual, *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith('tkn: ') and said in message


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / 'clips')
    Path('tiny.toml').write_text(TOML)
    usual = ['train', *USUAL, '--out', 'run']
    assert main(usual) == 0
    before = Path('run/model.safetensors').read_bytes()
    assert main([*usual, '--resume']) == 0
    assert main(['train', '--resume', '--out', 'run', '--cache', 'cache', '--no-tensorboard']) == 0
    assert 'this run is finished' in capsys.readouterr().err
    assert Path('run/model.safetensors').read_bytes() == before
    assert sorted(p.name for p in Path('run/pictures').iterdir()) == [
        'background_000001.png',
        'detector_000001.png',
        'joint_000001.png',
        'predictor_000001.png',
    ]


def test_a_run_is_gone_on_with_from_another_folder(tmp_path, monkeypatch):
    """And where its data is named otherwise; what is no path stays what it is."""
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / 'clips')
    Path('tiny.toml').write_text(TOML)
    usual = [
        '--cache',
        str(tmp_path / 'cache'),
        '--no-tensorboard',
        '--config',
        str(tmp_path / 'tiny.toml'),
        '--steps',
        '1',
    ]
    assert main(['train', '--data', 'clips', 'synthetic:1', '--out', 'run', *usual]) == 0
    assert RunFolder('run').read()['data'] == [str(tmp_path / 'clips'), 'synthetic:1']
    Path('elsewhere').mkdir()
    monkeypatch.chdir(tmp_path / 'elsewhere')
    assert main(['train', '--resume', '--out', '../run', *usual[:3]]) == 0
    assert (
        main(['train', '--data', '../clips', 'synthetic:1', '--resume', '--out', '../run', *usual])
        == 0
    )


def test_tensorboard_logs(tmp_path):
    reading = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    from tkn_ros.training.config import RunOptions, TrainConfig
    from tkn_ros.training.trainer import train

    data = write_clips(tmp_path / 'clips')
    settings = steps(SETTINGS, 10)
    train(TrainConfig(settings, tuple(data)), tmp_path / 'run', RunOptions(tmp_path / 'cache'))
    events = reading.EventAccumulator(str(tmp_path / 'run/tensorboard'))
    events.Reload()
    stages = {'detector', 'predictor', 'background', 'joint'}
    assert {f'loss/{stage}' for stage in stages} <= set(events.Tags()['scalars'])
    assert set(events.Tags()['images']) == stages


def test_a_stage_that_the_model_has_nothing_for(tmp_path):
    settings = replace(SETTINGS, model=small_config())
    with pytest.raises(SettingsError, match='stages has "background", and the model has none'):
        run(tmp_path, settings)
    assert not (tmp_path / 'run').exists()
