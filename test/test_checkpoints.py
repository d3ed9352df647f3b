"""Checkpoint files: another variant, another version, or not whole."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import save_file

from tkn_ros.model import checkpoints
from tkn_ros.model.build import build
from tkn_ros.model.checkpoints import (
    FORMAT,
    CheckpointError,
    config_difference,
    config_from_json,
    config_to_json,
    load_checkpoint,
    save_checkpoint,
)
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKNConfig

SMALL = PredictorConfig(d_model=16, layers=1, heads=2, d_head=8, d_inner=16)
CONFIG = TKNConfig(predictor=SMALL)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / 'weights' / 'small.safetensors'
    save_checkpoint(path, build(CONFIG), training='none')
    return path


def rewrite(path, model, **meta):
    tensors = {name: t.contiguous() for name, t in model.state_dict().items()}
    save_file(tensors, path, {'format': FORMAT, 'tkn_config': config_to_json(CONFIG), **meta})


@pytest.mark.parametrize(
    'other, said',
    [
        (
            replace(CONFIG, predictor=replace(SMALL, kind='lstm')),
            'predictor.kind is "encoder", expected "lstm"',
        ),
        (
            replace(CONFIG, predictor=replace(SMALL, d_inner=17)),
            'predictor.d_inner is 16, expected 17',
        ),
        (replace(CONFIG, predictor=replace(SMALL, residual=True)), 'predictor.residual is false'),
        (
            replace(CONFIG, detector=DetectorConfig(structure='separate')),
            'detector.structure is "skip", expected "separate"',
        ),
        (
            replace(CONFIG, detector=DetectorConfig(sigma=2.0)),
            'detector.sigma is 1.5, expected 2.0',
        ),
        (replace(CONFIG, detector=DetectorConfig(kernels=(1,) * 6)), 'detector.kernels is'),
        (replace(CONFIG, process='sequential'), 'process is "parallel", expected "sequential"'),
    ],
)
def test_another_variant_is_refused_with_the_difference_named(saved, other, said):
    with pytest.raises(CheckpointError, match='are of another variant') as error:
        load_checkpoint(saved, expected=other)
    assert said in str(error.value)
    assert '\n' not in str(error.value)


def test_what_may_be_chosen_at_run_time_is_no_difference(saved):
    assert load_checkpoint(saved, expected=replace(CONFIG, window=4, height=128)).config == CONFIG
    assert config_difference(CONFIG, CONFIG) == ''


def test_weights_that_do_not_fit_the_named_architecture_are_refused(tmp_path):
    path = tmp_path / 'x.safetensors'
    for predictor, said in (
        (replace(SMALL, kind='rnn'), 'is missing'),
        (replace(SMALL, d_inner=24), r'is \(24,\), expected \(16,\)'),
        (replace(SMALL, layers=2), 'is not part of it'),
    ):
        model = build(replace(CONFIG, predictor=predictor))
        rewrite(path, model)
        with pytest.raises(CheckpointError, match='do not fit the architecture') as error:
            load_checkpoint(path)
        assert error.match(said)


def test_a_file_of_before_the_variants_still_loads(tmp_path):
    """Its JSON lacks every field that was added later; their defaults are what it was."""
    old = asdict(CONFIG)
    del old['process'], old['detector']['structure']
    for name in ('kind', 'latent', 'd_token', 'window'):
        del old['predictor'][name]
    assert config_from_json(json.dumps(old)) == CONFIG
    model = build(CONFIG).eval()
    rewrite(tmp_path / 'old.safetensors', model, tkn_config=json.dumps(old))
    loaded = load_checkpoint(tmp_path / 'old.safetensors')
    frames = torch.rand(1, 10, 3, 16, 16)
    assert torch.equal(loaded(frames, 2)[0], model(frames, 2)[0])


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '[]',
        '{"detector": {}}',
        '{"detector": 3, "predictor": {}}',
        '{"detector": {"depth": 9}, "predictor": {}}',
        '{"detector": {}, "predictor": {"kind": "oracle"}}',
    ],
)
def test_an_unknown_architecture_is_refused(tmp_path, text):
    rewrite(tmp_path / 'x.safetensors', build(CONFIG), tkn_config=text)
    with pytest.raises(CheckpointError, match='an architecture this version does not know'):
        load_checkpoint(tmp_path / 'x.safetensors')


def test_missing_truncated_and_foreign_files_are_refused(saved, tmp_path):
    with pytest.raises(CheckpointError, match='do not exist'):
        load_checkpoint(tmp_path / 'none.safetensors')
    cut = tmp_path / 'cut.safetensors'
    cut.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match='cannot be read as safetensors'):
        load_checkpoint(cut)
    cut.write_bytes(b'not a checkpoint at all')
    with pytest.raises(CheckpointError, match='cannot be read as safetensors'):
        load_checkpoint(cut)
    save_file({'x': torch.zeros(1)}, cut, {'format': 'pt'})
    with pytest.raises(CheckpointError, match='they are not of tkn_ros'):
        load_checkpoint(cut)


def test_half_precision_weights_load_as_float32(saved, tmp_path):
    model = load_checkpoint(saved)
    rewrite(tmp_path / 'half.safetensors', model.half())
    assert all(
        p.dtype == torch.float32
        for p in load_checkpoint(tmp_path / 'half.safetensors').parameters()
    )


def test_a_loaded_model_does_not_depend_on_its_file(saved):
    model = load_checkpoint(saved)
    before = model.predictor.embed.weight.sum().item()
    with open(saved, 'r+b') as file:  # overwritten in place while in use
        file.truncate(0)
    assert model.predictor.embed.weight.sum().item() == before


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    old = saved.read_bytes()

    def full(*_):
        raise OSError('no space left on device')

    monkeypatch.setattr(checkpoints, 'save_file', full)
    with pytest.raises(OSError):
        save_checkpoint(saved, build(CONFIG))
    assert saved.read_bytes() == old
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]
