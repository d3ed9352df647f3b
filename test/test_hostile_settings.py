"""Settings, records of runs and caches that are bent: one line and status 2, or made again."""

import json
import os

import numpy as np
import pytest
import torch
from small_models import moving_square, small_model

from tkn_ros.cli import main
from tkn_ros.datasets.find import find_recordings
from tkn_ros.datasets.prepared import prepare
from tkn_ros.streaming.backends.onnxruntime import ONNXRuntimeBackend, onnxruntime
from tkn_ros.streaming.backends.openvino import OpenVINOBackend, openvino
from tkn_ros.streaming.cache import cache_of
from tkn_ros.streaming.select import make_backend
from tkn_ros.training.settings import SettingsError, load_settings


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('TKN_CACHE_DIR', str(tmp_path / 'engine'))
    np.save('clip.npy', moving_square(40))
    return tmp_path


def refused(capsys, *command: str) -> str:
    """What is said: one line, with status 2, and nothing is left behind."""
    before = sorted(os.listdir())
    try:
        status = main(command)
    except SystemExit as stop:  # of the parser's
        status = stop.code
    said = capsys.readouterr().err
    assert status == 2 and 'Traceback' not in said
    assert len(said) < 1500 and said.strip().splitlines()[-1].startswith('tkn')
    assert sorted(os.listdir()) == before
    return said


@pytest.mark.parametrize(
    'text',
    [
        '[model]\nwindow = 0',
        '[model]\nwindow = 1000000000',
        '[model]\nheight = -8',
        '[model]\nheight = 4096\nwidth = 4096\nwindow = 256',
        '[model.detector]\nstrides = [0, 1, 1, 1, 1, 1]',
        '[model.detector]\nstrides = [1.5, 1, 1, 1, 1, 1]',
        '[model.detector]\nchannels = []',
        '[model.detector]\nsigma = nan',
        '[model.predictor]\nlayers = 1000000',
        '[model.predictor]\nlayers = 128\nd_model = 8192\nd_inner = 32768',
        '[detector]\nlr = inf',
        '[detector]\nlr = nan',
        '[detector]\nlr = 0',
        '[detector]\nbatch = 1000000000',
        '[detector]\nsteps = 99999999999',
        '[detector]\nepochs = -1',
        '[detector.mix]\nscenes = inf',
        '[augmentation]\nmax_rate = 10000000',
        '[augmentation]\nnoise = nan',
        'seed = -1',
        'seed = 99999999999999999999',
        'clip = inf',
        'ema = nan',
        'weight_decay = -1',
        'horizon = 1000000000',
        'max_gap = -1',
        'stages = [1]',
        'stages = []',
        'stages = 5',
        'model = 5',
        'nothing = 1',
        'seed = ',
        'x = ' + '[' * 50_000,
        'x = "' + 'y' * 2_000_000 + '"',
    ],
)
def test_a_config_that_cannot_be_used(here, capsys, text):
    (here / 'bent.toml').write_text(text)
    said = refused(capsys, 'train', '--data', 'clip.npy', '--out', 'run', '--config', 'bent.toml')
    assert 'bent.toml' in said


@pytest.mark.parametrize('kind', ['fifo', 'folder', 'bytes', 'missing'])
def test_a_config_that_is_no_text(here, kind):
    if kind == 'fifo':
        os.mkfifo('bent.toml')
    elif kind == 'folder':
        os.mkdir('bent.toml')
    elif kind == 'bytes':
        (here / 'bent.toml').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(SettingsError, match='bent.toml.*give a TOML file or one of the presets'):
        load_settings('bent.toml')


@pytest.mark.parametrize(
    'options',
    [
        '--seed -1',
        '--minutes nan',
        '--minutes -1',
        '--save-every inf',
        '--horizon 1000000000',
        '--batch 1000000000',
        '--batch 100000',
        '--window 1000',
        '--size 1000000',
        '--steps 0',
        '--part 1:0',
    ],
)
def test_options_of_training(here, capsys, options):
    refused(capsys, 'train', '--data', 'clip.npy', '--out', 'run', *options.split())


@pytest.mark.parametrize('content', ['[]', '5', '{}', '{"settings": 3}', '', '[' * 10**5])
def test_a_record_of_a_run_that_is_bent(here, content, capsys):
    (here / 'run').mkdir()
    (here / 'run/run.json').write_text(content)
    assert main(['train', '--resume', '--out', 'run']) in (1, 2)
    said = capsys.readouterr().err
    assert 'not the record of a run' in said and said.count('\n') == 1


TINY = """
stages = ["detector"]
[model]
window = 3
height = 32
width = 32
[model.detector]
keypoints = 4
channels = [4, 8]
strides = [1, 2]
kernels = [3, 3]
groups = 2
[model.predictor]
keypoints = 4
d_model = 8
layers = 1
heads = 1
d_head = 8
d_inner = 8
[detector]
steps = 2
batch = 4
"""


def test_a_saved_state_that_is_not_whole(here, capsys):
    (here / 'tiny.toml').write_text(TINY)
    command = ['train', '--data', 'clip.npy', '--out', 'run', '--config', 'tiny.toml']
    command += ['--cache', 'cache', '--no-tensorboard']
    assert main(command) == 0
    path = here / 'run/state.pt'
    whole = torch.load(path, weights_only=True)
    bent = [
        {},
        [],
        5,
        {**whole, 'stage_state': {}},
        {**whole, 'model': {}},
        {**whole, 'stage': 's'},
    ]
    bent += [{k: v for k, v in whole.items() if k != name} for name in whole]
    for state in bent:
        torch.save(state, path)
        capsys.readouterr()
        assert main([*command, '--resume']) in (1, 2)
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith('tkn: run') and '--init' in said, said


# two trials each, which take seconds; more shapes are the fuzz target 'choices'
@pytest.mark.parametrize('content', ['[]', '{"KEY": {"name": 5}}', b'\xff\xfe'])
def test_choices_of_any_shape_are_made_again(here, content):
    model = small_model()
    first = make_backend(model, 'auto', threads=1, horizon=2)
    path = cache_of(model) / 'choices.json'
    (key,) = json.loads(path.read_text())
    if isinstance(content, str):
        content = content.replace('KEY', key.replace('"', '')).encode()
    path.write_bytes(content)
    again = make_backend(model, 'auto', threads=1, horizon=2)
    assert again.reason and first.reason
    assert set(json.loads(path.read_text())) == {key}


@pytest.mark.parametrize('backend', [OpenVINOBackend, ONNXRuntimeBackend])
def test_a_kept_graph_of_other_weights_is_not_taken(here, backend):
    """Bytes that load and run, but are not what was kept."""
    if (openvino if backend is OpenVINOBackend else onnxruntime) is None:
        pytest.skip('this runtime is not installed')
    frames = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8).numpy()
    folders = [here / 'one', here / 'two']
    results = []
    for seed, folder in enumerate(folders):
        folder.mkdir()
        made = backend(small_model(seed), 'float32', threads=1, cache=folder)
        results.append(made.encode(frames)[0])
    assert not torch.allclose(*results)
    for file in folders[1].iterdir():  # swapped: the graph, its weights and its checksums
        file.rename(folders[0] / file.name)
    again = backend(small_model(0), 'float32', threads=1, cache=folders[0]).encode(frames)[0]
    assert torch.equal(again, results[0])


def test_a_prepared_clip_of_another_shape_is_made_again(here):
    (recording,) = find_recordings('clip.npy')
    first = prepare(recording, 16, 16, 'cache').frames.copy()
    (array,) = (here / 'cache').glob('*.npy')
    about = array.with_suffix('.json')
    good = json.loads(about.read_text())
    for bent in ([], 5, {}, {**good, 'fps': 'x'}, {**good, 'cuts': 5}, {**good, 'frames': 1e9}):
        about.write_text(json.dumps(bent))
        assert np.array_equal(prepare(recording, 16, 16, 'cache').frames, first)
    for bent in (b'', b'PK\x03\x04 no archive', array.read_bytes()[:-1]):
        array.write_bytes(bent)
        assert np.array_equal(prepare(recording, 16, 16, 'cache').frames, first)
