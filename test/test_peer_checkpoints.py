"""Checkpoints of networks other than TKN: the same checks, and who may use them."""

import json

import pytest
import torch
from safetensors.torch import save_file
from small_models import small_model
from small_peers import SIDE, WINDOW, small, small_peer_config

from tkn_ros.baselines.checkpoints import load_network, save_network
from tkn_ros.baselines.networks import BASELINES, config_to_json
from tkn_ros.cli import main
from tkn_ros.model.checkpoints import FORMAT, CheckpointError, load_checkpoint, save_checkpoint
from tkn_ros.version import VERSION

CONFIG = json.loads(config_to_json(small_peer_config('convlstm')))


@pytest.mark.parametrize('name', BASELINES)
def test_every_network_is_what_it_was(name, tmp_path):
    model, path = small(name).eval(), tmp_path / 'a.safetensors'
    save_network(path, model, training=VERSION)
    loaded = load_network(path)
    assert type(loaded) is BASELINES[name][1] and loaded.config == model.config
    assert not loaded.training
    frames = torch.rand(1, WINDOW, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(loaded(frames, 2), model(frames, 2))


def test_tkn_loads_by_the_same_function(tmp_path):
    model = small_model()
    for save in (save_checkpoint, save_network):
        save(tmp_path / 'a.safetensors', model)
        for load in (load_checkpoint, load_network):
            assert load(tmp_path / 'a.safetensors').config == model.config
    assert type(load_network(expected=load_checkpoint().config)) is type(load_checkpoint())


def test_where_keypoints_are_needed_other_networks_are_refused(tmp_path, capsys):
    path = tmp_path / 'a.safetensors'
    save_network(path, small('phydnet'))
    with pytest.raises(CheckpointError, match='of the network "phydnet", and keypoints are needed'):
        load_checkpoint(path)
    for command in (['export', '--out', str(tmp_path / 'out')], ['benchmark']):
        assert main([*command, '--weights', str(path)]) == 2
        error = capsys.readouterr().err
        assert 'only TKN' in error and error.count('\n') == 1


def test_another_network_or_variant_is_refused_by_name(tmp_path):
    path = tmp_path / 'a.safetensors'
    save_network(path, small('convlstm'))
    for expected, said in (
        (small_peer_config('predrnn'), 'the network is "convlstm", expected "predrnn"'),
        (small_model().config, 'the network is "convlstm", expected "tkn"'),
        (small_peer_config('convlstm', 32), 'height is 16, expected 32'),
    ):
        with pytest.raises(CheckpointError, match=said):
            load_network(path, expected=expected)
    save_checkpoint(path, small_model())
    with pytest.raises(CheckpointError, match='the network is "tkn", expected "convlstm"'):
        load_network(path, expected=small_peer_config('convlstm'))


def refused(folder, architecture: str, config: str) -> str:
    path = folder / 'bent.safetensors'
    meta = {'format': FORMAT, 'architecture': architecture, 'config': config}
    save_file({'x': torch.zeros(1)}, path, meta)
    with pytest.raises(CheckpointError) as error:
        load_network(path)
    assert '\n' not in str(error.value) and len(str(error.value)) < 600
    return str(error.value)


@pytest.mark.parametrize('name', ['', 'oracle', 'TKN', 'x' * 10_000])
def test_an_unknown_network(name, tmp_path):
    assert 'is none of tkn, convlstm' in refused(tmp_path, name, json.dumps(CONFIG))


@pytest.mark.parametrize('text', ['', '{', '[]', '5', '[' * 100_000, '{"depth": 3}', 'x' * 70_000])
def test_hyper_parameters_that_are_none(text, tmp_path):
    refused(tmp_path, 'convlstm', text)


@pytest.mark.parametrize('value', [None, 'ten', [], {}, True, 1.5, -1, 0, 10**9, float('nan')])
@pytest.mark.parametrize('name', BASELINES)
def test_every_entry_has_a_type_and_a_range(name, value):
    kind, config = BASELINES[name][0], json.loads(config_to_json(small_peer_config(name)))
    for entry, usual in config.items():
        number = isinstance(value, float | int) and not isinstance(value, bool)
        least = 1e-3 if entry == 'sigma' else 0
        if isinstance(usual, float) and number and least <= value <= 1e3:
            continue  # weights of a loss may be any
        if entry == 'recalled' and number and value == 0:
            continue  # all of them
        with pytest.raises((ValueError, TypeError)) as error:
            kind(**config | {entry: value})
        assert entry in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(
    'name, entries, said',
    [
        ('convlstm', {'kernel': 4}, 'kernel is 4, expected an odd number'),
        ('predrnn', {'height': 18}, 'expected multiples of 4: the patch'),
        ('e3d-lstm', {'kernel': [2, 5]}, 'expected (frames, pixels, pixels)'),
        ('phydnet', {'width': 18}, 'multiples of 4'),
        ('phydnet', {'hidden': [8, 7]}, 'expected 2 features = 8'),
        ('slamp', {'height': 24}, 'multiples of 16'),
        ('grid-keypoint', {'height': 32}, 'expected squares'),
        ('struct-vrnn', {'map_side': 5}, '5 times a power of 2'),
        ('simvpv2', {'height': 17}, 'multiples of 2'),
        ('dmvfn', {'scales': [2]}, '2 widths and 1 scales'),
        ('dmvfn', {'height': 20, 'width': 20}, 'multiples of 8'),
        (
            'slamp',
            {'height': 4096, 'width': 4096, 'first_width': 64},
            'height, width and the largest other number',
        ),
        ('predrnn', {'hidden': 4096, 'kernel': 4095}, 'weights: the sizes together make'),
    ],
)
def test_entries_that_do_not_go_together(name, entries, said, tmp_path):
    config = json.loads(config_to_json(small_peer_config(name))) | entries
    assert said in refused(tmp_path, name, json.dumps(config))
