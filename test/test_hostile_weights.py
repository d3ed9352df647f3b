"""Weights files that lie: refused in one line, before memory or time is spent on them."""

import json
import re
import struct

import pytest
import torch
from safetensors.torch import save_file
from small_models import small_config, small_following_config, small_model

from tkn_ros.model.checkpoints import (
    FORMAT,
    CheckpointError,
    config_from_json,
    config_to_json,
    load_checkpoint,
    save_checkpoint,
)
from tkn_ros.model.ranges import MAX_PARAMETERS

WHOLE = json.loads(config_to_json(small_config(drifts=True)))
FOLLOWING = json.loads(config_to_json(small_following_config()))
DEEP = '[' * 100_000


def changed(config: dict, path: str, value) -> str:
    """The configuration as JSON with one entry, as 'detector.strides', replaced."""
    copy = json.loads(json.dumps(config))
    *tables, name = path.split('.')
    at = copy
    for table in tables:
        at = at[table]
    at[name] = value
    return json.dumps(copy)


@pytest.mark.parametrize(
    'text', ['[]', '5', 'null', '"x"', '{', '', DEEP, '{"detector":' + DEEP, 'x' * 70_000]
)
def test_metadata_that_are_no_object(text, tmp_path):
    refused(tmp_path, text)


@pytest.mark.parametrize('value', [None, 'ten', [], {}, True, 1.5, -1, 0, 10**9, float('nan')])
@pytest.mark.parametrize(
    'config, path',
    [
        (WHOLE, path)
        for path in (
            'window',
            'height',
            'width',
            'detector.keypoints',
            'detector.groups',
            'predictor.keypoints',
            'predictor.d_model',
            'predictor.layers',
            'predictor.heads',
            'predictor.d_head',
            'predictor.d_inner',
            'predictor.window',
            'detector.strides',
            'detector.channels',
            'detector.kernels',
            'background.channels',
            'process',
            'detector.output',
            'detector.structure',
            'predictor.kind',
        )
    ]
    + [
        (FOLLOWING, path)
        for path in (
            'window',
            'following.keypoints',
            'following.detector.height',
            'following.detector.channels',
            'following.predictor.layers',
            'following.predictor.d_model',
            'following.predictor.heads',
        )
    ],
)
def test_every_entry_has_a_type_and_a_range(config, path, value):
    with pytest.raises((ValueError, TypeError)) as error:
        config_from_json(changed(config, path, value))
    assert path.split('.')[-1] in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(
    'path, value',
    [
        ('detector.strides', [0, 2, 2]),
        ('detector.strides', ['1', 2, 2]),
        ('detector.channels', []),
        ('detector.channels', [6, 8, -8]),
        ('detector.channels', [10**9] * 3),
        ('detector.kernels', [3, 3, 0]),
        ('detector.sigma', 0),
        ('detector.sigma', float('inf')),
        ('detector.sigma', 'wide'),
        ('predictor.dropout', float('nan')),
        ('predictor.residual', 1),
        ('background', []),
        ('detector', None),
        ('following', 'yes'),
        ('nothing', 1),
    ],
)
def test_further_entries(path, value, tmp_path):
    refused(tmp_path, changed(WHOLE, path, value))


def test_each_number_may_be_in_range_and_their_product_not(tmp_path):
    large = {'layers': 128, 'd_model': 8192, 'd_inner': 32768}
    for name, value in large.items():
        copy = json.loads(changed(WHOLE, f'predictor.{name}', value))
        config_from_json(json.dumps(copy))
    copy = json.loads(json.dumps(WHOLE))
    copy['predictor'].update(large)
    said = refused(tmp_path, json.dumps(copy))
    assert re.search(rf'the sizes together make \d+, expected at most {MAX_PARAMETERS}', said)
    copy = json.loads(json.dumps(WHOLE))
    copy.update(height=4096, width=4096, window=256)
    assert 'height, width, window and channels' in refused(tmp_path, json.dumps(copy))


def refused(folder, text: str) -> str:
    path = folder / 'bent.safetensors'
    save_file({'x': torch.zeros(1)}, path, {'format': FORMAT, 'tkn_config': text})
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path)
    assert '\n' not in str(error.value) and len(str(error.value)) < 600
    return str(error.value)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_weights_that_are_not_finite(value, tmp_path):
    model = small_model()
    with torch.no_grad():
        model.predictor.project.weight.flatten()[3] = value
    save_checkpoint(tmp_path / 'bent.safetensors', model)
    with pytest.raises(CheckpointError, match='holds NaN or infinity'):
        load_checkpoint(tmp_path / 'bent.safetensors')


def test_a_number_that_is_too_large_for_the_network(tmp_path):
    """In float64 it is finite."""
    tensors = {name: t.double() for name, t in small_model().state_dict().items()}
    next(iter(tensors.values())).flatten()[0] = 1e300
    meta = {'format': FORMAT, 'tkn_config': config_to_json(small_config())}
    save_file(tensors, tmp_path / 'bent.safetensors', meta)
    with pytest.raises(CheckpointError, match='holds NaN or infinity'):
        load_checkpoint(tmp_path / 'bent.safetensors')


def test_a_header_that_promises_more_than_the_file_holds(tmp_path):
    header = json.dumps(
        {'x': {'dtype': 'F32', 'shape': [10**9, 10**9], 'data_offsets': [0, 4 * 10**18]}}
    ).encode()
    path = tmp_path / 'bent.safetensors'
    path.write_bytes(struct.pack('<Q', len(header)) + header + bytes(64))
    with pytest.raises(CheckpointError, match='cannot be read as safetensors'):
        load_checkpoint(path)
